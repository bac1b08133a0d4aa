"""One request of a browser that followed a link: its session, who is asked, and its forms.

The cookie holds 256 random bits and the database only their hash. Everything a form changes is
guarded by a token made from that secret, so another site, or another person's page in the same
browser, changes nothing.
"""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from werkzeug.exceptions import BadRequest

from consent_service.config import Settings
from consent_service.identity.attempts import Attempts
from consent_service.identity.signer_login import SignerLogin
from consent_service.services.context import Context
from consent_service.services.model import Link, SigningSession
from consent_service.services.ports import UnitOfWork, Units
from consent_service.services.sign import LOGIN_LASTS
from consent_service.services.signing_page import LinkUnknown, Signer, signer_of
from consent_service.web.language import speak, text_language
from consent_service.web.session_content import SessionContent

SESSION_LASTS = timedelta(minutes=60)
_FORM_PURPOSE = b"consent-service/signing-form/v1"
_SAME_SITE = ("same-origin", "none")


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
        """The cookie's name; the prefix makes browsers refuse one set by another host."""
        return "__Host-signing" if self.settings.is_https else "signing"

    @property
    def redirect_uri(self) -> str:
        """Where the identity provider sends the browser back to."""
        return f"{self.settings.base_url}/sign/callback"


class StaleForm(BadRequest):
    """The form was not made for this session, or another site sent it: nothing is done."""


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
        return hmac.new(self.secret.encode(), _FORM_PURPOSE, hashlib.sha256).hexdigest()

    @property
    def login_is_fresh(self) -> bool:
        """Whether the login is young enough to sign with."""
        identity = self.content.identity
        now = self.signer.now
        return identity is not None and now - identity.authenticated_at <= LOGIN_LASTS

    @property
    def text_language(self) -> str:
        """The language the consent is shown in."""
        wishes = (self.content.language, self.signer.details.language)
        return text_language(self.signer.template.languages, *wishes)

    def save(self, **changes: Any) -> None:
        """Change the session's content."""
        content = replace(self.content, **changes)
        self.uow.links.save_session(self.secret, content.to_bytes())

    def verify_form(self) -> None:
        """Raise StaleForm unless this session's own page sent the form."""
        sent = request.form.get("form_token", "")
        if _is_foreign(self.site.settings) or not hmac.compare_digest(
            sent.encode("utf-8", "replace"), self.form_token.encode()
        ):
            raise StaleForm


def open_session(site: Site, uow: UnitOfWork) -> SigningSession | None:
    """The session of this browser, while it is young enough and its link was not replaced."""
    session = uow.links.session(request.cookies.get(site.cookie, ""))
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
    """Hand the browser its session; it ends with the browser."""
    response.set_cookie(
        site.cookie, secret, secure=site.settings.is_https, httponly=True, samesite="Lax", path="/"
    )


def clear_cookie(site: Site, response: Response) -> None:
    """Take the session away again."""
    response.delete_cookie(
        site.cookie, secure=site.settings.is_https, httponly=True, samesite="Lax", path="/"
    )


def _is_foreign(settings: Settings) -> bool:
    """Whether the browser says that another site sent the form.

    Under `Referrer-Policy: no-referrer` browsers send `Origin: null` with our own forms as well
    (Fetch § 3.2), so null says nothing; `Sec-Fetch-Site` does.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in _SAME_SITE:
        return True
    base = urlsplit(settings.base_url)
    own = f"{base.scheme}://{base.netloc}"
    return request.headers.get("Origin", "null") not in ("null", own)
