"""The authorization code flow: off to a provider, and a verified ID token from what comes back.

Knows nothing of who logs in, signers or staff. Sources: OpenID Connect Core 1.0 § 3.1, RFC 7636
(PKCE), RFC 9101 (signed requests), RFC 9207 (issuer in the answer), RFC 9700 (best practice).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.errors import InvalidKeyIdError

from consent_service.identity.addresses import is_loopback
from consent_service.identity.client_authentication import TokenRequest
from consent_service.identity.id_token import check_claims, invalid, is_equal, verified_claims
from consent_service.identity.openid_provider import LoginRefused, OpenIdProvider
from consent_service.identity.registration import Registration

_TOKEN_ERRORS = ("invalid_client", "invalid_grant", "unauthorized_client")


@dataclass(frozen=True)
class LoginUnderWay:
    """What must be kept in the person's own session until the answer comes; used once.

    Whoever reads `code_verifier` and `nonce` can complete the login: keep them off the page.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    started_at: datetime


@dataclass(frozen=True)
class VerifiedLogin:
    """What the provider vouches for: issuer, audience, times, nonce and signature are checked.

    `keys` is the provider's JWK set as of then, public halves only.
    """

    claims: Mapping[str, Any] = field(repr=False)
    id_token: str = field(repr=False)
    access_token: str | None = field(repr=False)
    keys: Mapping[str, Any] = field(repr=False)


