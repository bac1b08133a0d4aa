"""Evidence that somebody made unusable is an answer that says so, and no fault inside."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.children.tables import fact, person_details
from consent_service.persistence.consents.tables import consent
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body
from consent_service.persistence.signatures.tables import statement
from tests.api.conftest import drop_guards
from tests.deployment import Deployment

Damage = Callable[[Connection, str], object]


def another_key(connection: Connection) -> str:
    """A key that is there, of the same controller."""
    query = sa.select(data_key.c.id).where(
        data_key.c.organisation_id == "municipality-x", data_key.c.child_id.is_(None)
    )
    return str(connection.scalar(query))


def file_statements_under_another_key(connection: Connection, asked: str) -> None:
    where = statement.c.consent_id == asked
    values = {"data_key_id": another_key(connection)}
    connection.execute(sa.update(statement).where(where).values(**values))


def file_the_consent_under_another_key(connection: Connection, asked: str) -> None:
    where = consent.c.id == asked
    values = {"data_key_id": another_key(connection)}
    connection.execute(sa.update(consent).where(where).values(**values))


def file_details_under_another_key(connection: Connection, _asked: str) -> None:
    connection.execute(sa.update(person_details).values(data_key_id=another_key(connection)))


def file_bodies_under_another_key(connection: Connection, asked: str) -> None:
    where = log_body.c.consent_id == asked
    values = {"data_key_id": another_key(connection)}
    connection.execute(sa.update(log_body).where(where).values(**values))


def delete_what_is_known_of_people(connection: Connection, _asked: str) -> None:
    connection.execute(sa.delete(person_details))


def delete_what_is_known_of_one_who_has_not_answered(connection: Connection, _asked: str) -> None:
    answered = sa.select(fact.c.person_id).where(fact.c.kind == "grant")
    children = sa.select(fact.c.child_id)
    connection.execute(
        sa.delete(person_details).where(
            person_details.c.person_id.not_in(answered),
            person_details.c.person_id.not_in(children),
        )
    )


def delete_the_fact_of_the_request(connection: Connection, asked: str) -> None:
    where = sa.and_(fact.c.consent_id == asked, fact.c.kind == "request")
    connection.execute(sa.delete(fact).where(where))


DAMAGES: dict[Damage, list[str]] = {
    file_statements_under_another_key: ["receipt"],
    file_the_consent_under_another_key: ["", "receipt", "timeline"],
    file_details_under_another_key: ["", "receipt", "timeline"],
    file_bodies_under_another_key: ["receipt"],
    delete_what_is_known_of_people: ["", "receipt", "timeline"],
    delete_what_is_known_of_one_who_has_not_answered: [""],
    delete_the_fact_of_the_request: ["", "receipt"],
}
"""What is done, and which views of the consent cannot be had any more."""


@pytest.mark.parametrize("do", DAMAGES, ids=lambda do: do.__name__)
def test_what_cannot_be_read_is_said_to_be_unreadable(
    service: Deployment, do: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    asked = service.ask()["id"]
    service.act(asked, "custody_holder", nth=0)
    engine = sa.create_engine(service.settings.database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        drop_guards(connection)
        do(connection, asked)
    seen: dict[str, Any] = {}
    for view in ("", "receipt", "timeline"):
        answer = service.get(f"/v1/consents/{asked}/{view}".rstrip("/"))
        seen[view] = (answer.status_code, answer.json.get("code"))
        assert "Retry-After" not in answer.headers
    for view, told in seen.items():
        if view in DAMAGES[do]:
            assert told == (503, "unreadable"), seen
        else:
            assert told[0] < 500 or told == (503, "unreadable"), seen
    assert any(one.levelno == logging.CRITICAL for one in caplog.records)
