"""A page as a response: its template, its language and its security policy."""

from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template

from consent_service.config import Settings
from consent_service.web.language import INTERFACE, direction, interface_language, own_name

STATIC = Path(__file__).parent / "static"
STATIC_FILES = frozenset({"style.css", "icon.svg"})
HOME = "/sign/"
_STYLE_VERSION = sha256((STATIC / "style.css").read_bytes()).hexdigest()[:12]


def render(template: str, *, status: int = 200, languages: Any = (), **values: Any) -> Response:
    """A page; `languages` are those the reader can switch to."""
    language = interface_language()
    html = render_template(
        f"sign/{template}",
        page_language=language,
        page_direction=direction(language),
        languages=[(code, own_name(code)) for code in languages],
        style=f"{HOME}style.css?v={_STYLE_VERSION}",
        **values,
    )
    response = make_response(html, status)
    response.headers["Content-Language"] = language
    return response


def allow_login(response: Response, settings: Settings) -> Response:
    """Let this page's form end at the identity provider: Chrome holds redirects to the policy."""
    provider = settings.signer_provider
    origin = ""
    if provider is not None:
        parts = urlsplit(provider.issuer)
        origin = f" {parts.scheme}://{parts.netloc}"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"base-uri 'none'; form-action 'self'{origin}; frame-ancestors 'none'"
    )
    return response


def go_home() -> Response:
    """On to the page itself; a reload then repeats nothing."""
    return make_response(redirect(HOME, 303))


def interface_languages() -> tuple[str, ...]:
    """The languages anybody can choose before login."""
    return INTERFACE
