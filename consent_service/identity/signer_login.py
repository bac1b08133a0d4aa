"""Logging a signer in through OpenID Connect, so that an act rests on who they really are.

Sources: OpenID Connect Core 1.0 § 3.1 (authorization code flow), RFC 7636 (PKCE), RFC 9207
(issuer in the answer), RFC 9700 (best current practice).
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import InvalidKeyIdError
from requests.auth import HTTPBasicAuth

from consent_service.identity.id_token import (
    LoginUnderWay,
    identity_of,
    invalid,
    is_equal,
    verified_claims,
)
from consent_service.identity.openid_provider import (
    LoginRefused,
    OpenIdProvider,
    SignerProvider,
    is_loopback,
)
from consent_service.services.sign import Identity

__all__ = ["LoginRefused", "LoginUnderWay", "SignerLogin", "SignerProvider"]

_TOKEN_ERRORS = ("invalid_client", "invalid_grant", "unauthorized_client")


class SignerLogin:
    """Sends a signer to the provider and reads the answer. May be shared by threads."""

    def __init__(self, settings: SignerProvider, timeout_seconds: float = 5.0) -> None:
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._provider = OpenIdProvider(settings.issuer, timeout_seconds)

    def start(self, redirect_uri: str, locale: str, now: datetime) -> LoginUnderWay:
        """Where to send the browser for a fresh login. Raises LoginRefused."""
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        endpoint = self._provider.endpoints(now).authorization
        with self._session() as session:
            url, state = session.create_authorization_url(
                endpoint,
                state=secrets.token_urlsafe(32),
                code_verifier=verifier,
                redirect_uri=redirect_uri,
                scope=" ".join(self._settings.scopes),
                nonce=nonce,
                prompt="login",
                max_age=str(self._settings.max_age_seconds),
                ui_locales=locale.replace("_", "-"),
                **self._settings.extra_parameters,
            )
        return LoginUnderWay(url, state, nonce, verifier, now)

    def finish(
        self, under_way: LoginUnderWay, redirect_uri: str, answer: Mapping[str, str], now: datetime
    ) -> Identity:
        """Who logged in, of the query parameters the browser came back with.

        1. The answer belongs to this login and comes from this provider. 2. It is no error.
        3. The code is exchanged by us alone. 4. The ID token is signed by the provider.
        5. It is for us, for this login, valid, fresh and assured, and names a CPR number.
        Raises LoginRefused.
        """
        endpoints = self._provider.endpoints(now)
        self._check_origin(under_way, answer, must_name_itself=endpoints.names_itself)
        code = _code(answer)
        id_token = self._exchange(endpoints.token, code, redirect_uri, under_way.code_verifier)
        claims = self._verified_claims(id_token, now)
        return identity_of(claims, id_token, self._settings, under_way, now)

    def _session(self) -> OAuth2Session:
        session = OAuth2Session(
            self._settings.client_id,
            self._settings.client_secret,
            code_challenge_method="S256",
            default_timeout=self._timeout_seconds,
        )
        session.trust_env = not is_loopback(self._settings.issuer)
        return session

    def _check_origin(
        self, under_way: LoginUnderWay, answer: Mapping[str, str], *, must_name_itself: bool
    ) -> None:
        if not is_equal(answer.get("state", ""), under_way.state):
            raise LoginRefused("state_mismatch", "The answer does not belong to this login.")
        issuer = answer.get("iss")
        if issuer is None and not must_name_itself:
            return
        if issuer != self._settings.issuer:
            raise LoginRefused("state_mismatch", "The answer comes from another provider.")

    def _exchange(self, endpoint: str, code: str, redirect_uri: str, verifier: str) -> str:
        """The ID token for a code, with client_secret_basic as RFC 6749 § 2.3.1 encodes it."""
        # Authlib leaves out the encoding, and some client ids are URNs, full of colons.
        basic = HTTPBasicAuth(
            quote_plus(self._settings.client_id), quote_plus(self._settings.client_secret)
        )
        try:
            with self._session() as session:
                tokens = session.fetch_token(
                    endpoint,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=redirect_uri,
                    code_verifier=verifier,
                    auth=basic,
                    allow_redirects=False,
                )
        except OAuthError as error:
            why = error.error if error.error in _TOKEN_ERRORS else "another error"
            raise LoginRefused("provider_refused", f"The code was refused: {why}.") from None
        except (requests.RequestException, ValueError, TypeError, RecursionError):
            raise LoginRefused("provider_unreachable", "No usable answer for the code.") from None
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise LoginRefused("id_token_invalid", "The answer holds no ID token.")
        return id_token

    def _verified_claims(self, id_token: str, now: datetime) -> dict[str, Any]:
        try:
            return verified_claims(id_token, self._provider.keys(now))
        except InvalidKeyIdError:
            newer = self._provider.keys_after_rotation(now)
        try:
            return verified_claims(id_token, newer)
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
