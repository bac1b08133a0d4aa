"""Who may ask is vouched for as one set: what somebody wrote into its tables authorises nobody."""

import hashlib
import logging
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from werkzeug.test import TestResponse

from consent_service.errors import ClientsNotVouchedFor, Misconfigured
from consent_service.persistence.access.client_set import ClientRows
from consent_service.persistence.access.tables import (
    client,
    client_epoch,
    client_key,
    client_revocation,
    client_secret,
)
from consent_service.persistence.keys.sealing import Index
from consent_service.services.access.manage_clients import suspend_all
from tests.api.conftest import drop_guards
from tests.deployment import OPERATOR, Deployment, deploy

TABLES = (client, client_key, client_secret, client_revocation)
SET = (*TABLES, client_epoch)

Rows = dict[str, list[dict[str, Any]]]
Damage = Callable[[Connection], object]


def register(service: Deployment, name: str = "journal", *scopes: str) -> str:
    """A client with a secret; the secret."""
    body = {
        "id": name,
        "organisation": "gp-y",
        "scopes": list(scopes) or ["disclosures:write"],
        "auth_method": "client_secret",
    }
    answer = service.post("/v1/clients", body, org="operator")
    assert answer.status_code == 201, answer.json
    return str(answer.json["client_secret"])


def revoke(service: Deployment, name: str) -> None:
    assert service.post(f"/v1/clients/{name}/revocation", {}, org="operator").status_code == 200


def log_in(service: Deployment, secret: str, name: str = "journal") -> TestResponse:
    proof = b64encode(f"{name}:{secret}".encode()).decode()
    return service.client().post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {proof}"},
    )


def damage(service: Deployment, do: Damage) -> None:
    engine = sa.create_engine(service.settings.database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        drop_guards(connection)
        do(connection)


def started_again(service: Deployment) -> Deployment:
    """Another process over the same database, which remembers nothing."""
    folder = service.settings.keys_file.parent
    return deploy(service.settings.database_url, folder, clock=service.clock)


def started_if_it_may(service: Deployment) -> Deployment | None:
    """The same; None where the anchor's journal remembers a newer number, so that none starts."""
    try:
        return started_again(service)
    except Misconfigured as refused:
        if "clients' epoch" not in str(refused.detail):
            raise
        return None


def rows_of(service: Deployment) -> Rows:
    with service.parts.units.engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in SET
        }


def put_back(rows: Rows) -> Damage:
    def do(connection: Connection) -> None:
        for table in reversed(SET):
            connection.execute(sa.delete(table))
        for table in SET:
            if rows[table.name]:
                connection.execute(sa.insert(table), rows[table.name])

    return do


def vouch_for_what_stands(engine: Engine, index: Index) -> None:
    """As somebody would who has the keys too."""
    with engine.begin() as connection:
        epoch = connection.scalar(sa.select(client_epoch.c.epoch))
        mac = ClientRows.read(connection).mac(index, epoch)
        connection.execute(sa.update(client_epoch).values(mac=mac))


# -- what somebody with the database does -------------------------------------------------------

MADE_UP = "a secret of the attacker's own"
SOME_ID = "0195f0a0-0000-7000-8000-000000000001"


def insert_a_client(connection: Connection) -> None:
    now = datetime.now(UTC)
    connection.execute(
        sa.insert(client).values(
            id="forged",
            organisation_id="municipality-x",
            scopes="audit:read consents:write organisations:write",
            auth_method="client_secret",
            created_at=now,
        )
    )
    insert_a_secret(connection, "forged")


def insert_a_secret(connection: Connection, owner: str = "journal") -> None:
    digest = hashlib.sha256(MADE_UP.encode()).digest()
    connection.execute(
        sa.insert(client_secret).values(
            id=SOME_ID, client_id=owner, sha256=digest, created_at=datetime.now(UTC)
        )
    )


def exchange_a_secret(connection: Connection) -> None:
    digest = hashlib.sha256(MADE_UP.encode()).digest()
    connection.execute(sa.update(client_secret).values(sha256=digest))


def insert_a_key(connection: Connection) -> None:
    values = {"client_id": "journal", "kid": "mine", "jwk": {"kty": "OKP"}}
    connection.execute(sa.insert(client_key).values(**values, added_at=datetime.now(UTC)))


