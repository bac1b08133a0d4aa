"""One request of a member of staff: the parts it is served with, its cookies and its session."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, redirect, request

from consent_service.config import Settings
from consent_service.domain.access.staff import ClaimMeanings, Ending, SessionLimits
from consent_service.identity.attempts import Attempts
from consent_service.identity.staff_login import StaffLogin
from consent_service.services.access.staff import StaffSession
from consent_service.services.access.visit_as_staff import (
    Found,
    find_staff_session,
    touch_staff_session,
)
from consent_service.services.kernel.context import Context
from consent_service.services.units import UnitOfWork, Units
from consent_service.web.frame import forms
from consent_service.web.frame.rendering import STAFF, allow_login, interface_languages, render

_SESSION_COOKIE = "staff"
_LOGIN_COOKIE = "staff-login"
_LOGIN_FORM = b"consent-service/staff-login-form/v1"
_SESSION_FORM = b"consent-service/staff-form/v1"


@dataclass(frozen=True)
class StaffSite:
    """What the pages are served with."""

    units: Units
    context: Context
    settings: Settings
    login: StaffLogin
    attempts: Attempts
    meanings: ClaimMeanings
    limits: SessionLimits

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to, and nobody else's provider does."""
        return f"{self.settings.base_url}{STAFF.home}/callback"

    @property
    def login_origins(self) -> tuple[str, ...]:
        """The origins that the browser passes on its way through a login."""
        parts = urlsplit(self.login.issuer)
        return (f"{parts.scheme}://{parts.netloc}",)

    @property
    def goodbye(self) -> str:
        """Where the provider sends the browser after it logged out there too."""
        return f"{self.settings.base_url}{STAFF.home}/goodbye"


@dataclass(frozen=True)
class StaffVisit:
    """A request with a session that is alive."""

    site: StaffSite
    token: str
    session: StaffSession

    @property
    def form_token(self) -> str:
        """What every form of this session carries."""
        return forms.form_token(self.token, _SESSION_FORM)

    def verify_form(self) -> None:
        """Raise StaleForm unless this session's own page sent the form."""
        forms.verify_form(self.site.settings, self.token, _SESSION_FORM)


def find_visit(site: StaffSite, uow: UnitOfWork) -> StaffVisit | None:
    """The visit this request is part of, inside a unit of work."""
    token = _session_token(site)
    found = find_staff_session(uow, site.context, site.limits, token)
    return None if found.session is None else StaffVisit(site, token, found.session)


def use_visit(site: StaffSite) -> tuple[StaffVisit | None, Ending | None]:
    """The visit this request is part of, kept alive by it; or why its session is over."""
    token = _session_token(site)
    found = Found()
    if token:
        with site.units.reading() as uow:
            found = find_staff_session(uow, site.context, site.limits, token)
    if found.session is None:
        return None, found.ending
    if found.touch_is_due:
        with site.units.writing() as uow:
            touch_staff_session(uow, site.context, token)
            uow.commit()
    return StaffVisit(site, token, found.session), None


def set_session(site: StaffSite, response: Response, token: str) -> None:
    """Hand the browser its session, and take what it logged in with."""
    forms.set_cookie(site.settings, response, _SESSION_COOKIE, token)
    forms.clear_cookie(site.settings, response, _LOGIN_COOKIE)


def clear_session(site: StaffSite, response: Response) -> None:
    """Take the session away."""
    forms.end_session(site.settings, response, _SESSION_COOKIE)


def login_secret(site: StaffSite) -> str:
    """What binds a login to this browser until its answer comes; empty where there is none."""
    return request.cookies.get(forms.cookie_name(site.settings, _LOGIN_COOKIE), "")


def verify_login_form(site: StaffSite) -> None:
    """Raise StaleForm unless our own page sent the form that begins a login."""
    forms.verify_form(site.settings, login_secret(site), _LOGIN_FORM)


def login_page(site: StaffSite, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page from which one can log in; until that is done only the browser keeps something."""
    secret = login_secret(site) or site.context.new_token()
    token = forms.form_token(secret, _LOGIN_FORM)
    page = staff_page(site, template, status=status, form_token=token, **values)
    forms.set_cookie(site.settings, page, _LOGIN_COOKIE, secret)
    return page


def staff_page(site: StaffSite, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page whose forms may end at the provider, to log in or out there."""
    languages = interface_languages()
    page = render(template, status=status, section=STAFF, languages=languages, **values)
    return allow_login(page, site)


def go_to_start() -> Response:
    """On to the start page; a reload then repeats nothing."""
    return make_response(redirect(STAFF.home, 303))


def _session_token(site: StaffSite) -> str:
    return request.cookies.get(forms.cookie_name(site.settings, _SESSION_COOKIE), "")
