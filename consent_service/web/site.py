"""The routes of the signing pages, each with what lets somebody in."""

from collections.abc import Callable
from functools import wraps
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol

from flask import Blueprint, Flask, Response, request
from flask_babel import Babel
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import MethodNotAllowed, NotFound, TooManyRequests

from consent_service.config import Settings, SignerProviderSettings
from consent_service.identity.signer_login import SignerLogin, SignerProvider
from consent_service.services.context import Context
from consent_service.services.ports import Units
from consent_service.web import answers, error_pages, language, pages, sign_in
from consent_service.web.rendering import STATIC_FILES
from consent_service.web.visit import Site

LINKS_FOLLOWED = parse("30 per minute")
LARGEST_FORM = 16 * 1024
SESSION = "signing session"
STATIC_SECONDS = 24 * 60 * 60

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

View = Callable[..., Response]

ROUTES: tuple[tuple[str, str, View, str], ...] = (
    ("GET", "/", pages.show, SESSION),
    ("POST", "/login", sign_in.begin_login, SESSION),
    ("GET", "/callback", sign_in.finish_login, SESSION),
    ("POST", "/grant", answers.grant, SESSION),
    ("POST", "/decline", answers.refuse, SESSION),
    ("GET", "/receipt", answers.receipt, SESSION),
    ("GET", "/everything", answers.everything, SESSION),
    ("POST", "/logout", answers.log_out, SESSION),
)


class Parts(Protocol):
    """What of the service the pages need."""

    @property
    def units(self) -> Units: ...

    @property
    def context(self) -> Context: ...


def register(app: Flask, parts: Parts, settings: Settings) -> None:
    """Serve the signing pages under /sign, in Danish and English."""
    Babel(
        app,
        default_translation_directories="web/translations",
        locale_selector=language.locale_name,
    )
    site = Site(parts.units, parts.context, settings, _login(settings.signer_provider))
    limiter = FixedWindowRateLimiter(MemoryStorage())
    blueprint = Blueprint("sign", __name__, url_prefix="/sign")
    for method, path, view, auth in ROUTES:
        _add(blueprint, path, _bind(view, site), auth, [method])
    _add(blueprint, "/<any('style.css', 'icon.svg'):name>", _file, "public: the style sheet")
    follow = _limited(limiter, _bind(pages.follow, site))
    _add(blueprint, "/<token>", follow, "public: the token in the link is the key")
    # Whatever else is asked under /sign gets a page as well, and counts as an attempt.
    elsewhere = _limited(limiter, _elsewhere)
    _add(blueprint, "/<path:rest>", elsewhere, "public: an error page", list(_METHODS))
    _add(blueprint, "/", _elsewhere_at_home, "public: an error page", list(_METHODS[1:]))
    for name, words in (("moment", language.moment), ("day", language.day)):
        blueprint.add_app_template_filter(words, name)
    blueprint.before_request(_limit_forms)
    error_pages.install(blueprint)
    app.register_blueprint(blueprint)


def _bind(view: View, site: Site) -> View:
    @wraps(view)
    def serve(**path: Any) -> Response:
        return view(site, **path)

    return serve


def _limited(limiter: FixedWindowRateLimiter, view: View) -> View:
    """Count the view's requests with every other limited one's, by who asks.

    Only here: a limiter on the application would look at every request of the interface too.
    """

    @wraps(view)
    def serve(**path: Any) -> Response:
        if not limiter.hit(LINKS_FOLLOWED, "signing links", _address()):
            raise TooManyRequests
        return view(**path)

    return serve


def _add(
    blueprint: Blueprint, path: str, view: View, auth: str, methods: list[str] | None = None
) -> None:
    # What the route walk in the tests looks for: nothing is served without it.
    view.declared_auth = auth  # type: ignore[attr-defined]  # own mark
    blueprint.add_url_rule(
        path,
        view.__name__.strip("_"),
        view,
        methods=methods or ["GET"],
        provide_automatic_options=False,
    )


def _limit_forms() -> None:
    request.max_content_length = LARGEST_FORM


def _file(name: str) -> Response:
    response = Response(STATIC_FILES[name].content, mimetype=STATIC_FILES[name].media_type)
    response.headers["Cache-Control"] = f"public, max-age={STATIC_SECONDS}"
    return response


def _elsewhere(rest: str) -> Response:
    raise _refusal(f"/{rest}")


def _elsewhere_at_home() -> Response:
    raise _refusal("/")


def _refusal(path: str) -> NotFound | MethodNotAllowed:
    """405 for a page asked in the wrong way; all others are links that lead nowhere."""
    methods = [method for method, known, _, _ in ROUTES if known == path]
    if path.strip("/") in STATIC_FILES:
        methods = ["GET"]
    if "/" not in path[1:] and path != "/" and not methods and request.method != "GET":
        methods = ["GET"]
    return MethodNotAllowed(methods) if methods else NotFound()


def _login(settings: SignerProviderSettings | None) -> SignerLogin | None:
    if settings is None:
        return None
    return SignerLogin(
        SignerProvider(
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            cpr_claim=settings.cpr_claim,
            loa_claim=settings.loa_claim,
        )
    )


def _address() -> str:
    """Who asks: an IPv4 address, or the /64 network that one IPv6 household has."""
    text = request.remote_addr or ""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        return address.exploded[:19]
    return text
