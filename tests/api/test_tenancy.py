"""No answer of any route tells an organisation what is not its own.

Generated from `/openapi.json`: every route is asked by every organisation about every kind of
resource of both municipalities (`tenancy_world`), as `tenancy_routes` says how. Three things are
compared: what is answered about another's resource with what is answered about one that nobody
ever made, byte for byte; the statements the database was asked for (an answer's timing class);
and every answer, errors included, with the canaries in the others' data.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from consent_service.api.http.endpoint import Endpoint, Reply, register
from consent_service.app import create_app
from consent_service.identity.bearer import issue_token
from consent_service.persistence.kernel.hot_statement import HotStatement
from consent_service.services.kernel.model import Caller
from tests.api.tenancy_routes import FILLS, Fill
from tests.api.tenancy_world import CALLERS, Case, World, build
from tests.deployment import ALL_SCOPES, Deployment
from tests.privacy import WATCH

_PARAMETER = re.compile(r"\{(\w+)\}")
_VOLATILE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}"  # ids
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z?|\d{10}"  # instants, children's numbers
    r"|[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"  # promises
    r"|[A-Za-z0-9+/_-]{40,}=*"  # hashes, proofs, headers
)
# What the log's own growth asks of the database depends on how large it is, not on the answer.
# Nor has the count of failed tokens to do with it, which goes by address.
_APART = ("log_leaf", "log_node", "log_head", "log_checkpoint", "log_pending", "failed_attempt")


@dataclass(frozen=True)
class Route:
    """An operation of the document, with the scope it declares."""

    method: str
    path: str
    scope: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What came back, and what the database was asked meanwhile."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    statements: tuple[str, ...]

    def about_nothing_in_particular(self) -> "Answer":
        """Without what differs between any two answers: fresh ids and instants."""
        headers = tuple((name, _VOLATILE.sub("·", value)) for name, value in self.headers)
        return replace(self, headers=headers, body=_VOLATILE.sub("·", self.body))


def routes_of(service: Deployment) -> list[Route]:
    document = service.app.test_client().get("/openapi.json").json
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            (scope,) = {s for one in operation["security"] for asked in one.values() for s in asked}
            found.append(Route(method.upper(), path, scope))
    return found


@contextmanager
def watched() -> Iterator[list[str]]:
    """The statements that run meanwhile, those of the hot path included."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        shape = re.sub(r"\s+", " ", re.sub(r"IN \([^)]*\)", "IN (…)", text))
        if not shape.startswith("BEGIN") and not any(table in shape for table in _APART):
            asked.append(shape)

    run = HotStatement.run

    def noting(self: HotStatement, connection: Any, values: Any) -> Any:
        note(None, None, self._text.decode())
        return run(self, connection, values)

    sa.event.listen(Engine, "before_cursor_execute", note)
    HotStatement.run = noting  # type: ignore[method-assign]  # psycopg has no events
    try:
        yield asked
    finally:
        HotStatement.run = run  # type: ignore[method-assign]  # as above
        sa.event.remove(Engine, "before_cursor_execute", note)