def widen_the_scopes(connection: Connection) -> None:
    connection.execute(sa.update(client).values(scopes="disclosures:write organisations:write"))


def move_to_another_organisation(connection: Connection) -> None:
    connection.execute(sa.update(client).values(organisation_id="municipality-x"))


def delete_the_revocation(connection: Connection) -> None:
    connection.execute(sa.delete(client_revocation))


def date_the_revocation_otherwise(connection: Connection) -> None:
    connection.execute(sa.update(client_revocation).values(revoked_at=datetime.now(UTC)))


def raise_the_epoch(connection: Connection) -> None:
    connection.execute(sa.update(client_epoch).values(epoch=client_epoch.c.epoch + 1))


def lower_the_epoch(connection: Connection) -> None:
    connection.execute(sa.update(client_epoch).values(epoch=client_epoch.c.epoch - 1))


def empty_the_mac(connection: Connection) -> None:
    connection.execute(sa.update(client_epoch).values(mac=None))


def begin_again_with_these_rows(connection: Connection) -> None:
    connection.execute(sa.update(client_epoch).values(epoch=1, mac=None))


def change_a_byte_of_the_mac(connection: Connection) -> None:
    mac = bytes(connection.scalar(sa.select(client_epoch.c.mac)) or b"")
    connection.execute(sa.update(client_epoch).values(mac=bytes([mac[0] ^ 1]) + mac[1:]))


def delete_the_epoch(connection: Connection) -> None:
    connection.execute(sa.delete(client_epoch))


CHANGES = [
    insert_a_client,
    insert_a_secret,
    exchange_a_secret,
    insert_a_key,
    widen_the_scopes,
    move_to_another_organisation,
    delete_the_revocation,
    date_the_revocation_otherwise,
    raise_the_epoch,
    lower_the_epoch,
    empty_the_mac,
    begin_again_with_these_rows,
    change_a_byte_of_the_mac,
    delete_the_epoch,
]
SEEN_AT_ONCE = [raise_the_epoch, lower_the_epoch, begin_again_with_these_rows, delete_the_epoch]
"""A process that runs looks at the number with each request, at the rows when it changes."""


