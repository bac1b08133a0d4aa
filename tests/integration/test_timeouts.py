"""No wait is endless: a lock that does not come free is a 503, and a forgotten transaction ends."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from consent_service.persistence.kernel import database
from consent_service.persistence.kernel.database import engine_options, serving_options
from tests.deployment import FATHER, MOTHER, deploy


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT_MS", 300)
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 300)


def test_a_lock_that_does_not_come_free(impatient, database_url: str, tmp_path: Path) -> None:
    service = deploy(database_url, tmp_path).furnish()
    asked = service.ask()
    signatory = asked["signatories"][0]["id"]
    body = {
        "signatory": signatory,
        "channel": "oral",
        "note": None,
        "performed_by": {"id": "e1", "name": "Karen"},
    }
    path = f"/v1/consents/{asked['id']}/withdrawals"
    engine = service.parts.units.engine
    with engine.connect().execution_options(writes=True) as held:
        held.execute(sa.text("UPDATE child SET version = version"))
        answer = service.post(path, body)
        assert answer.status_code == 503
        assert answer.json["code"] == "database_unavailable"
        assert int(answer.headers["Retry-After"]) >= 1
        for secret in (MOTHER, FATHER, "child", "lock"):
            assert secret not in answer.get_data(as_text=True)
        held.rollback()
    assert service.post(path, body).status_code == 201
    service.close()


SETTINGS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


@pytest.mark.parametrize("stepwise", [False, True])
def test_every_connection_that_serves_requests_has_its_limits(
    postgres_url: str, tmp_path: Path, stepwise: bool
) -> None:
    service = deploy(postgres_url, tmp_path)
    units = service.parts.units
    with (units.stepwise if stepwise else units.writing)() as uow:
        shown = [uow.connection.exec_driver_sql(f"SHOW {name}").scalar() for name in SETTINGS]
    service.close()
    assert shown == ["10s", "30s", "1min"]


def test_the_commands_may_take_their_time(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url, **engine_options(postgres_url))
    with engine.connect() as connection:
        assert {connection.exec_driver_sql(f"SHOW {name}").scalar() for name in SETTINGS} == {"0"}
    engine.dispose()


def test_a_statement_that_takes_too_long_is_stopped(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_MS", 200)
    engine = sa.create_engine(postgres_url, **serving_options(postgres_url))
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError):
        connection.exec_driver_sql("SELECT pg_sleep(20)")
    engine.dispose()
