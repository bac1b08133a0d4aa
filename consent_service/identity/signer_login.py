"""Logging a signer in through OpenID Connect, so that an act rests on who they really are."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from consent_service.domain.kernel.assurance import Minimum
from consent_service.identity.broker_text import with_text
from consent_service.identity.code_flow import CodeFlow, LoginUnderWay
from consent_service.identity.id_token import login_time
from consent_service.identity.openid_provider import LoginRefused
from consent_service.identity.signer_claims import SignerProvider, assurance_of, cpr_of
from consent_service.services.signatures.identity import Identity
from consent_service.signing.nonce import RANDOM_BYTES, bound_nonce

__all__ = ["Asked", "LoginRefused", "SignerLogin", "SignerLoginUnderWay", "SignerProvider"]


@dataclass(frozen=True)
class Asked:
    """What a login is for: the terms on offer, the least assurance, a text to approve or None."""

    offered_sha256: str
    minimum: Minimum = "substantial"
    text: str | None = None


@dataclass(frozen=True)
class SignerLoginUnderWay(LoginUnderWay):
    """A login, and what it is for. `random` (hexadecimal) went into the nonce."""

    random: str = field(repr=False)
    asked: Asked


class SignerLogin:
    """Sends a signer to the broker and reads the answer. May be shared by threads."""

    def __init__(self, settings: SignerProvider, timeout_seconds: float = 5.0) -> None:
        self._settings = settings
        self._flow = CodeFlow(settings.registration, timeout_seconds)

    @property
    def form_origins(self) -> tuple[str, ...]:
        """Where a browser goes on its way through a login: the issuer's origin comes first."""
        parts = urlsplit(self._settings.registration.issuer)
        return (f"{parts.scheme}://{parts.netloc}", *self._settings.form_origins)

    def start(
        self, redirect_uri: str, locale: str, now: datetime, asked: Asked
    ) -> SignerLoginUnderWay:
        """Where to send the browser for a fresh login. Raises LoginRefused."""
        random = os.urandom(RANDOM_BYTES)
        parameters = {
            name: value.replace("{level}", asked.minimum)
            for name, value in self._settings.registration.extra_parameters.items()
        }
        if asked.text is not None:
            parameters = with_text(parameters, self._settings.text, asked.text)
        begun = self._flow.start(
            redirect_uri,
            locale,
            now,
            nonce=bound_nonce(random, bytes.fromhex(asked.offered_sha256)),
            parameters=parameters,
            signed=asked.text is not None and self._settings.signs_text,
        )
        return SignerLoginUnderWay(
            begun.url,
            begun.state,
            begun.nonce,
            begun.code_verifier,
            begun.started_at,
            random.hex(),
            asked,
        )

    def finish(
        self,
        under_way: SignerLoginUnderWay,
        redirect_uri: str,
        answer: Mapping[str, str],
        now: datetime,
    ) -> Identity:
        """Who logged in: verified as by `CodeFlow.finish`, fresh, assured, with a CPR number.

        Raises LoginRefused.
        """
        login = self._flow.finish(under_way, redirect_uri, answer, now)
        asked, settings = under_way.asked, self._settings
        loa = assurance_of(login.claims, settings, asked.minimum)
        authenticated_at = login_time(login.claims, under_way.started_at, now)
        kept: dict[str, Any] = {
            "keys": login.keys,
            "nonce": {"random": under_way.random, "offered_sha256": asked.offered_sha256},
        }
        telling = login.claims
        if settings.cpr_from == "userinfo":
            telling = kept["userinfo"] = self._flow.userinfo(login, now)
        return Identity(
            issuer=settings.registration.issuer,
            subject=login.claims["sub"],
            loa=loa,
            authenticated_at=authenticated_at,
            cpr=cpr_of(telling, settings),
            id_token=login.id_token,
            offered_sha256=asked.offered_sha256,
            approved_text=asked.text,
            evidence=kept,
        )
