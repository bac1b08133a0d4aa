"""After a restore nobody is let in before somebody looked; the log says how each client stands."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.engine import Connection

from consent_service.audit.finding import VerifyReport
from consent_service.cli import cli
from consent_service.identity.public_keys import thumbprint
from consent_service.persistence.access.tables import (
    client,
    client_key,
    client_revocation,
    client_secret,
)
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.services.access.manage_clients import suspend_all
from tests.api import test_vouched_clients as vouched
from tests.api.test_token_endpoint import JWKS, by_key
from tests.api.test_token_endpoint import register as register_with_keys
from tests.deployment import OPERATOR, Deployment

HOME = "municipality-x"


def suspend(service: Deployment, above: int = 0) -> int:
    with service.parts.units.writing() as uow:
        count = suspend_all(uow, service.parts.context, OPERATOR, HOME, above=above)
        uow.commit()
    return count


def run(service: Deployment, *arguments: str) -> Result:
    settings = service.settings
    environment = {
        "CONSENT_DATABASE_URL": settings.database_url,
        "CONSENT_KEYS_FILE": str(settings.keys_file),
        "CONSENT_BASE_URL": settings.base_url,
        "CONSENT_LOG_ORIGIN": settings.log_origin,
        "CONSENT_LOG_ANCHOR_FILE": str(settings.anchor_file),
    }
    return CliRunner(env=environment).invoke(cli, ["clients", *arguments])


def calls(service: Deployment, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = service.client().get("/v1/disclosures", headers=headers)
    return answer.status_code, (answer.json or {}).get("detail", "")


def logged(service: Deployment, organisation: str = "gp-y") -> list[dict[str, Any]]:
    entries = service.get("/v1/audit/entries?limit=200", org=organisation).json["items"]
    bodies = [entry["body"] for entry in entries]
    return [body for body in bodies if body["type"].startswith("client")]


def verify(service: Deployment) -> VerifyReport:
    parts = service.parts
    parts.sequencer.run_once()
    return verify_database(
        parts.units.engine,
        parts.units.ring,
        parts.index,
        parts.keys.published,
        parts.settings.log_origin,
        parts.context.clock(),
    )


# -- suspended and confirmed --------------------------------------------------------------------


def test_a_suspended_client_is_refused_until_it_is_confirmed(service: Deployment) -> None:
    register_with_keys(service)
    secret = vouched.register(service, "other")
    held = by_key(service).json["access_token"]
    assert calls(service, held)[0] == 200
    assert suspend(service) == 2
    status, said = calls(service, held)
    assert status == 401
    assert "suspended" in said
    refused = by_key(service)
    assert (refused.status_code, refused.json["error"]) == (400, "unauthorized_client")
    assert "suspended" in refused.json["error_description"]
    # Who does not prove who they are hears nothing of it.
    assert vouched.log_in(service, "a guess", "other").json["error"] == "invalid_client"
    listed = [json.loads(line) for line in run(service, "list").output.splitlines()]
    assert all(one["suspended_at"] is not None for one in listed)
    confirmed = run(service, "confirm", "journal")
    assert confirmed.exit_code == 0, confirmed.output
    shown = json.loads(confirmed.output)
    expected = {jwk["kid"]: thumbprint(jwk) for jwk in JWKS["keys"]}
    assert {key["kid"]: key["thumbprint"] for key in shown["keys"]} == expected
    assert shown["scopes"] == sorted(shown["scopes"])
    assert calls(service, held)[0] == 200
    assert by_key(service).status_code == 200
    assert vouched.log_in(service, secret, "other").status_code == 400
    assert service.get("/v1/clients/journal", org="operator").json["suspended_at"] is None
    assert [body["type"] for body in logged(service)] == [
        "client_registered",
        "client_registered",
        "client_suspended",
        "client_suspended",
        "client_confirmed",
    ]
    assert logged(service, HOME)[-1]["clients"] == 2
    assert verify(service).findings == ()


def test_confirmed_once_is_enough_and_a_revoked_one_never_is(service: Deployment) -> None:
    vouched.register(service)
    before = vouched.rows_of(service)
    assert run(service, "confirm", "journal").exit_code == 0
    assert vouched.rows_of(service) == before
    vouched.revoke(service, "journal")
    suspend(service)
    refused = run(service, "confirm", "journal")
    assert refused.exit_code == 1
    assert refused.exception.code == "client_revoked"
    assert run(service, "confirm", "nobody").exit_code == 1


def test_after_a_restore_nobody_is_let_in_by_the_older_state(service: Deployment) -> None:
    """The clients as a backup had them: one was revoked since, and one lost a scope."""
    secret = vouched.register(service)
    older = vouched.rows_of(service)
    vouched.revoke(service, "journal")
    newest = vouched.rows_of(service)["client_epoch"][0]["epoch"]
    vouched.damage(service, vouched.put_back(older))
    assert vouched.started_if_it_may(service) is None
    done = run(service, "suspend-all", "--org", HOME)
    assert done.exit_code == 0, (done.output, done.exception)
    assert vouched.rows_of(service)["client_epoch"][0]["epoch"] == newest + 1
    again = vouched.started_again(service)
    assert vouched.log_in(again, secret).status_code == 400
    # A process that ran all through takes it too, for it is newer than all that it saw.
    assert service.get("/v1/consents").status_code == 200
    assert vouched.log_in(service, secret).status_code == 400
    again.close()


@pytest.mark.parametrize("do", vouched.CHANGES, ids=lambda do: do.__name__)
def test_there_is_a_way_out_where_nothing_vouches_for_the_clients(
    service: Deployment, do: Callable[[Connection], object]
) -> None:
    secret = vouched.register(service)
    vouched.register(service, "revoked")
    vouched.revoke(service, "revoked")
    vouched.damage(service, do)
    service.close()
    assert run(service, "confirm", "journal").exit_code == 1
    done = run(service, "suspend-all", "--org", HOME)
    assert done.exit_code == 0, (done.output, done.exception)
    again = vouched.started_again(service)
    assert again.get("/v1/consents").status_code == 200
    for name, tried in [("journal", secret), ("journal", vouched.MADE_UP), ("forged", "x")]:
        assert vouched.log_in(again, tried, name).status_code in (400, 401)
    assert run(service, "confirm", "journal").exit_code == 0
    again.close()


# -- what the entries say -----------------------------------------------------------------------


def lived(service: Deployment) -> None:
    register_with_keys(service)
    vouched.register(service, "other")
    service.post("/v1/clients/other/secrets", {}, org="operator")
    service.post("/v1/clients/journal/scopes", {"scopes": ["decisions:read"]}, org="operator")
    service.post("/v1/clients/journal/keys/ed/removal", {}, org="operator")
    vouched.register(service, "revoked")
    vouched.revoke(service, "revoked")
    by_hand = {"client": "by-hand", "organisation": "gp-y"}
    assert service.post("/v1/client-revocations", by_hand, org="operator").status_code == 201
    outside = by_hand | {"issuer": "https://login.example"}
    assert service.post("/v1/client-revocations", outside, org="operator").status_code == 201


def test_what_was_done_by_the_book_verifies(service: Deployment) -> None:
    assert verify(service).findings == ()
    lived(service)
    report = verify(service)
    assert report.findings == ()
    assert "5 clients and their entries, both ways" in report.checked


DONE = {
    vouched.insert_a_client: "client forged",
    lambda c: vouched.insert_a_secret(c, "other"): "client other",
    vouched.exchange_a_secret: "client other",
    vouched.insert_a_key: "client journal",
    vouched.widen_the_scopes: "client journal",
    vouched.move_to_another_organisation: "client journal",
    vouched.delete_the_revocation: "client by-hand of https://login.example",
    vouched.date_the_revocation_otherwise: "client by-hand",
    lambda c: c.execute(sa.update(client).values(auth_method="client_secret")): "client journal",
    lambda c: c.execute(sa.update(client).values(suspended_at=client.c.created_at)): "client other",
    lambda c: c.execute(sa.delete(client_key)): "client journal",
    lambda c: c.execute(sa.delete(client_secret)): "client other",
    lambda c: c.execute(
        sa.update(client_revocation)
        .where(client_revocation.c.issuer != "")
        .values(issuer="https://elsewhere.example")
    ): "client by-hand of https://elsewhere.example",
}


@pytest.mark.parametrize("nth", range(len(DONE)))
@pytest.mark.parametrize("has_keys", [False, True], ids=["database", "and keys"])
def test_what_was_not_is_named(on_sqlite: Deployment, nth: int, has_keys: bool) -> None:
    do, place = list(DONE.items())[nth]
    lived(on_sqlite)
    vouched.damage(on_sqlite, do)
    if has_keys:
        index, engine = on_sqlite.parts.index, on_sqlite.parts.units.engine
        vouched.vouch_for_what_stands(engine, index)
    places = [one.place for one in verify(on_sqlite).findings]
    assert place in places
    assert ("client_epoch" in places) is not has_keys


@pytest.mark.parametrize(
    "do",
    [
        vouched.raise_the_epoch,
        vouched.empty_the_mac,
        vouched.change_a_byte_of_the_mac,
        vouched.delete_the_epoch,
    ],
    ids=lambda do: do.__name__,
)
def test_a_number_or_mac_that_is_not_right_is_named(
    service: Deployment, do: Callable[[Connection], object]
) -> None:
    lived(service)
    vouched.damage(service, do)
    assert {one.place for one in verify(service).findings} == {"client_epoch"}


def test_an_older_set_is_named_though_its_mac_is_right(service: Deployment) -> None:
    secret = vouched.register(service)
    older = vouched.rows_of(service)
    vouched.revoke(service, "journal")
    vouched.damage(service, vouched.put_back(older))
    assert [one.place for one in verify(service).findings] == ["client journal", "client_epoch"]
    assert secret


@pytest.mark.parametrize(
    ("do", "place"),
    [
        (vouched.insert_a_client, "client forged"),
        (vouched.insert_a_secret, "client journal"),
        (vouched.widen_the_scopes, "client journal"),
        (vouched.delete_the_revocation, "client revoked"),
    ],
)
def test_suspending_everybody_makes_nothing_right(
    on_sqlite: Deployment, do: vouched.Damage, place: str
) -> None:
    """The way out vouches for whatever stands there, and still `audit verify` names it."""
    vouched.register(on_sqlite)
    vouched.register(on_sqlite, "revoked")
    vouched.revoke(on_sqlite, "revoked")
    vouched.damage(on_sqlite, do)
    suspend(on_sqlite)
    suspend(on_sqlite)
    assert place in {one.place for one in verify(on_sqlite).findings}
