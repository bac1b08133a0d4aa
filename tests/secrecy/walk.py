"""The walk: for every route of the application, how Z asks it. A new route needs a line here.

`LOOKS` are asked after the steps of a story, some of them, and all of them at its end. `ACTS` the
story itself does. `CLOSED` are the operator's, `PUBLIC` nobody's in particular, and `PAGES` the
family's: `visits` opens them. `missing` names a route that has no line.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask

from tests.deployment import ALL_SCOPES, FATHER, MOTHER, PURPOSE
from tests.secrecy.tenants import Consent, Tenant
from tests.secrecy.worlds import Ask, Json, X, Z
from tests.web.family import STRANGER

Looks = Callable[[Tenant, Tenant], Iterable[Ask]]
"""What Z asks, given what it has done and what X has done."""

WHOLE = {"limit": 200}
UNKNOWN_CHILD = "0203174323"


def _list(route: str, **query: Any) -> Ask:
    return Ask(f"GET {route}", "", query=WHOLE | query, is_list=True)


def _short(route: str, limit: int, **query: Any) -> Ask:
    """Only the first page, of a few."""
    return Ask(f"GET {route}", "", query={"limit": limit, **query}, until_parted=True)


def _each(kind: str = "", **more: Any) -> Looks:
    """About each of Z's consents, and about each of X's, which is nothing to Z."""
    path = f"/{kind}" if kind else ""

    def looks(z: Tenant, x: Tenant) -> Iterator[Ask]:
        for consent in (*z.consents, *x.consents):
            yield Ask(f"GET /v1/consents/<consent_id>{path}", f"{consent.path}{path}", **more)

    return looks


def _consents(z: Tenant, x: Tenant) -> Iterator[Ask]:
    route = "/v1/consents"
    yield _list(route)
    yield from (_short(route, limit) for limit in (1, 2))
    for status in ("awaiting_signatures", "in_force", "superseded"):
        yield _list(route, status=status)
    yield _list(route, case_reference="case-z-0")
    yield _list(route, case_reference="case-x-0")
    yield _list(route, deadline_before=z.day(10), expires_before="2027-12-30T00:00:00Z")
    yield Ask(f"GET {route}", "", query={"status": "asleep"})


def _by_child(route: str, **more: Any) -> Looks:
    def looks(z: Tenant, x: Tenant) -> Iterator[Ask]:
        for cpr in (z.child[0], UNKNOWN_CHILD, "not a number"):
            yield Ask(f"POST {route}", "", {"child": {"cpr": cpr}, **WHOLE, **more}, is_list=True)

    return looks


def _entries(z: Tenant, x: Tenant) -> Iterator[Ask]:
    route = "/v1/audit/entries"
    yield _list(route)
    yield from (_short(route, limit) for limit in (1, 3))
    for type_ in ("consent_declined", "custody_changed", "disclosure"):
        yield _list(route, type=type_)
    yield _list(route, organisation=X)
    yield _list(route, outcome="denied")


def _search(z: Tenant, x: Tenant) -> Iterator[Ask]:
    yield from _by_child("/v1/audit/search")(z, x)
    for employee, organisation in (("z0", Z), ("x0", X), ("x0", Z)):
        body = {"employee": employee, "organisation": organisation, **WHOLE}
        yield Ask("POST /v1/audit/search", "", body, is_list=True)


def _entry(route: str) -> Looks:
    """About the first entry of a kind, for some kinds; and about one of X's."""
    path = route.partition(" ")[2]

    def looks(z: Tenant, x: Tenant) -> Iterator[Ask]:
        for name in ("entry z", "entry x"):
            yield Ask(route, path.replace("<entry_id>", f"<{name}>"))

    return looks


def _subjects(z: Tenant, x: Tenant) -> Iterator[Ask]:
    for cpr in (z.child[0], MOTHER, FATHER, STRANGER.cpr, UNKNOWN_CHILD):
        by = {"performed_by": {"id": "z0", "name": "Ansat"}}
        yield Ask("POST /v1/audit/subject-export", "", {"subject": {"cpr": cpr}, **by})


def _disclosures(z: Tenant, x: Tenant) -> Iterator[Ask]:
    yield Ask("GET /v1/disclosures", "", query=WHOLE, is_list=True, until_parted=True)
    yield _short("/v1/disclosures", 1)


