"""The family's site under /sign: every route, each with what lets somebody in."""

from flask import Blueprint, Flask, Response, request
from flask_babel import Babel
from werkzeug.exceptions import MethodNotAllowed, NotFound

from consent_service.config import Settings, SignerProviderSettings
from consent_service.identity.broker_settings import signer_provider
from consent_service.identity.signer_login import SignerLogin
from consent_service.web.frame import error_pages, language
from consent_service.web.frame.rendering import STATIC_FILES
from consent_service.web.frame.routing import METHODS, Parts, View, add_route, bind, limit_forms
from consent_service.web.rights.everything import everything
from consent_service.web.signatures import answers, pages, sign_in
from consent_service.web.signatures.visit import Site

SESSION = "signing session"
STATIC_SECONDS = 24 * 60 * 60


ROUTES: tuple[tuple[str, str, View, str], ...] = (
    ("GET", "/", pages.show, SESSION),
    ("POST", "/login", sign_in.begin_login, SESSION),
    ("GET", "/callback/<provider>", sign_in.finish_login, SESSION),
    ("POST", "/grant", answers.grant, SESSION),
    ("POST", "/decline", answers.refuse, SESSION),
    ("POST", "/lift", answers.lift, SESSION),
    ("GET", "/receipt", answers.receipt, SESSION),
    ("GET", "/shared", pages.shared, SESSION),
    ("GET", "/everything", everything, SESSION),
    ("POST", "/logout", answers.log_out, SESSION),
)


def register(app: Flask, parts: Parts, settings: Settings) -> None:
    """Serve the signing pages under /sign, in Danish and English."""
    Babel(
        app,
        default_translation_directories="web/translations",
        locale_selector=language.locale_name,
    )
    login = _login(settings.signer_provider)
    site = Site(parts.units, parts.context, settings, login, parts.attempts)
    blueprint = Blueprint("sign", __name__, url_prefix="/sign")
    for method, path, view, auth in ROUTES:
        add_route(blueprint, path, bind(view, site), auth, [method])
    add_route(blueprint, "/<any('style.css', 'icon.svg'):name>", _file, "public: the style sheet")
    follow = bind(pages.follow, site)
    add_route(blueprint, "/<token>", follow, "public: the token in the link is the key")
    # Whatever else is asked under /sign gets a page as well, and counts as a link that failed.
    add_route(blueprint, "/<path:rest>", _elsewhere, "public: an error page", list(METHODS))
    add_route(blueprint, "/", _elsewhere_at_home, "public: an error page", list(METHODS[1:]))
    for name, words in (("moment", language.moment), ("day", language.day)):
        blueprint.add_app_template_filter(words, name)
    blueprint.before_request(limit_forms)
    error_pages.install(blueprint, attempts=parts.attempts)
    app.register_blueprint(blueprint)


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
    of_a_provider = path.startswith("/callback/") and path.count("/") == 2
    asked = "/callback/<provider>" if of_a_provider else path
    methods = [method for method, known, _, _ in ROUTES if known == asked]
    if path.strip("/") in STATIC_FILES:
        methods = ["GET"]
    if "/" not in path[1:] and path != "/" and not methods and request.method != "GET":
        methods = ["GET"]
    return MethodNotAllowed(methods) if methods else NotFound()


def _login(settings: SignerProviderSettings | None) -> SignerLogin | None:
    if settings is None:
        return None
    return SignerLogin(signer_provider(settings))
