"""The signers' identity provider: how it is configured, and the endpoints and keys it publishes.

Sources: OpenID Connect Discovery 1.0 §§ 3 and 4, RFC 7517 (keys), RFC 9207 (issuer in the answer).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

import requests
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from consent_service.config import LOOPBACK
from consent_service.errors import ConsentServiceError, Misconfigured

KEPT_FOR = timedelta(hours=1)
"""How long endpoints and keys count: a key the provider takes back is refused after this."""

REFRESH_PAUSE = timedelta(seconds=10)
"""Keys this fresh are not fetched again, however many unknown key ids turn up."""

Refusal = Literal[
    "state_mismatch",
    "access_denied",
    "provider_unreachable",
    "provider_refused",
    "id_token_invalid",
    "not_fresh",
    "assurance_too_low",
    "no_cpr",
]

_RSA_2048_CHARACTERS = 342  # 256 bytes in base64url

T = TypeVar("T")

RANKS: Mapping[str, int] = MappingProxyType({"low": 0, "substantial": 1, "high": 2})
"""Levels of assurance (NSIS), in order."""

_NSIS = "https://data.gov.dk/concept/core/nsis/"
MITID_LOAS: Mapping[str, str] = MappingProxyType(
    {
        "urn:grn:authn:dk:mitid:substantial": "substantial",
        "urn:grn:authn:dk:mitid:high": "high",
        f"{_NSIS}Substantial": "substantial",
        f"{_NSIS}High": "high",
    }
)
"""Them as Danish brokers write them, in `acr` or in `loa`."""

_OURS = frozenset(
    {
        "client_id",
        "redirect_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "ui_locales",
        "request",
        "request_uri",
    }
)
"""The parameters of an authorization request that no configuration changes."""


class LoginRefused(ConsentServiceError):
    """The login does not count. `code` is stable; `detail` never repeats what was received.

    `state_mismatch`: the answer does not belong to this login, or not to this provider.
    `access_denied`: the person cancelled. `provider_unreachable`: no usable answer, try later.
    `provider_refused`: the provider answered with another error, a used code for one.
    `not_fresh`: no proof that the person logged in just now. The others say it themselves.
    """

    code = "login_refused"

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class SignerProvider:
    """The broker that vouches for signers, and what it calls things.

    `cpr_claim` and `loa_claim` are members of the ID token, dots and all. `extra_parameters`
    go along to the login page as the broker wants them (`acr_values`, `idp_values`). The
    freshness of a login is checked whatever `max_age_seconds` asks for. Raises Misconfigured.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    cpr_claim: str
    loa_claim: str = "acr"
    scopes: tuple[str, ...] = ("openid",)
    accepted_loas: Mapping[str, str] = field(default_factory=lambda: MITID_LOAS)
    minimum: Literal["substantial", "high"] = "substantial"
    extra_parameters: Mapping[str, str] = field(default_factory=dict)
    max_age_seconds: int = 0

    def __post_init__(self) -> None:
        if not is_safe_address(self.issuer) or "?" in self.issuer or "#" in self.issuer:
            raise Misconfigured("the signers' issuer must be an https address")
        for name in ("client_id", "client_secret", "cpr_claim", "loa_claim"):
            if not getattr(self, name):
                raise Misconfigured(f"the signers' {name} is empty")
        if "openid" not in self.scopes:
            raise Misconfigured("the signers' scopes must contain openid")
        if not set(self.accepted_loas.values()) <= RANKS.keys():
            raise Misconfigured("the signers' accepted_loas map to low, substantial or high")
        if self.minimum not in ("substantial", "high"):
            raise Misconfigured("the signers' minimum must be substantial or high")
        if taken := sorted(_OURS & self.extra_parameters.keys()):
            raise Misconfigured(f"the signers' extra_parameters may not set {', '.join(taken)}")


@dataclass(frozen=True)
class Endpoints:
    """Where to send the browser, the code, and the question for keys."""

    authorization: str
    token: str
    jwks: str
    names_itself: bool
    """Whether every answer carries `iss` (RFC 9207 § 3), so that one without it is refused."""


class OpenIdProvider:
    """A provider's discovery document and key set. May be shared by threads.

    Every method raises LoginRefused (`provider_unreachable`) without a usable document.
    """

    def __init__(self, issuer: str, timeout_seconds: float) -> None:
        self._issuer = issuer
        self._timeout_seconds = timeout_seconds
        self._endpoints = _Kept(self._fetch_endpoints)
        self._keys = _Kept(self._fetch_keys)

    def endpoints(self, now: datetime) -> Endpoints:
        """The endpoints, at most an hour old."""
        return self._endpoints.get(now, KEPT_FOR)

    def keys(self, now: datetime) -> KeySet:
        """The keys that may sign, at most an hour old."""
        return self._keys.get(now, KEPT_FOR)

    def keys_after_rotation(self, now: datetime) -> KeySet:
        """The keys once more, where a token names one we do not know; at most 10 seconds old."""
        return self._keys.get(now, REFRESH_PAUSE)

    def _fetch_endpoints(self, _now: datetime) -> Endpoints:
        document = self._fetch(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != self._issuer:
            raise _unusable("the discovery document names another issuer")
        return Endpoints(
            authorization=_address(document, "authorization_endpoint"),
            token=_address(document, "token_endpoint"),
            jwks=_address(document, "jwks_uri"),
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _fetch_keys(self, now: datetime) -> KeySet:
        members = self._fetch(self.endpoints(now).jwks).get("keys")
        if not isinstance(members, list):
            raise _unusable("the key set has no keys")
        return KeySet([key for member in members if (key := _signing_key(member)) is not None])

    def _fetch(self, url: str) -> dict[str, Any]:
        try:
            with requests.Session() as session:
                session.trust_env = not is_loopback(url)  # no proxy between us and ourselves
                response = session.get(url, timeout=self._timeout_seconds, allow_redirects=False)
                document = response.json() if response.status_code == 200 else None
        except (requests.RequestException, ValueError, RecursionError):
            raise _unusable("no answer, or one that is not JSON") from None
        if not isinstance(document, dict):
            raise _unusable("the answer is an error, or not an object")
        return document


class _Kept(Generic[T]):
    """A document and when it was fetched. Two threads at once fetch twice, which harms nobody."""

    def __init__(self, fetch: Callable[[datetime], T]) -> None:
        self._fetch = fetch
        self._kept: tuple[T, datetime] | None = None

    def get(self, now: datetime, lasts: timedelta) -> T:
        kept = self._kept
        # A clock that was set back makes what we have look as if it came from the future.
        if kept is None or not timedelta(0) <= now - kept[1] < lasts:
            self._kept = kept = (self._fetch(now), now)
        return kept[0]


def is_loopback(url: str) -> bool:
    """Whether an address lies on this machine."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def is_safe_address(url: str) -> bool:
    """Whether what is sent there stays secret: TLS, or this machine alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    )


def _address(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not is_safe_address(value):
        raise _unusable(f"{name} is missing or not an https address")
    return value


def _signing_key(member: Any) -> Key | None:
    """A key that can verify, or None: a key we cannot read says nothing about the others.

    A symmetric key has no business in a published set, and RSA needs 2048 bits (RFC 7518 § 3.3).
    """
    if not isinstance(member, dict) or member.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if member["kty"] == "RSA" and len(str(member.get("n", ""))) < _RSA_2048_CHARACTERS:
        return None
    try:
        return JWKRegistry.import_key(member)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _unusable(why: str) -> LoginRefused:
    return LoginRefused("provider_unreachable", f"The identity provider cannot be used: {why}.")
