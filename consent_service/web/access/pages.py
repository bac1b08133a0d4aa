"""The start page: who is logged in and as what; before that, how to log in."""

from flask import Response, redirect, request

from consent_service.web.access.language_cookie import keep_language
from consent_service.web.access.visit import (
    StaffSite,
    StaffVisit,
    clear_session,
    go_to_start,
    login_page,
    staff_page,
    use_visit,
)
from consent_service.web.access.words import refusal_words, role_words
from consent_service.web.frame.language import INTERFACE
from consent_service.web.frame.rendering import STAFF, isolated


def show_start(site: StaffSite) -> Response:
    """The start page, or the way in."""
    chosen = request.args.get("lang")
    if chosen is not None:
        response = go_to_start()
        if chosen in INTERFACE:
            keep_language(site.settings, response, chosen)
        return response
    visit, ending = use_visit(site)
    if visit is not None:
        return _start(visit)
    page = login_page(site, "landing.html", ending=ending, minutes=_minutes(site))
    if ending is not None:
        clear_session(site, page)
    return page


def _start(visit: StaffVisit) -> Response:
    session, site = visit.session, visit.site
    with site.units.reading() as uow:
        organisation = uow.catalogue.organisation(session.standing.organisation)
    return staff_page(
        site,
        "start.html",
        name=isolated(session.member.name),
        organisation=isolated(organisation.name if organisation else session.standing.organisation),
        roles=[role_words(role) for role in sorted(session.standing.roles)],
        since=session.times.created_at,
        previous=session.previous_login_at,
        minutes=_minutes(site),
        until=session.times.created_at + site.limits.absolute,
        form_token=visit.form_token,
    )


def _minutes(site: StaffSite) -> int:
    return int(site.limits.idle.total_seconds()) // 60


def show_refusal(site: StaffSite, code: str) -> Response:
    """Why a login did not count, and what to do. Whoever opens the address reads the same."""
    title, sentences, status = refusal_words(code)
    return login_page(site, "refused.html", status=status, title=title, sentences=sentences)


def show_goodbye(site: StaffSite) -> Response:
    """Logged out. Where somebody is logged in after all, the start page says so."""
    visit, _ = use_visit(site)
    return staff_page(site, "goodbye.html") if visit is None else go_to_start()


def go_without_slash(site: StaffSite) -> Response:  # noqa: ARG001 - as every view
    """Likely enough to be typed."""
    return redirect(STAFF.home, 308)  # type: ignore[return-value]  # werkzeug's own response
