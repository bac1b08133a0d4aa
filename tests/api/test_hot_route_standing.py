"""Hot routes take the clients' epoch from memory: a revoked caller gets nothing all the same."""

from typing import Any

import pytest
import sqlalchemy as sa

from consent_service.persistence.log.tables import log_header
from tests.deployment import Deployment

ROUTES = ["/v1/decisions", "/v1/disclosures"]


def body_for(service: Deployment, path: str, **changes: Any) -> dict[str, Any]:
    body = service.disclosure_body(**changes)
    if path == "/v1/decisions":
        del body["channel"], body["document"]
    return body


def revoke(service: Deployment, client: str, organisation: str) -> None:
    named = {"client": client, "organisation": organisation}
    assert service.post("/v1/client-revocations", named, org="operator").status_code == 201


def entries(service: Deployment) -> int:
    with service.parts.units.engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(log_header)) or 0


@pytest.mark.parametrize("path", ROUTES)
def test_a_caller_revoked_since_the_last_request_gets_no_entry_and_no_answer(
    service: Deployment, path: str
) -> None:
    service.in_force()
    assert service.post(path, body_for(service, path), org="gp-y").status_code in (200, 201)
    revoke(service, "gp-y-system", "gp-y")
    before = entries(service)
    refused = service.post(path, body_for(service, path), org="gp-y")
    assert (refused.status_code, (refused.json or {})["code"]) == (401, "unauthenticated")
    assert entries(service) == before


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("wrong", "sound"),
    [({"recipient": "nobody"}, 422), ({"sender": "paediatrics", "recipient": "nobody"}, 403)],
)
def test_a_revoked_caller_does_not_learn_what_else_is_wrong(
    service: Deployment, path: str, wrong: dict[str, Any], sound: int
) -> None:
    if path == "/v1/decisions" and sound == 422:
        wrong = {"recipient": "gp-y"}
    service.in_force()
    assert service.post(path, body_for(service, path, **wrong), org="gp-y").status_code == sound
    revoke(service, "gp-y-system", "gp-y")
    assert service.post(path, body_for(service, path, **wrong), org="gp-y").status_code == 401


@pytest.mark.parametrize("path", ROUTES)
def test_a_change_of_another_client_costs_the_caller_nothing(
    service: Deployment, path: str
) -> None:
    service.in_force()
    assert service.post(path, body_for(service, path), org="gp-y").status_code in (200, 201)
    revoke(service, "somebody-else", "paediatrics")
    before = entries(service)
    for _ in range(2):
        assert service.post(path, body_for(service, path), org="gp-y").status_code in (200, 201)
    # One entry for each answer: the attempt under the old epoch left none.
    assert entries(service) == before + 2


def test_a_repeated_disclosure_is_not_replayed_to_a_revoked_caller(service: Deployment) -> None:
    service.in_force()
    body = service.disclosure_body()
    assert service.post("/v1/disclosures", body, org="gp-y", key="k1").status_code == 201
    revoke(service, "gp-y-system", "gp-y")
    assert service.post("/v1/disclosures", body, org="gp-y", key="k1").status_code == 401
