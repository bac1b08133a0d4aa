"""Every route, method and kind of error: the headers are there, and nothing is said that helps."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from limits import parse
from werkzeug.routing import Rule
from werkzeug.test import Client, TestResponse

from consent_service.edge.door import Door
from consent_service.identity.attempts import LIMITS
from consent_service.web.frame import error_pages
from tests.deployment import Deployment, deploy_with
from tests.hardening import flaws
from tests.web.family import METTE, Signer, household, links

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")

# Documents that name formats and their versions, and a browser for them that others wrote.
OF_OTHERS = ("/openapi.json", "/docs/files/")
FOR_EVERYBODY = ("/docs/files/", "/sign/style.css", "/sign/icon.svg")

WAYS: dict[str, dict[str, Any]] = {
    "bare": {},
    "bad token": {"headers": {"Authorization": "Bearer x.y.z"}},
    "no bearer": {"headers": {"Authorization": "Basic eDp5"}},
    "no JSON": {"data": b"<x/>", "content_type": "text/xml"},
    "broken JSON": {"data": b'{"child": ', "content_type": "application/json"},
    "a form": {"data": {"form_token": "x", "language": "da"}},
    "too large": {"data": b"x" * 300_000, "content_type": "application/json"},
    "a large form": {"data": {"form_token": "x" * 20_000}},
    "another host": {"headers": {"Host": "evil.example"}},
    "two hosts": {"headers": {"Host": "localhost,evil.example"}},
    "a foreign form": {"data": {}, "headers": {"Origin": "https://evil.example"}},
    "a bad cookie": {"headers": {"Cookie": "signing=\u00e6; signing=x; __Host-signing=\xff"}},
    "conditional": {"headers": {"If-None-Match": "*", "Range": "bytes=0-10"}},
    "an odd query": {"query_string": "lang=%00&x=%ff&leaf=%2e"},
    "a token, and no JSON": {"data": b"<x/>", "content_type": "text/xml"},
    "a token, and broken JSON": {"data": b'{"child": ', "content_type": "application/json"},
    "a token, and too much": {"data": b"x" * 300_000, "content_type": "application/json"},
    "a token, and an empty object": {"json": {}, "headers": {"Idempotency-Key": "k"}},
}


@pytest.fixture
def home(small_home: Deployment) -> Deployment:
    return small_home


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of dead ends, answered without the pause that `test_attempts.py` is about."""
    monkeypatch.setattr(error_pages, "DEAD_END_SECONDS", 0.001)