class CodeFlow:
    """Sends a browser to one provider and reads the answer. May be shared by threads."""

    def __init__(self, registration: Registration, timeout_seconds: float = 5.0) -> None:
        self._registration = registration
        self._timeout_seconds = timeout_seconds
        self._provider = OpenIdProvider(registration.issuer, timeout_seconds)

    def start(
        self,
        redirect_uri: str,
        locale: str,
        now: datetime,
        *,
        nonce: str | None = None,
        parameters: Mapping[str, str] | None = None,
        signed: bool = False,
    ) -> LoginUnderWay:
        """Where to send the browser. Raises LoginRefused.

        The nonce is random unless given; `parameters` go beside the configured ones and win.
        A signed request cannot be changed on its way through the browser.
        """
        registration = self._registration
        nonce = nonce or secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(48)
        asked = {
            **registration.extra_parameters,
            **(parameters or {}),
            "state": secrets.token_urlsafe(32),
            "code_challenge": create_s256_code_challenge(verifier),  # type: ignore[no-untyped-call]  # the stubs leave it out
            "code_challenge_method": "S256",
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(registration.scopes),
            "nonce": nonce,
            "ui_locales": locale.replace("_", "-"),
        }
        if registration.prompt is not None:
            asked["prompt"] = registration.prompt
        if registration.max_age_seconds is not None:
            asked["max_age"] = str(registration.max_age_seconds)
        endpoint = self._provider.endpoints(now).authorization
        sent = self._as_request_object(asked, now) if signed else asked
        url = add_params_to_uri(endpoint, [("client_id", registration.client_id), *sent.items()])
        return LoginUnderWay(url, asked["state"], nonce, verifier, now)

    def finish(
        self, under_way: LoginUnderWay, redirect_uri: str, answer: Mapping[str, str], now: datetime
    ) -> VerifiedLogin:
        """What the query parameters that the browser came back with are worth.

        1. The answer belongs to this login and comes from this provider. 2. It is no error.
        3. The code is exchanged by us alone. 4. The ID token is signed by the provider.
        5. It is for us, for this login, and valid now. Raises LoginRefused.
        """
        endpoints = self._provider.endpoints(now)
        self._check_origin(under_way, answer, must_name_itself=endpoints.names_itself)
        code = _code(answer)
        tokens = self._exchange(endpoints.token, code, redirect_uri, under_way.code_verifier, now)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise LoginRefused("id_token_invalid", "The answer holds no ID token.")
        claims, keys = self._verified(id_token, now)
        check_claims(
            claims,
            issuer=self._registration.issuer,
            client_id=self._registration.client_id,
            nonce=under_way.nonce,
            now=now,
        )
        return VerifiedLogin(
            claims, id_token, access_token if isinstance(access_token, str) else None, keys
        )

    def userinfo(self, login: VerifiedLogin, now: datetime) -> Mapping[str, Any]:
        """What the provider tells about the person beside the ID token, about nobody else.

        The answer comes over TLS from the provider itself, so it needs no signature; its `sub`
        must be the token's (OpenID Connect Core § 5.3.2). Raises LoginRefused.
        """
        endpoint = self._provider.endpoints(now).userinfo
        if endpoint is None or login.access_token is None:
            raise LoginRefused("userinfo_invalid", "The provider tells nothing more.")
        claims = self._provider.fetch(endpoint, bearer=login.access_token)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not is_equal(subject, login.claims["sub"]):
            raise LoginRefused("userinfo_invalid", "The claims are about somebody else.")
        return claims

    def _as_request_object(self, asked: Mapping[str, str], now: datetime) -> Mapping[str, str]:
        """The parameters as a signed JWT, and beside it those that must stand outside too.

        OpenID Connect Core § 6.1 wants `response_type` and `scope` outside as well.
        """
        registration = self._registration
        if registration.request_key is None:
            raise LoginRefused("text_not_supported", "There is no key to sign the request with.")
        claims = {
            **asked,
            "client_id": registration.client_id,
            "iss": registration.client_id,
            "aud": registration.issuer,
        }
        request = registration.request_key.sign(claims, "oauth-authz-req+jwt", now)
        outside = {name: asked[name] for name in ("response_type", "scope")}
        return {**outside, "request": request}

    def end_session_endpoint(self, now: datetime) -> str | None:
        """Where the provider logs people out, if it does. Raises LoginRefused."""
        return self._provider.endpoints(now).end_session

    def signed_claims(self, token: str, type_: str, now: datetime) -> Mapping[str, Any]:
        """The claims of any token of a type that this provider signed.

        What they say is the caller's to check. Raises LoginRefused.
        """
        return self._verified(token, now, type_)[0]

    def _session(self) -> OAuth2Session:
        session = OAuth2Session(
            self._registration.client_id,
            default_timeout=self._timeout_seconds,
        )
        session.trust_env = not is_loopback(self._registration.issuer)
        return session

    def _check_origin(
        self, under_way: LoginUnderWay, answer: Mapping[str, str], *, must_name_itself: bool
    ) -> None:
        if not is_equal(answer.get("state", ""), under_way.state):
            raise LoginRefused("state_mismatch", "The answer does not belong to this login.")
        issuer = answer.get("iss")
        if issuer is None and not must_name_itself:
            return
        if issuer != self._registration.issuer:
            raise LoginRefused("state_mismatch", "The answer comes from another provider.")

    def _exchange(
        self, endpoint: str, code: str, redirect_uri: str, verifier: str, now: datetime
    ) -> Mapping[str, Any]:
        """The tokens for a code."""
        registration = self._registration
        request = TokenRequest(registration.client_id, registration.issuer, endpoint, now)
        proof = registration.authentication.prove(request)
        try:
            with self._session() as session:
                tokens: Mapping[str, Any] = session.fetch_token(
                    endpoint,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=redirect_uri,
                    code_verifier=verifier,
                    auth=proof.headers,
                    allow_redirects=False,
                    **proof.parameters,
                )
        except OAuthError as error:
            why = error.error if error.error in _TOKEN_ERRORS else "another error"
            raise LoginRefused("provider_refused", f"The code was refused: {why}.") from None
        except (requests.RequestException, ValueError, TypeError, RecursionError):
            raise LoginRefused("provider_unreachable", "No usable answer for the code.") from None
        return tokens

    def _verified(
        self, token: str, now: datetime, type_: str | None = None
    ) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """The claims, and the keys they were verified with, newer ones where one is unknown."""
        keys = self._provider.keys(now)
        try:
            return verified_claims(token, keys, type_), keys.as_dict(private=False)
        except InvalidKeyIdError:
            keys = self._provider.keys_after_rotation(now)
        try:
            return verified_claims(token, keys, type_), keys.as_dict(private=False)
        except InvalidKeyIdError:
            raise invalid("signed with a key the provider does not publish") from None


def _code(answer: Mapping[str, str]) -> str:
    error = answer.get("error")
    if error == "access_denied":
        raise LoginRefused("access_denied", "The person cancelled.")
    if error in ("server_error", "temporarily_unavailable"):
        raise LoginRefused("provider_unreachable", "The provider is out of order.")
    if error is not None or not answer.get("code"):
        raise LoginRefused("provider_refused", "The provider answered with an error.")
    return answer["code"]
