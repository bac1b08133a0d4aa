"""The state of a consent follows the clock, not a job: only the service's own clock is bent."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from consent_service.domain.kernel.calendar import local_date
from consent_service.persistence.children.tables import fact
from tests.deployment import Deployment
from tests.service_process import ServiceProcess, deploy_in_real_time, running_service

YEAR_AHEAD = timedelta(days=366, minutes=1)


@pytest.fixture
def deployment(database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy_in_real_time(database_url, tmp_path)
    yield deployment
    deployment.close()


@contextmanager
def served_at(
    deployment: Deployment, folder: Path, library: Path, offset: timedelta
) -> Iterator[ServiceProcess]:
    """The service under a clock that is ahead of or behind this machine's."""
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{offset.total_seconds():+.0f}s",
        # The times of files stay as they are: the master looks at them for a sign of life.
        "NO_FAKE_STAT": "1",
    }
    with running_service(
        deployment, folder, workers=1, environment=environment, offset=offset
    ) as service:
        yield service


def _child(birth_date: date) -> dict[str, Any]:
    return {
        "cpr": f"{birth_date:%d%m%y}4321",
        "name": "Barn",
        "birth_date": birth_date.isoformat(),
    }


def _ask(service: ServiceProcess, consent: str, child: dict[str, Any]) -> tuple[str, Any]:
    """The consent's status, and the answer to a disclosure."""
    controller, sender = service.client("municipality-x"), service.client("gp-y")
    try:
        shown = controller.get(f"/v1/consents/{consent}")
        assert shown.status == 200, shown.body
        body = service.deployment.disclosure_body(child={"cpr": child["cpr"]})
        return shown.body["status"], sender.post("/v1/disclosures", body)
    finally:
        controller.close()
        sender.close()


def _facts(deployment: Deployment) -> int:
    with deployment.parts.units.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(fact)) or 0)


def _birthday(today: date, age: int, days_from_now: int) -> date:
    """The birth date of whoever turns that age in so many days; never on a leap day."""
    day = today + timedelta(days=days_from_now)
    if (day.month, day.day) == (2, 29):
        day += timedelta(days=1)
    return day.replace(year=day.year - age)


def test_a_year_later_a_consent_has_expired(
    deployment: Deployment, tmp_path: Path, faketime_library: Path
) -> None:
    child = _child(_birthday(datetime.now(UTC).date(), 9, 100))
    asked = deployment.in_force(child=child)
    facts = _facts(deployment)
    with served_at(deployment, tmp_path, faketime_library, timedelta(0)) as service:
        status, answer = _ask(service, asked["id"], child)
        assert (status, answer.status) == ("in_force", 201), answer.body
    with served_at(deployment, tmp_path, faketime_library, YEAR_AHEAD) as service:
        status, answer = _ask(service, asked["id"], child)
        assert (status, answer.status) == ("expired", 403), answer.body
        assert answer.reasons == {"expired"}
    assert _facts(deployment) == facts


def test_on_the_fifteenth_birthday_the_child_itself_must_sign(
    deployment: Deployment, tmp_path: Path, faketime_library: Path
) -> None:
    today = local_date(datetime.now(UTC))
    birth_date = _birthday(today, 15, 40)
    child = _child(birth_date)
    asked = deployment.in_force(child=child)
    facts = _facts(deployment)
    birthday = birth_date.replace(year=birth_date.year + 15)
    for days, status, http_status in ((-1, "in_force", 201), (0, "incomplete", 403)):
        # Noon in Copenhagen, give or take an hour: the day is what counts.
        noon = datetime(birthday.year, birthday.month, birthday.day, 11, tzinfo=UTC)
        offset = noon + timedelta(days=days) - datetime.now(UTC)
        with served_at(deployment, tmp_path, faketime_library, offset) as service:
            shown, answer = _ask(service, asked["id"], child)
            assert (shown, answer.status) == (status, http_status), answer.body
            if answer.status == 403:
                assert answer.reasons == {"young_person_must_sign"}
    assert _facts(deployment) == facts


def test_a_clock_behind_the_newest_fact_decides_nothing(
    deployment: Deployment, tmp_path: Path, faketime_library: Path
) -> None:
    child = _child(_birthday(datetime.now(UTC).date(), 9, 100))
    asked = deployment.in_force(child=child)
    behind = timedelta(seconds=-60)
    with served_at(deployment, tmp_path, faketime_library, behind) as service:
        sender, recorder = service.client("gp-y"), service.client("municipality-x")
        body = deployment.disclosure_body(child={"cpr": child["cpr"]})
        mother = next(s["id"] for s in asked["signatories"] if s["role"] == "custody_holder")
        withdrawal = {
            "signatory": mother,
            "channel": "oral",
            "performed_by": {"id": "e1", "name": "Karen"},
        }
        try:
            for answer in (
                sender.post("/v1/disclosures", body),
                recorder.post(f"/v1/consents/{asked['id']}/withdrawals", withdrawal),
            ):
                assert (answer.status, answer.body["code"]) == (503, "clock_behind"), answer.body
        finally:
            sender.close()
            recorder.close()