def assert_nobody_is_let_in(service: Deployment, secret: str) -> None:
    answers = [
        service.get("/v1/consents"),
        service.disclose(),
        service.post("/v1/client-revocations", {"client": "x", "organisation": "gp-y"}, "operator"),
        log_in(service, secret),
        log_in(service, MADE_UP, "forged"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json["code"]) == (503, "not_vouched_for"), answer.json
        assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("do", CHANGES, ids=lambda do: do.__name__)
def test_a_process_that_starts_lets_nobody_in_until_it_is_right_again(
    service: Deployment, do: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    secret = register(service)
    register(service, "revoked")
    revoke(service, "revoked")
    right = rows_of(service)
    damage(service, do)
    again = started_if_it_may(service)
    if again is None:
        damage(service, put_back(right))
        again = started_again(service)
    else:
        assert_nobody_is_let_in(again, secret)
        told = [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]
        # Once in a minute, however many ask.
        assert len(told) == 1
        assert "client_epoch" in told[0]
        damage(service, put_back(right))
    assert log_in(again, secret).status_code == 200
    assert again.get("/v1/consents").status_code == 200
    again.close()


@pytest.mark.parametrize("do", CHANGES, ids=lambda do: do.__name__)
def test_a_process_that_runs_follows_nothing_that_was_changed(
    service: Deployment, do: Damage
) -> None:
    secret = register(service)
    old = register(service, "revoked")
    revoke(service, "revoked")
    assert service.get("/v1/consents").status_code == 200
    damage(service, do)
    if do in SEEN_AT_ONCE:
        assert_nobody_is_let_in(service, secret)
        return
    for name, tried in [("forged", MADE_UP), ("journal", MADE_UP), ("revoked", old)]:
        assert log_in(service, tried, name).status_code in (401, 503)
    token = log_in(service, secret)
    if token.status_code == 200:
        assert token.json["scope"] == "disclosures:write"


@pytest.mark.parametrize("do", CHANGES, ids=lambda do: do.__name__)
def test_nothing_is_vouched_for_anew_with_what_was_slipped_in(
    service: Deployment, do: Damage
) -> None:
    """The next change would make the whole set right, if it did not look at it first."""
    register(service)
    register(service, "revoked")
    revoke(service, "revoked")
    damage(service, do)
    damaged = rows_of(service)
    body = {"client": "somebody", "organisation": "gp-y"}
    answer = service.post("/v1/client-revocations", body, org="operator")
    assert (answer.status_code, answer.json["code"]) == (503, "not_vouched_for")
    assert rows_of(service) == damaged
    again = started_if_it_may(service)
    if again is not None:
        assert again.get("/v1/consents").status_code == 503
        again.close()


@pytest.mark.parametrize("suspends", [False, True])
def test_what_is_slipped_in_while_clients_are_changed_is_not_vouched_for(
    service: Deployment, suspends: bool
) -> None:
    """A trigger of the owner's writes within our own transaction, after the set was verified."""
    register(service)
    damage(service, slip_in_with("client" if suspends else "client_revocation"))
    if suspends:
        with service.parts.units.writing() as uow:
            suspend_all(uow, service.parts.context, OPERATOR, "gp-y")
            uow.commit()
    else:
        body = {"client": "somebody", "organisation": "gp-y"}
        assert service.post("/v1/client-revocations", body, org="operator").status_code == 201
    again = started_again(service)
    for deployed in (service, again):
        answer = log_in(deployed, MADE_UP, "forged")
        assert (answer.status_code, answer.json["code"]) == (503, "not_vouched_for")
    again.close()


def slip_in_with(changed: str) -> Damage:
    """Whenever this table is written to, so is a client of the attacker's own."""
    at, digest = "2026-11-23 09:00:00+00", hashlib.sha256(MADE_UP.encode()).hexdigest()

    def do(connection: Connection) -> None:
        is_postgres = connection.dialect.name == "postgresql"
        time = at if is_postgres else at.replace(" ", "T").replace("+00", ".000000Z")
        bytes_ = f"'\\x{digest}'" if is_postgres else f"x'{digest}'"
        body = (
            "INSERT INTO client (id, organisation_id, scopes, auth_method, created_at) VALUES"
            f" ('forged', 'gp-y', 'audit:read', 'client_secret', '{time}') ON CONFLICT DO NOTHING;"
            " INSERT INTO client_secret (id, client_id, sha256, created_at) VALUES"
            f" ('{SOME_ID}', 'forged', {bytes_}, '{time}') ON CONFLICT DO NOTHING;"
        )
        event = "UPDATE" if changed == "client" else "INSERT"
        if not is_postgres:
            begun = f"CREATE TRIGGER slip AFTER {event} ON {changed} BEGIN {body} END"
            connection.exec_driver_sql(begun)
            return
        connection.exec_driver_sql(
            "CREATE FUNCTION slip() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
            f" $$BEGIN {body} RETURN NULL; END$$"
        )
        connection.exec_driver_sql(
            f"CREATE TRIGGER slip AFTER {event} ON {changed} EXECUTE FUNCTION slip()"
        )

    return do


def test_an_older_state_is_no_authority_to_a_process_that_saw_a_newer_one(
    service: Deployment,
) -> None:
    secret = register(service)
    older = rows_of(service)
    revoke(service, "journal")
    assert log_in(service, secret).status_code == 401
    damage(service, put_back(older))
    assert_nobody_is_let_in(service, secret)


def test_an_older_state_is_no_authority_where_the_newer_number_is_remembered_elsewhere(
    service: Deployment,
) -> None:
    """The anchor's journal: no process starts, and one that had just started lets nobody in."""
    secret = register(service)
    older = rows_of(service)
    revoke(service, "journal")
    again = started_again(service)
    damage(service, put_back(older))
    assert_nobody_is_let_in(again, secret)
    again.close()
    assert started_if_it_may(service) is None


def test_what_a_process_remembers_is_no_authority_once_a_newer_number_is_told(
    service: Deployment,
) -> None:
    secret = register(service)
    assert service.disclose().status_code == 403
    service.parts.units.known_clients.expect(rows_of(service)["client_epoch"][0]["epoch"] + 1)
    assert_nobody_is_let_in(service, secret)


def test_in_which_order_the_rows_stand_is_nothing(service: Deployment) -> None:
    """A dump that is read in again, or a row that PostgreSQL moved."""
    secret = register(service, "b-system")
    register(service, "a-system")
    rows = rows_of(service)
    damage(service, put_back({name: found[::-1] for name, found in rows.items()}))
    again = started_again(service)
    assert log_in(again, secret, "b-system").status_code == 200
    again.close()


def test_what_vouches_stays_what_it_is() -> None:
    """Another way to write it, and no client would be let in after an upgrade."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    since = datetime(2026, 11, 23, 9, tzinfo=UTC)
    with engine.begin() as connection:
        for table in TABLES:
            table.create(connection)
        own = {"organisation_id": "gp-y", "scopes": "audit:read", "created_at": since}
        for name in ("b-system", "a-system"):
            row = {"id": name, "auth_method": "private_key_jwt", "suspended_at": None}
            connection.execute(sa.insert(client).values(**row, **own))
        key = {"client_id": "a-system", "kid": "k1", "jwk": {"kty": "OKP"}, "added_at": since}
        connection.execute(sa.insert(client_key).values(**key))
        made = {"id": SOME_ID, "client_id": "b-system", "sha256": bytes(32), "created_at": since}
        connection.execute(sa.insert(client_secret).values(**made))
        gone = {"issuer": "", "client_id": "c-system", "revoked_at": since}
        connection.execute(sa.insert(client_revocation).values(**gone))
        mac = ClientRows.read(connection).mac(Index.of(bytes(32)), 7)
    assert mac.hex() == "0bd0c9009a33e4f0276d4d23af88a5cf29c6a433d18680d6d5b149b15127c2c1"


def test_the_empty_set_needs_no_vouching_at_the_very_first(service: Deployment) -> None:
    (row,) = rows_of(service)["client_epoch"]
    assert (row["epoch"], row["mac"]) == (1, None)
    assert service.get("/v1/consents").status_code == 200


@pytest.mark.parametrize("do", [raise_the_epoch, insert_a_client], ids=lambda do: do.__name__)
def test_that_exception_is_for_no_other_number_and_no_row(service: Deployment, do: Damage) -> None:
    damage(service, do)
    again = started_again(service)
    assert again.get("/v1/consents").json["code"] == "not_vouched_for"
    again.close()


def test_a_change_that_changes_nothing_raises_no_number(service: Deployment) -> None:
    register(service)
    before = rows_of(service)
    body = {"scopes": ["disclosures:write"]}
    assert service.post("/v1/clients/journal/scopes", body, org="operator").status_code == 200
    revoke(service, "journal")
    once = rows_of(service)
    revoke(service, "journal")
    assert rows_of(service) == once
    assert once["client_epoch"][0]["epoch"] == before["client_epoch"][0]["epoch"] + 1


def test_a_process_meets_the_changes_of_another_and_goes_on(service: Deployment) -> None:
    other = started_again(service)
    secret = register(other)
    assert log_in(service, secret).status_code == 200
    revoke(service, "journal")
    assert log_in(other, secret).status_code == 401
    other.close()


def test_damage_is_a_refusal_and_no_fault_inside(service: Deployment) -> None:
    register(service)
    damage(service, widen_the_scopes)
    again = started_again(service)
    with again.parts.units.writing() as uow, pytest.raises(ClientsNotVouchedFor):
        uow.clients.begin_change()
    again.close()


def test_while_clients_are_changed_nobody_is_refused_for_it(service: Deployment) -> None:
    """Number, MAC and rows are of one moment, whoever reads them while they change."""
    other = started_again(service)
    changed: list[int] = []
    answered: list[tuple[int, str]] = []

    def change(nth: int) -> None:
        for count in range(6):
            register((service, other)[nth % 2], f"client-{nth}-{count}")
            revoke((other, service)[nth % 2], f"client-{nth}-{count}")
            changed.append(nth)

    def ask(nth: int) -> None:
        while len(changed) < 3 * 6:
            asked = (service, other)[nth % 2]
            for answer in (asked.get("/v1/consents"), asked.disclose()):
                answered.append((answer.status_code, (answer.json or {}).get("code", "")))

    with ThreadPoolExecutor(7) as pool:
        running = [pool.submit(change, nth) for nth in range(3)]
        running += [pool.submit(ask, nth) for nth in range(4)]
        for one in running:
            one.result()
    # A hot route that meets one change after the other says so: that is what it always did.
    assert set(answered) <= {(200, ""), (403, "disclosure_denied"), (503, "contention")}
    assert (200, "") in answered
    assert rows_of(service)["client_epoch"][0]["epoch"] == 1 + 2 * 3 * 6
    other.close()
