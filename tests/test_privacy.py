"""No CPR number and no link token in anything the whole suite logged or printed.

Runs after all other tests; by itself it greps what its own requests say.
"""

import logging
from pathlib import Path

import pytest

from tests.api.families import CHILD
from tests.deployment import FATHER, MOTHER, deploy
from tests.privacy import WATCH, Watch


@pytest.fixture
def own_traffic(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> pytest.LogCaptureFixture:
    """Requests that succeed, are refused and break, so that there is something to find."""
    caplog.set_level(logging.DEBUG)
    service = deploy(database_url, tmp_path)

    def broken() -> str:
        raise RuntimeError(f"about {MOTHER}")

    service.app.add_url_rule("/broken", "broken", broken)
    service.furnish()
    asked = service.in_force()
    assert service.post("/v1/consents", service.request_body()).status_code == 409
    assert service.get(f"/v1/consents/{CHILD.cpr}").status_code == 404
    assert service.get("/broken").status_code == 500
    assert service.disclose().status_code == 201
    token = asked["signatories"][0]["signing_url"].rpartition("/")[2]
    assert service.app.test_client().get(f"/sign/{token}").status_code < 500
    service.close()
    return caplog


def test_what_is_watched_for_is_found() -> None:
    watch = Watch()
    watch.remember(
        {"child": {"cpr": "010317-4321"}},
        {"signatories": [{"signing_url": "http://localhost:8000/sign/abcdefg"}]},
    )
    watch.sections += [("one", "GET /0103174321"), ("two", "/sign/abcdefg"), ("three", "fine")]
    assert watch.leaks() == ["CPR number in one", "link token in two"]


def test_no_number_and_no_link_token_was_logged_or_printed(
    own_traffic: pytest.LogCaptureFixture,
) -> None:
    own = [("this test", record.getMessage()) for record in own_traffic.records]
    own += [("this test", record.exc_text or "") for record in own_traffic.records]
    watch = Watch(WATCH.numbers, WATCH.link_tokens, WATCH.sections + own)
    assert {MOTHER, FATHER, CHILD.cpr} <= watch.numbers
    assert watch.link_tokens
    assert watch.leaks() == []