def _disclosure(z: Tenant, x: Tenant) -> Iterator[Ask]:
    for name in ("no disclosure", *z.disclosures[-3:]):
        route = "GET /v1/disclosures/<disclosure_id>"
        yield Ask(route, f"/v1/disclosures/<{name}>", until_parted=True)


def _work(z: Tenant, x: Tenant) -> Iterator[Ask]:
    yield Ask("GET /v1/work", "", query=WHOLE, until_parted=True)
    yield _short("/v1/work", 1)


def _once(route: str, *paths: str) -> Looks:
    def looks(z: Tenant, x: Tenant) -> Iterator[Ask]:
        yield from (Ask(route, path) for path in paths or [""])

    return looks


LOOKS: Mapping[str, Looks] = {
    "GET /v1/organisations": _once("GET /v1/organisations"),
    "GET /v1/organisations/<organisation_id>": _once(
        "GET /v1/organisations/<organisation_id>", f"/v1/organisations/{X}", "/v1/organisations/no"
    ),
    "GET /v1/templates": _once("GET /v1/templates"),
    "GET /v1/templates/<template_id>": _once(
        "GET /v1/templates/<template_id>", "/v1/templates/joint-action-plan", "/v1/templates/no"
    ),
    "GET /v1/templates/<template_id>/versions/<int:version>": _once(
        "GET /v1/templates/<template_id>/versions/<int:version>",
        "/v1/templates/joint-action-plan/versions/1",
        "/v1/templates/joint-action-plan/versions/2",
    ),
    "GET /v1/consents": _consents,
    "POST /v1/consents/search": _by_child("/v1/consents/search"),
    "GET /v1/consents/<consent_id>": _each(),
    "GET /v1/consents/<consent_id>/receipt": _each("receipt"),
    "GET /v1/consents/<consent_id>/timeline": _each("timeline", query=WHOLE, is_list=True),
    "GET /v1/work": _work,
    "GET /v1/disclosures": _disclosures,
    "GET /v1/disclosures/<disclosure_id>": _disclosure,
    "GET /v1/audit/entries": _entries,
    "POST /v1/audit/search": _search,
    "GET /v1/audit/entries/<entry_id>": _entry("GET /v1/audit/entries/<entry_id>"),
    "GET /v1/audit/entries/<entry_id>/proof": _entry("GET /v1/audit/entries/<entry_id>/proof"),
    "GET /v1/audit/export": lambda z, x: [_list("/v1/audit/export")],
    "POST /v1/audit/subject-export": _subjects,
}

_OF_A_CONSENT = (
    "links",
    "cancellation",
    "withdrawals",
    "exemptions",
    "exemptions/<exemption_id>/confirmation",
    "exemptions/<exemption_id>/revocation",
    "paper-grants",
    "paper-grants/<paper_id>/confirmation",
    "paper-grants/<paper_id>/rejection",
    "lifts",
    "lifts/<lift_id>/confirmation",
    "reconfirmations",
    "reconfirmations/<reconfirmation_id>/confirmation",
)
ACTS = (
    "POST /v1/consents",
    *(f"POST /v1/consents/<consent_id>/{kind}" for kind in _OF_A_CONSENT),
    "POST /v1/withdrawals",
    "POST /v1/custody-changes",
    "POST /v1/decisions",
    "POST /v1/disclosures",
    "POST /v1/disclosures/<disclosure_id>/outcome",
)

CLOSED = (
    "POST /v1/organisations",
    "PATCH /v1/organisations/<organisation_id>",
    "POST /v1/templates",
    "POST /v1/clients",
    "GET /v1/clients",
    "GET /v1/clients/<client_id>",
    "POST /v1/clients/<client_id>/scopes",
    "POST /v1/clients/<client_id>/keys",
    "POST /v1/clients/<client_id>/keys/<kid>/removal",
    "POST /v1/clients/<client_id>/secrets",
    "POST /v1/clients/<client_id>/secrets/<secret_id>/revocation",
    "POST /v1/clients/<client_id>/revocation",
    "POST /v1/client-revocations",
)
_NOT_ZS = frozenset({"organisations:write", "templates:write"})

