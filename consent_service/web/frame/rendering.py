"""A page as a response: its template, its language and its security policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any, Protocol

from flask import Response, make_response, redirect, render_template
from markupsafe import Markup

from consent_service.web.frame.language import INTERFACE, direction, interface_language, own_name


@dataclass(frozen=True)
class StaticFile:
    """A file of ours that every page may use."""

    content: bytes
    media_type: str


_STATIC = files("consent_service") / "web" / "static"
STATIC_FILES = {
    name: StaticFile((_STATIC / name).read_bytes(), media_type)
    for name, media_type in (("style.css", "text/css"), ("icon.svg", "image/svg+xml"))
}


@dataclass(frozen=True)
class Section:
    """A part of the site: the folder of its templates, and its start page."""

    folder: str
    home: str


SIGN = Section("sign", "/sign/")
STAFF = Section("staff", "/staff")
HOME = SIGN.home
# In the address of the style sheet, so that a browser never keeps an older one.
_STYLE_VERSION = sha256(STATIC_FILES["style.css"].content).hexdigest()[:12]


def render(
    template: str,
    *,
    status: int = 200,
    languages: Any = (),
    section: Section = SIGN,
    **values: Any,
) -> Response:
    """A page; `languages` are those the reader can switch to."""
    language = interface_language()
    html = render_template(
        f"{section.folder}/{template}",
        home=section.home,
        page_language=language,
        page_direction=direction(language),
        languages=[(code, own_name(code)) for code in languages],
        style=f"{HOME}style.css?v={_STYLE_VERSION}",
        **values,
    )
    response = make_response(html, status)
    response.headers["Content-Language"] = language
    return response


class LeadsToLogin(Protocol):
    """What knows where the browser goes to log in."""

    @property
    def login_origins(self) -> Sequence[str]: ...


def allow_login(response: Response, site: LeadsToLogin) -> Response:
    """Let this page's form end at the identity provider: Chrome holds redirects to the policy."""
    origins = "".join(f" {origin}" for origin in site.login_origins)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"base-uri 'none'; form-action 'self'{origins}; frame-ancestors 'none'"
    )
    return response


def isolated(name: str) -> Markup:
    """A name as every page shows it: whichever way it is written, it turns nothing around it."""
    return Markup("<bdi>{}</bdi>").format(name)


def go_home(place: str = "") -> Response:
    """On to the page itself, or a place on it; a reload then repeats nothing."""
    return make_response(redirect(f"{HOME}#{place}" if place else HOME, 303))


def interface_languages() -> tuple[str, ...]:
    """The languages anybody can choose before login."""
    return INTERFACE
