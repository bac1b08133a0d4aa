"""Logging a member of staff in at their organisation's own OpenID provider, and out again.

Its provider, client, redirect address and cookies are others than the signers': what was made
for one counts nowhere at the other. Sources: OpenID Connect Core 1.0 § 5.1 (claims), OpenID
Connect RP-Initiated Logout 1.0.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from consent_service.config import STAFF_OIDC, StaffSettings
from consent_service.domain.access.staff import ClaimMeanings, RoleGrant, StaffRole
from consent_service.domain.kernel.text import RefusedText, clean_text
from consent_service.environment import Faults
from consent_service.errors import Misconfigured
from consent_service.identity.client_settings import note_client
from consent_service.identity.code_flow import CodeFlow, LoginUnderWay
from consent_service.identity.id_token import login_time
from consent_service.identity.logout_token import TYPE, provider_logout
from consent_service.identity.openid_provider import LoginRefused
from consent_service.identity.registration import Registration
from consent_service.services.access.staff import ProviderLogout, StaffIdentity, StaffMember

LONGEST_NAME = 200


class StaffLogin:
    """Sends a member of staff to the provider and reads the answer. May be shared by threads.

    A provider may log people in by its own session (single sign-on): how fresh and how strong
    that has to be is its policy, and with `max_age_seconds` and `acr_values` ours. Raises
    Misconfigured.
    """

    def __init__(self, settings: StaffSettings, timeout_seconds: float = 5.0) -> None:
        self._settings = settings
        asked = {"acr_values": " ".join(settings.acr_values)} if settings.acr_values else {}
        faults = Faults()
        authentication, _ = note_client(settings, STAFF_OIDC, faults)
        faults.check()
        if authentication is None:
            raise Misconfigured(f"{STAFF_OIDC}CLIENT_AUTHENTICATION cannot be used")
        registration = Registration(
            issuer=settings.issuer,
            client_id=settings.client_id,
            authentication=authentication,
            scopes=("openid", "profile"),
            extra_parameters=asked,
            prompt=None,
            max_age_seconds=settings.max_age_seconds,
        )
        self._flow = CodeFlow(registration, timeout_seconds)

    @property
    def issuer(self) -> str:
        """Who vouches for staff."""
        return self._settings.issuer

    def start(self, redirect_uri: str, locale: str, now: datetime) -> LoginUnderWay:
        """Where to send the browser. Raises LoginRefused."""
        return self._flow.start(redirect_uri, locale, now)

    def finish(
        self, under_way: LoginUnderWay, redirect_uri: str, answer: Mapping[str, str], now: datetime
    ) -> StaffIdentity:
        """Who logged in: verified as by `CodeFlow.finish`, and as recently as is asked for.

        Whatever the browser left of what we asked for: the ID token has to show it. Raises
        LoginRefused.
        """
        claims = self._flow.finish(under_way, redirect_uri, answer, now).claims
        accepted, age = self._settings.acr_values, self._settings.max_age_seconds
        if accepted and claims.get("acr") not in accepted:
            raise LoginRefused("assurance_too_low", "The login is not of an accepted kind.")
        if age is not None:
            login_time(claims, under_way.started_at - timedelta(seconds=age), now)
        return staff_identity(claims, self._settings)

    def read_logout(self, logout_token: str, now: datetime) -> ProviderLogout:
        """Whom the provider says it logged out. Raises LoginRefused."""
        return provider_logout(
            self._flow.signed_claims(logout_token, TYPE, now),
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            now=now,
        )

    def logout_address(self, return_to: str, now: datetime) -> str | None:
        """Where to send the browser to log out at the provider, if it offers that.

        Without an `id_token_hint`: a token belongs in no address. None as well where the
        provider does not answer, or its address is not on the issuer's own host, to which alone
        our pages let a form lead.
        """
        try:
            endpoint = self._flow.end_session_endpoint(now)
        except LoginRefused:
            return None
        if endpoint is None or urlsplit(endpoint)[:2] != urlsplit(self.issuer)[:2]:
            return None
        query = {"client_id": self._settings.client_id, "post_logout_redirect_uri": return_to}
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"


def staff_identity(claims: Mapping[str, Any], settings: StaffSettings) -> StaffIdentity:
    """Who the claims of an ID token speak of that `id_token.check_claims` let pass."""
    subject, session = claims["sub"], claims.get("sid")
    return StaffIdentity(
        member=StaffMember(settings.issuer, subject, _name(claims)),
        role_values=_texts(claims.get(settings.role_claim)),
        organisation_values=_texts(claims.get(settings.org_claim)) if settings.org_claim else (),
        provider_session=session if isinstance(session, str) and session else None,
    )


def claim_meanings(settings: StaffSettings) -> ClaimMeanings:
    """The configured meanings of claims, as the rules read them."""
    return ClaimMeanings(
        home=settings.organisation,
        roles={
            value: RoleGrant(StaffRole(given.role), given.organisation)
            for value, given in settings.roles.items()
        },
        organisations=settings.organisations,
    )


def _name(claims: Mapping[str, Any]) -> str:
    for claim in ("name", "preferred_username"):
        value = claims.get(claim)
        if isinstance(value, str):
            with suppress(RefusedText):
                if name := clean_text(" ".join(value.split())):
                    return name[:LONGEST_NAME]
    return str(claims["sub"])


def _texts(value: Any) -> tuple[str, ...]:
    """A claim that is one text or a list of them; anything else holds none."""
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if isinstance(one, str))
