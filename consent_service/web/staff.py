"""The site of staff under /staff: every route, each with what lets somebody in."""

from flask import Blueprint, Flask, Response
from werkzeug.exceptions import MethodNotAllowed, NotFound

from consent_service.config import Settings
from consent_service.domain.access.staff import SessionLimits
from consent_service.identity.staff_login import StaffLogin, claim_meanings
from consent_service.web.access import pages, sign_in, sign_out
from consent_service.web.access.language_cookie import speak_chosen_language
from consent_service.web.access.visit import StaffSite
from consent_service.web.access.words import REFUSALS, error_words
from consent_service.web.frame import error_pages
from consent_service.web.frame.rendering import STAFF
from consent_service.web.frame.routing import METHODS, Parts, View, add_route, bind, limit_forms

SESSION = "staff session"
LOGIN = "public: a login begins or ends here; tied to the browser by a cookie"
FROM_PROVIDER = "public: a logout token that the provider signed is the key"
NOTHING = "public: the same for everybody"

ROUTES: tuple[tuple[str, str, View, str], ...] = (
    ("GET", "", pages.show_start, SESSION),
    ("POST", "/login", sign_in.begin_login, LOGIN),
    ("GET", "/callback", sign_in.finish_login, LOGIN),
    ("POST", "/logout", sign_out.log_out, SESSION),
    ("POST", "/logout-everywhere", sign_out.log_out_everywhere, SESSION),
    ("POST", "/backchannel-logout", sign_out.log_out_from_provider, FROM_PROVIDER),
    ("GET", "/goodbye", pages.show_goodbye, NOTHING),
    ("GET", "/", pages.go_without_slash, NOTHING),
)
_REFUSED = f"/refused/<any{REFUSALS!r}:code>"


def register(app: Flask, parts: Parts, settings: Settings) -> None:
    """Serve the pages under /staff; without a provider for staff there are none."""
    if settings.staff is None:
        return
    site = StaffSite(
        parts.units,
        parts.context,
        settings,
        StaffLogin(settings.staff),
        parts.attempts,
        claim_meanings(settings.staff),
        SessionLimits(settings.staff.idle, settings.staff.absolute),
    )
    blueprint = Blueprint("staff", __name__, url_prefix=STAFF.home)
    for method, path, view, auth in ROUTES:
        add_route(blueprint, path, bind(view, site), auth, [method])
    add_route(blueprint, _REFUSED, bind(pages.show_refusal, site), NOTHING)
    # Whatever else is asked under /staff gets a page as well.
    elsewhere = (("/<path:rest>", _elsewhere), ("", _elsewhere_at_start))
    for path, view in elsewhere:
        methods = [*METHODS[1:]] if path == "" else [*METHODS]
        add_route(blueprint, path, view, "public: an error page", methods)
    blueprint.before_request(limit_forms)
    blueprint.before_request(lambda: speak_chosen_language(settings))
    error_pages.install(blueprint, STAFF, error_words)
    app.register_blueprint(blueprint)


def _elsewhere(rest: str) -> Response:
    path = f"/{rest}"
    methods = [method for method, known, _, _ in ROUTES if known == path]
    if path in {f"/refused/{code}" for code in REFUSALS}:
        methods = ["GET"]
    raise MethodNotAllowed(methods) if methods else NotFound()


def _elsewhere_at_start() -> Response:
    raise MethodNotAllowed(["GET"])
