"""What a link leads to: before login almost nothing, afterwards the consent and its state."""

from dataclasses import replace

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

from consent_service.services.signatures.model import SigningSession
from consent_service.services.signatures.signing_page import (
    consent_page,
    follow_token,
    older_disclosures,
)
from consent_service.services.units import UnitOfWork
from consent_service.web.frame.language import INTERFACE
from consent_service.web.frame.rendering import (
    allow_login,
    go_home,
    interface_languages,
    isolated,
    render,
)
from consent_service.web.signatures.consent_view import consent_view, shared_view
from consent_service.web.signatures.older import open_cursor
from consent_service.web.signatures.session_content import SessionContent
from consent_service.web.signatures.visit import Site, Visit, open_session, set_cookie, visit_of

_FORMS = frozenset({"login", "grant", "decline", "lift", "logout"})


def follow(site: Site, token: str) -> Response:
    """Trade the token in the address for a session, and leave the address."""
    if token in _FORMS:
        raise MethodNotAllowed(["POST"])
    with site.units.writing() as uow:
        link = uow.links.find(token)
        session = open_session(site, uow)
        if link and session and session.link.token_hash == link.token_hash:
            _keep(uow, request.cookies[site.cookie], session)
            return go_home()
        secret = site.context.new_token()
        follow_token(uow, site.context, token, secret)
        if session is not None:
            uow.signing_sessions.end(request.cookies[site.cookie])
        uow.commit()
    response = go_home()
    set_cookie(site, response, secret)
    return response


def _keep(uow: UnitOfWork, secret: str, session: SigningSession) -> None:
    """The same person again, perhaps in a second tab: on with what is there, without old news."""
    content = SessionContent.from_bytes(session.content)
    if content.notice is not None:
        uow.signing_sessions.save(secret, replace(content, notice=None).to_bytes())
        uow.commit()


def show(site: Site) -> Response:
    """The landing page, or after login the consent."""
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        chosen = request.args.get("lang")
        if chosen is not None:
            if chosen in _offered(visit):
                visit.save(language=chosen)
                uow.commit()
            return go_home()
        response = _consent(visit) if visit.is_logged_in else _landing(visit)
        uow.commit()
    return response


def _offered(visit: Visit) -> tuple[str, ...]:
    if not visit.is_logged_in:
        return interface_languages()
    return (*INTERFACE, *sorted(visit.signer.template.languages - set(INTERFACE)))


def _landing(visit: Visit) -> Response:
    """The controller's name and phone number, and what will happen: nothing about anybody."""
    controller = visit.signer.controller
    page = render(
        "landing.html",
        languages=_offered(visit),
        form_token=visit.form_token,
        notice=_landing_notice(visit),
        controller=isolated(controller.name),
        phone=controller.contact.get("phone"),
    )
    return allow_login(page, visit.site)


def _landing_notice(visit: Visit) -> str | None:
    """Of the old news in an idle session only that the answer was not saved still matters."""
    notice = visit.content.notice
    return "idle" if visit.is_idle and notice != "login_too_old" else notice


def _consent(visit: Visit) -> Response:
    visit.touch()
    page = consent_page(visit.uow, visit.site.context, visit.signer)
    response = render(
        "consent.html",
        languages=_offered(visit),
        form_token=visit.form_token,
        notice=visit.content.notice,
        **consent_view(visit, page),
    )
    leads_to_login = not visit.login_is_fresh or visit.signer.template.text_bound_login
    return allow_login(response, visit.site) if leads_to_login else response


def shared(site: Site) -> Response:
    """What was shared earlier than on the page before; an address of another session leads home."""
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        before = open_cursor(visit.secret, request.args.get("before", ""))
        if before is None or not visit.is_logged_in:
            return go_home()
        visit.touch()
        page = older_disclosures(uow, site.context, visit.signer, before)
        controller = isolated(visit.signer.terms.controller.name)
        response = render("shared.html", controller=controller, **shared_view(visit, page))
        uow.commit()
    return response