def ask(
    world: World, route: Route, fill: Fill, case: Case, caller: str, token: str | None
) -> Answer:
    path = _PARAMETER.sub(
        lambda found: str(case.ids[fill.named.get(found[1], found[1])]), route.path
    )
    # The same key for every caller: an answer kept for one must not be another's.
    headers = {"Idempotency-Key": f"{route.name} {FILLS[route.name].index(fill)} {case.name}"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = None
    if route.method != "GET":
        body = dict(fill.body(case, caller)) if fill.body else {}
    query = dict(fill.query(case, caller)) if fill.query else {}
    client = world.service.app.test_client()
    # Failures are counted by address, and that they are is none of this test's business.
    address = {"REMOTE_ADDR": f"10.0.{next(world.numbers) % 65536 // 256}.1"}
    with watched() as asked:
        response = client.open(
            path,
            method=route.method,
            json=body,
            query_string=query,
            headers=headers,
            environ_overrides=address,
        )
    answer = _answer(response, asked)
    WATCH.remember(body, response.get_json(silent=True))
    said = readable(answer)
    leaks = [canary for canary in world.foreign(caller) if canary in said]
    assert leaks == [], f"{caller} is told {leaks} by {route.name} about {case.name}"
    return answer


def _answer(response: TestResponse, asked: list[str]) -> Answer:
    text = response.get_data(as_text=True)
    headers = [(name, value) for name, value in response.headers if name != "X-Request-Id"]
    return Answer(response.status_code, tuple(headers), text, tuple(asked))


def readable(answer: Answer) -> str:
    """Everything an answer says, also what it says in base64: seals, entries, cursors."""
    text = "\n".join([answer.body, *(f"{name}: {value}" for name, value in answer.headers)])
    said = [text]
    for coded in re.findall(r"[A-Za-z0-9+/_-]{16,}", text):
        with_padding = coded.replace("-", "+").replace("_", "/") + "=" * (-len(coded) % 4)
        try:
            said.append(base64.b64decode(with_padding).decode("utf-8", "replace"))
        except binascii.Error:
            continue
    return "\n".join(said)


def calls(world: World) -> list[tuple[Route, Fill, Case]]:
    """Every route in every way about every case; what ends a case comes last."""
    every = [
        (route, fill, case)
        for route in routes_of(world.service)
        for fill in FILLS[route.name]
        # A route that knows no resource is asked once for each municipality.
        for case in (world.cases if fill.door else world.cases[::3])
    ]
    return sorted(every, key=lambda call: (call[1].order, call[0].name))


def is_inside(fill: Fill, case: Case, caller: str) -> bool:
    return fill.door is None or caller in case.doors[fill.door]


@pytest.fixture
def world(service: Deployment) -> World:
    return build(service)


# -- nothing is forgotten ---------------------------------------------------------------------


def test_every_route_of_the_document_is_asked(shared: Deployment) -> None:
    unknown = [route.name for route in routes_of(shared) if route.name not in FILLS]
    assert unknown == [], "tests/api/tenancy_routes.py does not say how to fill these"


def undeclared(app: Flask) -> list[str]:
    """Routes that are neither in the document with a scope nor declared as anything else."""
    document = app.test_client().get("/openapi.json").json["paths"]
    missing = []
    for rule in app.url_map.iter_rules():
        auth = getattr(app.view_functions[rule.endpoint], "declared_auth", "")
        path = re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule)
        methods = [method.lower() for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
        if auth.startswith("scope ") or path.startswith("/v1"):
            operations = [document.get(path, {}).get(method, {}) for method in methods]
            scope = auth.removeprefix("scope ")
            needed = [{"bearer": [scope]}, {"oauth2": [scope]}]
            if not scope or any(one.get("security") != needed for one in operations):
                missing.append(rule.rule)
        elif not auth:
            missing.append(rule.rule)
    return missing


def test_every_route_declares_who_may_call_it(shared: Deployment) -> None:
    assert undeclared(shared.app) == []


def test_a_route_that_declares_nothing_is_found(shared: Deployment) -> None:
    app = create_app(shared.settings)
    app.add_url_rule("/v1/children", "children", lambda: "Alma")
    app.add_url_rule("/children", "more_children", lambda: "Alma")
    assert undeclared(app) == ["/v1/children", "/children"]
    app.extensions["consent_service"].units.dispose()


@pytest.mark.parametrize("scope", ["", " ", "public", "consents:read consents:write"])
def test_an_endpoint_without_a_scope_cannot_be_registered(scope: str) -> None:
    endpoint = Endpoint("GET", "/v1/x", scope, "x", lambda call: Reply(200, {}), {200: None})
    with pytest.raises(ValueError, match="/v1/x"):
        register(Flask("x"), None, [endpoint])  # type: ignore[arg-type]  # never reached


# -- every route, every resource, every caller ------------------------------------------------


def _bad_tokens(service: Deployment, caller: str, scope: str) -> dict[str, str | None]:
    def issued(audience: str, lasts: timedelta, scopes: frozenset[str]) -> str:
        now = datetime.now(UTC)
        return issue_token(
            service.parts.keys.signing["token"],
            issuer=service.settings.token_issuer,
            audience=audience,
            caller=Caller(caller, f"{caller}-system", scopes),
            issued_at=now - timedelta(hours=2),
            expires_at=now + lasts,
            token_id="t",
        )

    own, hour = service.settings.token_audience, timedelta(hours=1)
    return {
        "none": None,
        "expired": issued(own, -hour, ALL_SCOPES),
        "another audience": issued("https://another.example", hour, ALL_SCOPES),
        "missing scope": issued(own, hour, ALL_SCOPES - {scope}),
    }


def test_without_the_right_token_nothing_is_looked_up(world: World) -> None:
    # Asked by the rightful organisation itself: only the token is wrong.
    nothing: dict[tuple[str, str], Answer] = {}
    for route, fill, case in calls(world):
        owner = case.ids["organisation_id"]
        for kind, token in _bad_tokens(world.service, owner, route.scope).items():
            answer = ask(world, route, fill, case, "operator", token)
            assert answer.status == (403 if kind == "missing scope" else 401), route.name
            # Whoever lacks the scope may also be a client that was revoked meanwhile.
            looked = [one for one in answer.statements if "client" not in one]
            assert looked == [], (route.name, kind)
            if (route.name, kind) not in nothing:
                ghost = ask(world, route, fill, case.ghost(), "operator", token)
                nothing[route.name, kind] = ghost
            assert answer == nothing[route.name, kind], (route.name, kind)


def test_what_is_not_ones_own_answers_as_what_does_not_exist(world: World) -> None:
    compared = set()
    unknown: dict[tuple[str, str], Answer] = {}
    for route, fill, case in calls(world):
        for caller in CALLERS:
            if is_inside(fill, case, caller):
                continue
            token = world.service.token(caller)
            foreign = ask(world, route, fill, case, caller, token)
            nothing = unknown.get((route.name, caller))
            if foreign.status != 404 or nothing is None:
                nothing = ask(world, route, fill, case.ghost(), caller, token)
            if foreign.status == 404:
                unknown[route.name, caller] = nothing
            else:
                foreign = foreign.about_nothing_in_particular()
                nothing = nothing.about_nothing_in_particular()
            assert foreign == nothing, f"{route.name} tells {caller} of {case.name}"
            compared.add((route.name, case.name, caller))
    assert len(compared) > 400


OPENED = {200, 201, 202}
LIFTED = ("POST /v1/consents/{consent_id}/lifts/{lift_id}/confirmation", 0)
RECONFIRMED = ("POST /v1/consents/{consent_id}/reconfirmations", 0)


def test_every_route_answers_those_it_is_for(world: World) -> None:
    """Without this the test above could ask nonsense: each way in opens for somebody."""
    opened: dict[tuple[str, int], set[int]] = {}
    for route, fill, case in calls(world):
        for caller in CALLERS:
            if is_inside(fill, case, caller):
                answer = ask(world, route, fill, case, caller, world.service.token(caller))
                way = (route.name, FILLS[route.name].index(fill))
                opened.setdefault(way, set()).add(answer.status)
                assert answer.status < 500, (route.name, answer.body)
    ways = {(name, n) for name, fills in FILLS.items() for n in range(len(fills))}
    known = {route.name for route in routes_of(world.service)}
    closed = [way for way in ways if way[0] in known and not opened.get(way, set()) & OPENED]
    # This world lives one day, and a lift of the day of the no clears nothing: it says just that.
    # Nor was its database put back from an older copy: no reconfirmation is awaited.
    assert opened[LIFTED] == opened[RECONFIRMED] == {409}
    assert sorted(closed) == [LIFTED, RECONFIRMED]
    # All has changed by now: what can be listed, searched and exported is searched once more.
    for route, fill, case in calls(world):
        if fill.order == 0 and route.method == "GET":
            for caller in CALLERS:
                ask(world, route, fill, case, caller, world.service.token(caller))


def test_what_is_public_names_nobody(world: World) -> None:
    client = world.service.app.test_client()
    paths = ["/nothing", "/v1", "/v1/nothing", "/sign/x/y", "/%00", "/log/proof?leaf=x"]
    for rule in world.service.app.url_map.iter_rules():
        if getattr(world.service.app.view_functions[rule.endpoint], "declared_auth", "").startswith(
            "scope "
        ):
            continue
        for case in world.cases:
            named = re.sub(r"<any\('([^']+)'[^>]*>", r"\1", rule.rule)
            paths.append(re.sub(r"<[^>]+>", str(case.ids["consent_id"]), named))
    sizes = "/log/consistency?old=1&new=1"
    for number, path in enumerate([*dict.fromkeys(paths), "/log/proof?leaf=" + "0" * 64, sizes]):
        for method in ("GET", "POST", "DELETE"):
            # Attempts at links are counted by address.
            address = {"REMOTE_ADDR": f"192.0.2.{number % 250}"}
            response = client.open(path, method=method, environ_overrides=address)
            said = readable(_answer(response, []))
            assert [canary for canary in world.canaries if canary in said] == [], (method, path)
            # 503: the provider for staff, which this world does not have.
            assert response.status_code < 500 or response.status_code == 503, (method, path)
