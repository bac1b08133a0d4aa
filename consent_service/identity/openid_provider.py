"""An OpenID provider: the endpoints and keys it publishes, and what refuses a login there.

Sources: OpenID Connect Discovery 1.0 §§ 3 and 4, RFC 7517 (keys), RFC 9207 (issuer in the answer).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from consent_service.errors import ConsentServiceError
from consent_service.identity.addresses import is_safe_address
from consent_service.identity.fetched_json import NoDocument, fetch_json

KEPT_FOR = timedelta(hours=1)
"""How long endpoints and keys count: a key the provider takes back is refused after this."""

REFRESH_PAUSE = timedelta(seconds=10)
"""Keys this fresh are not fetched again, however many unknown key ids turn up."""

RETRY_PAUSE = timedelta(seconds=10)
"""Between two attempts at a provider that cannot be used."""

Refusal = Literal[
    "state_mismatch",
    "access_denied",
    "provider_unreachable",
    "provider_refused",
    "id_token_invalid",
    "not_fresh",
    "assurance_too_low",
    "no_cpr",
    "userinfo_invalid",
    "text_not_supported",
]

_RSA_2048_CHARACTERS = 342  # 256 bytes in base64url

T = TypeVar("T")


class LoginRefused(ConsentServiceError):
    """The login does not count. `code` is stable; `detail` never repeats what was received.

    `state_mismatch`: the answer does not belong to this login, or not to this provider.
    `access_denied`: the person cancelled. `provider_unreachable`: no usable answer, try later.
    `provider_refused`: the provider answered with another error, a used code for one.
    `not_fresh`: no proof that the person logged in just now. `text_not_supported`: the provider
    cannot show the text that a template wants approved. The others say it themselves.
    """

    code = "login_refused"

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Endpoints:
    """Where to send the browser, the code, and the question for keys."""

    authorization: str
    token: str
    jwks: str
    userinfo: str | None
    names_itself: bool
    """Whether every answer carries `iss` (RFC 9207 § 3), so that one without it is refused."""
    end_session: str | None = None
    """Where to log out there (OpenID Connect RP-Initiated Logout 1.0 § 2.1), if anywhere."""


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
        document = self.fetch(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != self._issuer:
            raise _unusable("the discovery document names another issuer")
        return Endpoints(
            authorization=_address(document, "authorization_endpoint"),
            token=_address(document, "token_endpoint"),
            jwks=_address(document, "jwks_uri"),
            userinfo=(
                _address(document, "userinfo_endpoint") if "userinfo_endpoint" in document else None
            ),
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
            end_session=_optional_address(document, "end_session_endpoint"),
        )

    def _fetch_keys(self, now: datetime) -> KeySet:
        members = self.fetch(self.endpoints(now).jwks).get("keys")
        if not isinstance(members, list):
            raise _unusable("the key set has no keys")
        return KeySet([key for member in members if (key := _signing_key(member)) is not None])

    def fetch(self, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """A JSON object from one of the provider's addresses."""
        try:
            document = fetch_json(url, self._timeout_seconds, bearer=bearer)
        except NoDocument as why:
            raise _unusable(str(why)) from None
        if not isinstance(document, dict):
            raise _unusable("the answer is no object")
        return document


class _Kept(Generic[T]):
    """A document and when it was fetched. Two threads at once fetch twice, which harms nobody.

    After a failure one thread alone tries again, every few seconds; the others hear at once that
    it failed. Anybody can make us ask, and a provider that is away must not keep every thread.
    """

    def __init__(self, fetch: Callable[[datetime], T]) -> None:
        self._fetch = fetch
        self._kept: tuple[T, datetime] | None = None
        self._failed: datetime | None = None

    def get(self, now: datetime, lasts: timedelta) -> T:
        kept = self._kept
        if kept is not None and _is_within(kept[1], now, lasts):
            return kept[0]
        if self._failed is not None:
            if _is_within(self._failed, now, RETRY_PAUSE):
                raise _unusable("it could not be used a moment ago")
            self._failed = now
        try:
            document = self._fetch(now)
        except LoginRefused:
            self._failed = now
            raise
        self._kept, self._failed = (document, now), None
        return document


def _is_within(earlier: datetime, now: datetime, lasts: timedelta) -> bool:
    """Not so from a clock that was set back: what it dated looks as if it came from the future."""
    return timedelta(0) <= now - earlier < lasts


def _address(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not is_safe_address(value):
        raise _unusable(f"{name} is missing or not an https address")
    return value


def _optional_address(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and is_safe_address(value) else None


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
