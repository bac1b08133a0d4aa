"""Logging a signer in through OpenID Connect, so that an act rests on who they really are."""

from collections.abc import Mapping
from datetime import datetime

from consent_service.identity.code_flow import CodeFlow, LoginUnderWay
from consent_service.identity.openid_provider import LoginRefused
from consent_service.identity.signer_claims import SignerProvider, identity_of
from consent_service.services.sign import Identity

__all__ = ["LoginRefused", "LoginUnderWay", "SignerLogin", "SignerProvider"]


class SignerLogin:
    """Sends a signer to the broker and reads the answer. May be shared by threads."""

    def __init__(self, settings: SignerProvider, timeout_seconds: float = 5.0) -> None:
        self._settings = settings
        self._flow = CodeFlow(settings.registration, timeout_seconds)

    def start(self, redirect_uri: str, locale: str, now: datetime) -> LoginUnderWay:
        """Where to send the browser for a fresh login. Raises LoginRefused."""
        return self._flow.start(redirect_uri, locale, now)

    def finish(
        self, under_way: LoginUnderWay, redirect_uri: str, answer: Mapping[str, str], now: datetime
    ) -> Identity:
        """Who logged in: verified as by `CodeFlow.finish`, fresh, assured, with a CPR number.

        Raises LoginRefused.
        """
        login = self._flow.finish(under_way, redirect_uri, answer, now)
        return identity_of(login, self._settings, under_way.started_at, now)