PUBLIC: Mapping[str, str] = {
    "GET /.well-known/consent-log.json": "",
    "GET /.well-known/jwks.json": "",
    "GET /.well-known/oauth-authorization-server": "",
    "GET /docs": "",
    "GET /docs/files/<name>": "/docs/files/none",
    "GET /docs/start.js": "",
    "GET /healthz": "",
    "GET /log/proof": "/log/proof?leaf=" + "0" * 64,
    "GET /openapi.json": "",
    "POST /oauth/token": "",
    "GET /readyz": "",
    "GET /sign/<any('style.css', 'icon.svg'):name>": "/sign/style.css",
    "ANY /sign/": "",
    "ANY /sign/<path:rest>": "/sign/x/y",
    "GET /staff": "",
    "ANY /staff": "",
    "GET /staff/": "",
    "ANY /staff/<path:rest>": "/staff/x/y",
    "POST /staff/backchannel-logout": "",
    "GET /staff/callback": "",
    "GET /staff/goodbye": "",
    "POST /staff/logout": "",
    "POST /staff/logout-everywhere": "",
}
OF_THE_TREE = {
    "GET /log/checkpoint": "the whole deployment's tree: its size and root are public",
    "GET /log/consistency": "so are its paths",
}
ELSEWHERE = {
    "POST /staff/login": "asks the employees' provider, which is not there",
    "GET /staff/refused": "fixed words for each code",
}
PAGES = (
    "GET /sign/",
    "GET /sign/<token>",
    "POST /sign/login",
    "GET /sign/callback/<provider>",
    "POST /sign/grant",
    "POST /sign/decline",
    "POST /sign/lift",
    "GET /sign/receipt",
    "GET /sign/shared",
    "GET /sign/everything",
    "POST /sign/logout",
)


def routes_of(app: Flask) -> Iterator[str]:
    """Every route as it is named here: what answers any method that is left, as ANY."""
    for rule in app.url_map.iter_rules():
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        path = re.sub(r"/<any\('access_denied'.*", "", rule.rule)
        yield from [f"ANY {path}"] if len(methods) > 1 else [f"{one} {path}" for one in methods]


def missing(app: Flask) -> list[str]:
    """The routes that no line says how to ask."""
    return sorted(set(routes_of(app)) - lines())


def lines() -> set[str]:
    """Every route that has a line."""
    return {*LOOKS, *ACTS, *CLOSED, *PUBLIC, *OF_THE_TREE, *ELSEWHERE, *PAGES}


def looks(z: Tenant, x: Tenant, routes: Iterable[str] = LOOKS) -> Iterator[Ask]:
    """What Z asks of these routes."""
    for route in routes:
        yield from LOOKS[route](z, x)


def strange(z: Tenant, x: Tenant) -> Iterator[Ask]:
    """What Z is refused in any world: the operator's routes, others' things, and bad input."""
    for route in CLOSED:
        body: Json | None = {} if route.startswith(("POST", "PATCH")) else None
        path = re.sub(r"<\w+>", "no", route.partition(" ")[2])
        yield Ask(route, path, body, key="closed", scopes=ALL_SCOPES - _NOT_ZS)
    by = {"performed_by": {"id": "z9", "name": "Ansat"}}
    for consent in x.consents[:2]:
        yield from _about_anothers(consent, by)
    for consent in z.consents[:1]:
        yield Ask("POST /v1/consents/<consent_id>/links", f"{consent.path}/links", {}, key="bad")
        unknown = by | {"signatories": [f"<{name}>" for name in _signatories_of(x)]}
        route = "POST /v1/consents/<consent_id>/links"
        yield Ask(route, f"{consent.path}/links", unknown, key="others")
    body = {"child": {"cpr": z.child[0]}, "purpose": PURPOSE, "surprise": 1}
    yield Ask("POST /v1/decisions", "", body)


def _signatories_of(x: Tenant) -> list[str]:
    return [name for consent in x.consents for name in consent.signers.values()][:2]


def _about_anothers(consent: Consent, by: Json) -> Iterator[Ask]:
    for kind in _OF_A_CONSENT:
        path = re.sub(r"<\w+>", "no", kind)
        route = f"POST /v1/consents/<consent_id>/{kind}"
        yield Ask(route, f"{consent.path}/{path}", by, key=f"others {consent.name} {kind}")


def public() -> Iterator[Ask]:
    """What anybody may ask, without a token."""
    for route, path in PUBLIC.items():
        method, _, rule = route.partition(" ")
        named = "PUT" if method == "ANY" else method
        address, _, query = path.partition("?")
        yield Ask(f"{named} {rule}", address, query=dict(parse_qsl(query)))
