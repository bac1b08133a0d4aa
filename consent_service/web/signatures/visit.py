"""One request of a browser that followed a link: its session, who is asked, and its forms."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Response, request

from consent_service.config import Settings
from consent_service.identity.attempts import Attempts
from consent_service.identity.signer_login import SignerLogin
from consent_service.services.consents.model import Link
from consent_service.services.kernel.context import Context
from consent_service.services.signatures.identity import LOGIN_LASTS
from consent_service.services.signatures.model import SigningSession
from consent_service.services.signatures.signing_page import LinkUnknown, Signer, signer_of
from consent_service.services.units import UnitOfWork, Units
from consent_service.web.frame import forms
from consent_service.web.frame.language import speak, text_language
from consent_service.web.signatures.session_content import SessionContent

SESSION_LASTS = timedelta(minutes=60)
IDLE_AFTER = timedelta(minutes=30)
"""A login shows nothing more once no page was asked for that long (OWASP ASVS 5.0, 7.3.1)."""

TOUCH_EVERY = timedelta(minutes=1)
_FORM_PURPOSE = b"consent-service/signing-form/v1"
_COOKIE = "signing"


@dataclass(frozen=True)
class Site:
    """What the pages are served with; `login` is None where no provider is configured."""

    units: Units
    context: Context
    settings: Settings
    login: SignerLogin | None
    attempts: Attempts

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return forms.cookie_name(self.settings, _COOKIE)

    @property
    def redirect_uri(self) -> str:
        """Where the identity provider sends the browser back to."""
        return f"{self.settings.base_url}/sign/callback/{self.provider_name}"

    @property
    def login_origins(self) -> tuple[str, ...]:
        """The origins that the browser passes on its way through a login."""
        return self.login.form_origins if self.login else ()

    @property
    def provider_name(self) -> str:
        """The provider's name in that address: an answer sent to another's counts for nothing."""
        provider = self.settings.signer_provider
        return provider.name if provider else ""


@dataclass(frozen=True)
class Visit:
    """A request with a session whose link holds; `uow` is the transaction it is read in."""

    site: Site
    uow: UnitOfWork
    secret: str
    link: Link
    signer: Signer
    content: SessionContent

    @property
    def form_token(self) -> str:
        """What every form of this session carries."""
        return forms.form_token(self.secret, _FORM_PURPOSE)

    @property
    def login_is_fresh(self) -> bool:
        """Whether the login is young enough to sign with."""
        identity = self.content.identity
        now = self.signer.now
        return identity is not None and now - identity.authenticated_at <= LOGIN_LASTS

    @property
    def is_logged_in(self) -> bool:
        """Whether the pages may show what is meant for the person who logged in."""
        return self.content.identity is not None and not self.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether somebody logged in, and has asked for no page since for too long."""
        last = self._last_seen
        return last is not None and self.signer.now - last > IDLE_AFTER

    @property
    def _last_seen(self) -> datetime | None:
        identity = self.content.identity
        if identity is None:
            return None
        return max(identity.authenticated_at, self.content.seen_at or identity.authenticated_at)

    def touch(self) -> None:
        """Note that a page was asked for."""
        last = self._last_seen
        if last is not None and self.signer.now - last > TOUCH_EVERY:
            self.save(seen_at=self.signer.now)

    @property
    def text_language(self) -> str:
        """The language the consent is shown in."""
        wishes = (self.content.language, self.signer.details.language)
        return text_language(self.signer.template.languages, *wishes)

    def save(self, **changes: Any) -> None:
        """Change the session's content."""
        content = replace(self.content, **changes)
        self.uow.signing_sessions.save(self.secret, content.to_bytes())

    def verify_form(self) -> None:
        """Raise StaleForm unless this session's own page sent the form."""
        forms.verify_form(self.site.settings, self.secret, _FORM_PURPOSE)


def open_session(site: Site, uow: UnitOfWork) -> SigningSession | None:
    """The session of this browser, while it is young enough and its link was not replaced."""
    session = uow.signing_sessions.find(request.cookies.get(site.cookie, ""))
    if session is None or site.context.clock() - session.created_at > SESSION_LASTS:
        return None
    return session


def visit_of(site: Site, uow: UnitOfWork) -> Visit:
    """The visit this request is part of. Raises LinkUnknown, whatever is missing."""
    session = open_session(site, uow)
    if session is None:
        raise LinkUnknown
    signer = signer_of(uow, site.context, session.link)
    content = SessionContent.from_bytes(session.content)
    if content.identity is not None and content.identity.cpr != signer.details.cpr:
        raise LinkUnknown
    own = signer.details.language if content.identity is not None else None
    speak(content.language or own)
    secret = request.cookies[site.cookie]
    return Visit(site, uow, secret, session.link, signer, content)


def set_cookie(site: Site, response: Response, secret: str) -> None:
    """Hand the browser its session."""
    forms.set_cookie(site.settings, response, _COOKIE, secret)


def clear_session(site: Site, response: Response) -> None:
    """Take the session away again."""
    forms.end_session(site.settings, response, _COOKIE)
