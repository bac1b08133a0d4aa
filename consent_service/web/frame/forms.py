"""What guards every form and every session of a browser: a token, the origin, and the cookie.

A cookie holds 256 random bits and the database only their hash. Everything a form changes is
guarded by a token made from that secret, so another site, or another person's page in the same
browser, changes nothing.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Response, request
from werkzeug.exceptions import BadRequest

from consent_service.config import Settings

_SAME_SITE = ("same-origin", "none")


class StaleForm(BadRequest):
    """The form was not made for this session, or another site sent it: nothing is done."""


def form_token(secret: str, purpose: bytes) -> str:
    """What every form of the session with this secret carries."""
    return hmac.new(secret.encode(), purpose, hashlib.sha256).hexdigest()


def verify_form(settings: Settings, secret: str, purpose: bytes) -> None:
    """Raise StaleForm unless this session's own page sent the form."""
    sent = request.form.get("form_token", "")
    if (
        not secret
        or _is_foreign(settings)
        or not hmac.compare_digest(
            sent.encode("utf-8", "replace"), form_token(secret, purpose).encode()
        )
    ):
        raise StaleForm


def cookie_name(settings: Settings, name: str) -> str:
    """A cookie's full name; the prefix makes browsers refuse one set by another host."""
    return f"__Host-{name}" if settings.is_https else name


def set_cookie(
    settings: Settings, response: Response, name: str, value: str, max_age: int | None = None
) -> None:
    """Hand the browser a value; without an age in seconds it ends with the browser.

    `Lax`, because identity providers and mails lead here from another site, by GET alone.
    """
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=max_age,
        secure=settings.is_https,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def clear_cookie(settings: Settings, response: Response, name: str) -> None:
    """Take the secret away again."""
    response.delete_cookie(
        cookie_name(settings, name),
        secure=settings.is_https,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def end_session(settings: Settings, response: Response, name: str) -> None:
    """Take a session's secret away, and have the browser forget the pages it opened.

    `Clear-Site-Data` (W3C) also empties the cache of the button back; it is heeded over TLS only.
    """
    clear_cookie(settings, response, name)
    if settings.is_https:
        response.headers["Clear-Site-Data"] = '"cache"'


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