@pytest.fixture
def tls_home(furnished_sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with household(furnished_sqlite_url, tmp_path, "https://samtykke.example") as deployment:
        yield deployment


def address(rule: Rule) -> str:
    values: dict[str, Any] = {}
    for name, converter in rule._converters.items():
        kind = type(converter).__name__
        choices = sorted(getattr(converter, "items", ()))
        values[name] = 1 if kind == "IntegerConverter" else choices[0] if choices else "x"
    return (rule.build(values, append_unknown=False) or ("", ""))[1]


def addresses(deployment: Deployment) -> list[str]:
    known = {address(rule) for rule in deployment.app.url_map.iter_rules()}
    unknown = {"/", "/nothing", "/sign", "//sign//", "/sign/a/b", "/v1/%2e%2e/%00", "/docs/files/x"}
    return sorted(known | unknown | {f"{path}/" for path in known if not path.endswith("/")})


def found(deployment: Deployment, path: str, answer: TestResponse) -> list[str]:
    ok = answer.status_code in (200, 206, 304)
    return flaws(
        list(answer.headers),
        answer.get_data(as_text=True),
        is_https=deployment.settings.is_https,
        may_be_kept=ok and path.startswith(FOR_EVERYBODY),
        may_speak=ok and path.startswith(OF_OTHERS),
    )


def walk(deployment: Deployment, way: str) -> set[int]:
    """Ask for every address with every method, one way; the statuses there were."""
    seen = set()
    options = dict(WAYS[way])
    if way.startswith("a token"):
        token = {"Authorization": f"Bearer {deployment.token('municipality-x')}"}
        options["headers"] = options.get("headers", {}) | token
    for number, path in enumerate(addresses(deployment)):
        for method in METHODS:
            # Each from a place of its own, so that not all of it is over the limit.
            place = {"REMOTE_ADDR": f"2001:db8:0:{number:x}::1"}
            client = deployment.client()
            answer = client.open(path, method=method, environ_overrides=place, **options)
            assert found(deployment, path, answer) == [], (method, path, answer.status_code)
            # 503: no provider for staff can be reached here.
            away = answer.status_code == 503 and path.startswith("/staff/")
            assert answer.status_code < 500 or away, (method, path)
            seen.add(answer.status_code)
    return seen


EXPECTED = {
    "another host": {400},
    "two hosts": {400},
    "a token, and no JSON": {200, 404, 405, 415},
    "a token, and broken JSON": {200, 400, 404, 405},
    "a token, and too much": {200, 404, 405, 413},
    "a token, and an empty object": {200, 404, 405, 422},
}


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("way", WAYS)
def test_every_route_and_method(home: Deployment, way: str) -> None:
    seen = walk(home, way)
    expected = EXPECTED.get(way, {200, 401, 404, 405})
    assert seen >= expected
    if way.endswith(("host", "hosts")):
        assert seen == expected


@pytest.mark.usefixtures("no_waiting")
def test_every_route_and_method_over_tls(tls_home: Deployment) -> None:
    assert walk(tls_home, "bare") >= {200, 401, 404, 405}


def test_signed_in_pages_and_what_goes_wrong_on_them(home: Deployment) -> None:
    """The family's own pages name the family; everything else still holds."""
    asked = home.ask()
    mette = Signer(home)
    mette.open(links(asked)["Mette Mor"])
    provider = home.settings.signer_provider.issuer
    pages = [mette.page, mette.log_in(), mette.press("/sign/grant"), mette.get("/sign/receipt")]
    pages += [mette.get("/sign/?lang=en"), mette.get("/sign/callback/mitid?state=x")]
    errors = [mette.post(f"/sign/{form}", {}) for form in ("login", "grant", "decline", "logout")]
    for answer in pages:
        # The login's address stands in the policy of the pages that lead there.
        headers = [(name, value.replace(provider, "")) for name, value in answer.headers]
        assert flaws(headers, "") == []
    for answer in errors:
        assert answer.status_code == 400
        assert found(home, "/sign/", answer) == []


def test_a_fault_of_ours(home: Deployment) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Mette Mor 010180-1112 at /usr/lib/python3.11/site.py")

    for name in ("sign.show", "sign.follow", "healthz", "docs", "get_consents"):
        assert name in home.app.view_functions, name
        home.app.view_functions[name] = broken
    for path in ("/sign/", "/sign/token", "/healthz", "/docs", "/v1/consents"):
        answer = home.get(path)
        assert answer.status_code == 500
        assert found(home, path, answer) == []


def test_a_fault_beneath_the_application(home: Deployment) -> None:
    """Where Flask itself fails, the door answers."""

    def broken(*_: object) -> list[bytes]:
        raise RuntimeError("Mette Mor 010180-1112")

    answer = Client(Door(broken, home.settings)).get("/healthz", base_url=home.settings.base_url)
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert found(home, "/healthz", answer) == []


def test_past_every_limit(home: Deployment, monkeypatch) -> None:
    for kind in LIMITS:
        monkeypatch.setitem(LIMITS, kind, parse("1 per minute"))
    bad = {"Authorization": "Bearer x.y.z"}
    for path, headers in (("/sign/wrong", {}), ("/v1/consents", bad)):
        first, second = (home.client().get(path, headers=headers) for _ in range(2))
        assert first.status_code in (401, 404)
        assert second.status_code == 429
        assert int(second.headers["Retry-After"]) >= 1
        assert found(home, path, second) == []
    # A right token from the same address is not held up.
    assert home.get("/v1/consents").status_code == 200


def test_without_a_database(home: Deployment) -> None:
    """Nothing is answered as if it had been looked up: also a wrong token cannot be counted."""
    with home.parts.units.engine.connect().execution_options(writes=True) as connection:
        for table in ("link", "failed_attempt", "organisation", "signing_session"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO gone_{table}")
        connection.commit()
    fresh = deploy_with(home.settings, home.clock)
    try:
        for path in ("/sign/wrong", "/sign/", "/v1/consents", "/nowhere"):
            for headers in ({}, {"Authorization": "Bearer x.y.z"}):
                answer = fresh.client().get(path, headers=headers)
                assert found(fresh, path, answer) == [], path
                assert answer.status_code in (401, 404, 503), (path, answer.status_code)
        bad = fresh.client().get("/v1/consents", headers={"Authorization": "Bearer x.y.z"})
        assert bad.status_code == 503
        assert bad.headers["Retry-After"]
        assert fresh.client().get("/sign/wrong").status_code == 503
    finally:
        fresh.close()


def test_the_access_log_and_the_answer_name_the_request_alike(home: Deployment, caplog) -> None:
    import json

    caplog.set_level("INFO")
    asked = home.ask()
    token = links(asked)["Mette Mor"].rpartition("/")[2]
    sent = {"X-Request-Id": "chosen-by-the-caller"}
    answers = [
        home.client().get(f"/sign/{token}", headers=sent, buffered=True),
        home.client().get(f"/sign/{token}?cpr=0101801112", headers=sent, buffered=True),
        home.get(f"/v1/consents/{asked['id']}", buffered=True),
        home.client().get("/no/such/0101801112", buffered=True),
        home.client().open("/v1/consents", method="0101801112", buffered=True),
        home.client().get("/", headers={"Host": "0101801112.example"}, buffered=True),
    ]
    records = [r for r in caplog.records if r.name == "consent_service.access"][-len(answers) :]
    lines = [json.loads(record.getMessage()) for record in records]
    assert [line["request_id"] for line in lines] == [a.headers["X-Request-Id"] for a in answers]
    assert [line["status"] for line in lines] == [a.status_code for a in answers]
    assert [line["route"] for line in lines] == [
        "/sign/<token>", "/sign/<token>", "/v1/consents/<consent_id>", "-", "-", "-",
    ]  # fmt: skip
    assert [line["method"] for line in lines] == ["GET"] * 4 + ["other", "GET"]
    assert [line.get("organisation") for line in lines] == [None, None, "municipality-x"] + [
        None
    ] * 3
    assert lines[2]["client"] == "municipality-x-system"
    assert set(lines[0]) == {"time", "method", "route", "status", "ms", "request_id"}
    for secret in (token, "0101801112", "chosen-by", "127.0.0.1", METTE.cpr):
        assert secret not in caplog.text, secret


def test_who_was_refused_is_in_the_access_log(home: Deployment, caplog) -> None:
    import json

    caplog.set_level("INFO")
    asked = home.ask()
    within = {"Authorization": f"Bearer {home.token('gp-y', frozenset({'consents:read'}))}"}
    refused = [
        (home.client().get("/v1/consents", headers={"Authorization": "Bearer x"}), 401, None),
        (home.client().get("/v1/audit/entries", headers=within), 403, "gp-y"),
        (home.get(f"/v1/consents/{asked['id']}", org="municipality-z"), 404, "municipality-z"),
    ]
    for answer, status, _ in refused:
        assert answer.status_code == status
        answer.close()  # the line is written once the answer is over
    records = [r for r in caplog.records if r.name == "consent_service.access"][-len(refused) :]
    lines = [json.loads(record.getMessage()) for record in records]
    assert [(line["status"], line.get("organisation")) for line in lines] == [
        (status, organisation) for _, status, organisation in refused
    ]
    assert [line.get("client") for line in lines[1:]] == ["gp-y-system", "municipality-z-system"]


def test_an_address_is_logged_where_the_operator_says_so(home: Deployment, caplog) -> None:
    caplog.set_level("INFO")
    settings = replace(home.settings, log_addresses=True, trusted_proxies=1)
    deployment = deploy_with(settings, home.clock)
    deployment.client().get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"}, buffered=True)
    assert '"address": "192.0.2.1"' in caplog.text
    deployment.close()
