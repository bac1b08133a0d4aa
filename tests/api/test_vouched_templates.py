"""A template that no entry of the log vouches for is not used, whoever put it into the table."""

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.persistence.catalogue.tables import template_version
from consent_service.persistence.log.tables import log_body
from consent_service.signing.canonical import canonical_json
from tests.api.conftest import drop_guards
from tests.deployment import Deployment

TEMPLATE = "/v1/templates/joint-action-plan"
MINE = template_version.c.organisation_id == "municipality-x"


def _published(connection: Connection, organisation: str) -> dict[str, Any]:
    query = sa.select(template_version).where(template_version.c.organisation_id == organisation)
    return dict(connection.execute(query).mappings().one())


def _insert(connection: Connection, entry: str, **changes: Any) -> None:
    """A next version in which the child's own word is enough."""
    row = _published(connection, "municipality-x")
    content = canonical_json(
        json.loads(row["content"]) | {"version": 2, "signer_rule": "child_15_alone"}
    )
    added = {
        "version": 2,
        "content": content,
        "sha256": hashlib.sha256(content).hexdigest(),
        "entry_id": entry,
    }
    connection.execute(sa.insert(template_version).values(row | added | changes))


def insert_under_an_entry_about_something_else(connection: Connection) -> None:
    entries = sa.select(log_body.c.entry_id).where(
        log_body.c.controller_id == "municipality-x", log_body.c.type != "template_published"
    )
    _insert(connection, connection.scalars(entries).all()[0])


def insert_what_another_published(connection: Connection) -> None:
    """The word of one municipality is taken from it, and put under another's name."""
    taken = _published(connection, "municipality-z")
    drop_guards(connection)
    connection.execute(
        sa.delete(template_version).where(template_version.c.organisation_id == "municipality-z")
    )
    copied = {name: taken[name] for name in ("content", "sha256")}
    _insert(connection, taken["entry_id"], **copied)


def change_what_was_published(connection: Connection) -> None:
    drop_guards(connection)
    row = _published(connection, "municipality-x")
    content = canonical_json(json.loads(row["content"]) | {"signer_rule": "child_15_alone"})
    values = {"content": content, "sha256": hashlib.sha256(content).hexdigest()}
    connection.execute(sa.update(template_version).where(MINE).values(values))


def take_the_entry_away(connection: Connection) -> None:
    connection.execute(sa.delete(log_body).where(log_body.c.type == "template_published"))


DAMAGES = [
    insert_under_an_entry_about_something_else,
    insert_what_another_published,
    change_what_was_published,
    take_the_entry_away,
]


def _damage(service: Deployment, do: Callable[[Connection], None]) -> None:
    engine = sa.create_engine(service.settings.database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        do(connection)


@pytest.mark.parametrize("do", DAMAGES, ids=lambda do: do.__name__)
def test_nobody_is_asked_by_a_template_that_nobody_published(
    service: Deployment, do: Callable[[Connection], None], caplog: pytest.LogCaptureFixture
) -> None:
    _damage(service, do)
    answers = [
        service.post("/v1/consents", service.request_body()),
        service.get(TEMPLATE),
        service.get("/v1/templates"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json["code"]) == (503, "not_vouched_for"), answer.json
        assert "Retry-After" not in answer.headers
    told = [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]
    assert len(told) == len(answers)
    assert all("template municipality-x/joint-action-plan/" in one for one in told)


def test_the_version_that_was_published_goes_on_being_used(service: Deployment) -> None:
    asked = service.ask()
    _damage(service, insert_under_an_entry_about_something_else)
    assert service.get(f"{TEMPLATE}/versions/1").status_code == 200
    service.act(asked["id"], "custody_holder", nth=0)
    service.act(asked["id"], "custody_holder", nth=1)
    assert service.disclose().status_code == 201
