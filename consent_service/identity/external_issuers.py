"""External issuers (a municipality's Keycloak, Entra ID), as the operator's file describes them.

What a token may do here is decided by that file, never by what the other issuer calls things:
a claim value it does not list names no organisation and grants no scope.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consent_service.errors import Misconfigured
from consent_service.identity.addresses import is_safe_address
from consent_service.identity.bearer import ACCESS_TOKEN, TrustedIssuer, VerifyingKeys
from consent_service.identity.issuer_keys import FetchedKeys, NoKeys, usable_keys
from consent_service.identity.public_keys import ALGORITHMS
from consent_service.services.access.client import OPERATOR_SCOPE, SCOPES
from consent_service.services.kernel.model import Caller
from consent_service.signing.members import Members

VARIABLE = "CONSENT_TOKEN_ISSUERS_FILE"
LONGEST_NAME = 255
_REQUIRED = ("issuer", "audience", "algorithms", "organisation", "scopes")
_OPTIONAL = ("jwks_uri", "jwks_file", "client_claim", "typ", "may_operate")


class _Wrong(Misconfigured):
    def __init__(self, detail: str) -> None:
        super().__init__(f"{VARIABLE}: {detail}")


@dataclass(frozen=True)
class ClaimMap:
    """Where a claim stands, and what each of its values means here.

    `path` has more than one name where the claim is nested (`realm_access`, `roles`).
    """

    path: tuple[str, ...]
    values: Mapping[str, Any]

    def known(self, claims: Mapping[str, Any]) -> list[Any]:
        """What the listed values of the claim mean; the claim is text or a list of texts."""
        value: Any = claims
        for name in self.path:
            value = value[name]
        said = value.split() if isinstance(value, str) else value
        if isinstance(value, str) and value in self.values:
            said = [value]
        if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
            raise TypeError("the claim is neither text nor a list of texts")
        return [self.values[one] for one in said if one in self.values]


@dataclass(frozen=True)
class CallerMap:
    """Verified claims of an external issuer to a caller here."""

    issuer: str
    client_claim: str
    organisation: ClaimMap
    scopes: ClaimMap

    def __call__(self, claims: Mapping[str, Any]) -> Caller:
        client = claims[self.client_claim]
        if not isinstance(client, str) or not 1 <= len(client) <= LONGEST_NAME:
            raise TypeError("the client is text")
        organisations = set(self.organisation.known(claims))
        if len(organisations) != 1:
            raise ValueError("the token names no organisation, or more than one")
        scopes = frozenset(name for names in self.scopes.known(claims) for name in names)
        return Caller(organisations.pop(), client, scopes, self.issuer)


def load_issuers(path: Path, own: str) -> dict[str, TrustedIssuer]:
    """The external issuers of a file, by name. Raises Misconfigured, naming what is wrong.

    `own` is this service's issuer, which nobody else may be. `jwks_file` is read beside the file.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise _Wrong("not a readable JSON file") from None
    if not isinstance(listed, list):
        raise _Wrong("not a list of issuers")
    issuers: dict[str, TrustedIssuer] = {}
    for one in listed:
        issuer = _issuer(Members(one, _REQUIRED, _OPTIONAL, refusal=_Wrong), path.parent)
        if issuer.name == own or issuer.name in issuers:
            raise _Wrong("an issuer stands twice, or is this service itself")
        issuers[issuer.name] = issuer
    return issuers


def _issuer(members: Members, folder: Path) -> TrustedIssuer:
    name = members.text("issuer")
    if len(name) > LONGEST_NAME:
        raise _Wrong("issuer is too long")
    algorithms = members.items("algorithms")
    if not algorithms or not all(one in ALGORITHMS for one in algorithms):
        raise _Wrong(f"algorithms are some of {', '.join(ALGORITHMS)}")
    may_operate = "may_operate" in members and members.one_of("may_operate", (True, False))
    client_claim = members.text("client_claim") if "client_claim" in members else "sub"
    caller = CallerMap(
        name,
        client_claim,
        _claim_map(members.raw("organisation"), "organisation"),
        _claim_map(members.raw("scopes"), "scopes"),
    )
    _check_values(caller, may_operate=may_operate)
    typ = members.text("typ") if "typ" in members else ACCESS_TOKEN
    keys = _keys(members, algorithms, folder)
    return TrustedIssuer(name, members.text("audience"), keys, caller, typ.lower())


def _claim_map(value: Any, where: str) -> ClaimMap:
    members = Members(value, ("claim", "values"), refusal=_Wrong)
    claim, values = members.raw("claim"), members.raw("values")
    path = (claim,) if isinstance(claim, str) else tuple(claim) if isinstance(claim, list) else ()
    if not path or not all(isinstance(name, str) and name for name in path):
        raise _Wrong(f"{where}.claim is a name, or a list of names from the outermost inwards")
    if not isinstance(values, dict) or not values:
        raise _Wrong(f"{where}.values maps values of the claim")
    return ClaimMap(path, values)


def _check_values(caller: CallerMap, *, may_operate: bool) -> None:
    for organisation in caller.organisation.values.values():
        if not isinstance(organisation, str) or not organisation:
            raise _Wrong("organisation.values are ids of organisations")
    granted: set[Any] = set()
    for scopes in caller.scopes.values.values():
        if not isinstance(scopes, list) or not all(isinstance(one, str) for one in scopes):
            raise _Wrong("scopes.values are lists of scopes")
        granted.update(scopes)
    if not granted <= SCOPES.keys():
        raise _Wrong("scopes.values hold a scope there is not")
    if OPERATOR_SCOPE in granted and not may_operate:
        raise _Wrong(f"{OPERATOR_SCOPE} is the operator's: it needs may_operate: true")


def _keys(members: Members, algorithms: list[str], folder: Path) -> VerifyingKeys:
    if ("jwks_uri" in members) == ("jwks_file" in members):
        raise _Wrong("an issuer has a jwks_uri or a jwks_file")
    if "jwks_uri" in members:
        url = members.text("jwks_uri")
        if not is_safe_address(url):
            raise _Wrong("jwks_uri must be an https address")
        return FetchedKeys(url, algorithms)
    try:
        jwks = json.loads((folder / members.text("jwks_file")).read_text(encoding="utf-8"))
        return usable_keys(jwks, algorithms)
    except (OSError, NoKeys, ValueError):
        raise _Wrong("jwks_file is not a JWK set with a usable key") from None
