"""PostgreSQL drops every connection: one clear refusal, and the next request is answered."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.deployment import Deployment
from tests.service_process import deploy_in_real_time


@pytest.fixture
def deployment(fresh_postgres_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy_in_real_time(fresh_postgres_url, tmp_path)
    deployment.in_force()
    yield deployment
    deployment.close()


def _drop_every_connection(deployment: Deployment) -> int:
    url = make_url(deployment.settings.database_url)
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(False)) as connection:
        dropped = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert dropped is not None
    return int(dropped[0])


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/disclosures", "/v1/consents/search"])
def test_a_lost_connection_costs_one_refusal(deployment: Deployment, path: str) -> None:
    body = deployment.disclosure_body()
    if path == "/v1/decisions":
        body = {name: body[name] for name in body if name not in ("channel", "document")}
    if path == "/v1/consents/search":
        body = {"child": body["child"]}
    org = "municipality-x" if path == "/v1/consents/search" else "gp-y"

    def ask() -> tuple[int, str | None]:
        answer = deployment.post(path, body, org=org)
        return answer.status_code, (answer.get_json() or {}).get("code")

    assert ask()[0] in (200, 201)
    assert _drop_every_connection(deployment) > 0
    answers = [ask() for _ in range(4)]
    assert answers[0] == (503, "database_unavailable")
    assert {status for status, _ in answers[1:]} <= {200, 201}
