"""What a signer does: give consent, say no, take a no back, take the receipt, log out."""

import json

from flask import Response, make_response, request
from werkzeug.exceptions import BadRequest

from consent_service.domain.kernel.facts import ActKind, Scope
from consent_service.errors import Conflict
from consent_service.services.signatures.answer_consent import sign_grant, sign_lift, sign_refusal
from consent_service.services.signatures.sign import kept_scope
from consent_service.services.signatures.signing_page import (
    Signer,
    note_login_refused,
    own_receipt,
    refusal_of,
    stops_older,
)
from consent_service.web.frame.rendering import allow_login, go_home, isolated, render
from consent_service.web.signatures.session_content import Answer
from consent_service.web.signatures.sign_in import approve, notice_of
from consent_service.web.signatures.visit import Site, Visit, clear_session, visit_of

OF_THE_LOGIN = frozenset(
    {
        "login_too_old",
        "another_person",
        "assurance_too_low",
        "login_for_other_terms",
        "text_not_approved",
    }
)
EXPECTED = OF_THE_LOGIN | {"consent_not_live"}
NOTHING_LEFT_OUT = Scope(frozenset(), frozenset())


def grant(site: Site) -> Response:
    """Give consent to what is ticked. With too little ticked, ask first whether it is a no."""
    left_out = NOTHING_LEFT_OUT
    try:
        with site.units.writing() as uow:
            visit = visit_of(site, uow)
            visit.verify_form()
            identity = visit.content.identity
            if identity is None:
                return go_home()
            left_out, language = _left_out(visit.signer), _shown_language(visit.signer)
            _check_idle(visit)
            if "only" in request.form:
                return _keep_ticks(visit, left_out)
            if kept_scope(visit.signer.request, left_out) is None:
                return _ask_again(visit, "nothing_left", left_out)
            if visit.signer.template.text_bound_login:
                waiting = Answer(language, left_out)
                visit.save(left_out=left_out)
            else:
                waiting = None
                answer = sign_grant(uow, site.context, visit.link, identity, language, left_out)
                visit.save(notice=notice_of(answer), left_out=None)
            uow.commit()
    except Conflict as conflict:
        return _not_done(site, conflict, left_out)
    return go_home() if waiting is None else approve(site, visit.signer, waiting)


def refuse(site: Site) -> Response:
    """Say no, or withdraw. Where it also stops an older consent, ask once more."""
    try:
        with site.units.writing() as uow:
            visit = visit_of(site, uow)
            visit.verify_form()
            identity = visit.content.identity
            if identity is None:
                return go_home()
            _check_idle(visit)
            if _needs_confirmation(visit):
                return _ask_again(visit, "stops_older", _left_out(visit.signer))
            language = _shown_language(visit.signer)
            if visit.signer.template.text_bound_login:
                waiting = Answer(language, None)
            else:
                waiting = None
                sign_refusal(uow, site.context, visit.link, identity, language)
                visit.save(notice="answered", left_out=None)
            uow.commit()
    except Conflict as conflict:
        return _not_done(site, conflict, None)
    return go_home() if waiting is None else approve(site, visit.signer, waiting)


def lift(site: Site) -> Response:
    """Take a no back (R5c). Nothing is granted by it."""
    try:
        with site.units.writing() as uow:
            visit = visit_of(site, uow)
            visit.verify_form()
            identity = visit.content.identity
            if identity is None:
                return go_home()
            _check_idle(visit)
            language = _shown_language(visit.signer)
            if visit.signer.template.text_bound_login:
                waiting = Answer(language, None, lifts=True)
            else:
                waiting = None
                sign_lift(uow, site.context, visit.link, identity, language)
                visit.save(notice="lifted")
            uow.commit()
    except Conflict as conflict:
        return _not_done(site, conflict, None)
    return go_home() if waiting is None else approve(site, visit.signer, waiting)


def _check_idle(visit: Visit) -> None:
    """Raise Conflict where the login is over: what was ticked is kept until the next one."""
    if visit.is_idle:
        raise Conflict("login_too_old", "No page was asked for in this login for too long.")


def _keep_ticks(visit: Visit, left_out: Scope) -> Response:
    """Enter was pressed in a box: that is no answer, and only the ticks are kept."""
    visit.save(left_out=left_out, notice=None)
    visit.uow.commit()
    return go_home("answer")


def _needs_confirmation(visit: Visit) -> bool:
    """A withdrawal takes as few steps as giving it (R4), so only a decline is asked twice."""
    if request.form.get("confirm") == "yes":
        return False
    return refusal_of(visit.signer) is ActKind.DECLINE and stops_older(visit.signer)


def _ask_again(visit: Visit, why: str, left_out: Scope) -> Response:
    """A page that asks whether it is meant as a no; nothing is recorded, the ticks are kept."""
    visit.save(left_out=left_out, notice=None)
    visit.uow.commit()
    page = render(
        "sure.html",
        controller=isolated(visit.signer.terms.controller.name),
        why=why,
        stops_older=stops_older(visit.signer),
        refusal=refusal_of(visit.signer).value,
        form_token=visit.form_token,
        language=_shown_language(visit.signer),
    )
    bound = visit.signer.template.text_bound_login
    return allow_login(page, visit.site) if bound else page


def _left_out(signer: Signer) -> Scope:
    """What the signer unticked. The controller has no box, and stays."""
    request_ = signer.request
    if not request_.granular:
        return NOTHING_LEFT_OUT
    ticked = Scope(
        frozenset({request_.controller, *request.form.getlist("party")}),
        frozenset(request.form.getlist("category")),
    )
    asked = request_.asked
    return Scope(asked.parties - ticked.parties, asked.categories - ticked.categories)


def _shown_language(signer: Signer) -> str:
    """The language of the text that was on the page, whatever another tab switched to since."""
    language = request.form.get("language", "")
    if language not in signer.template.languages:
        raise BadRequest
    return language


def _not_done(site: Site, conflict: Conflict, left_out: Scope | None) -> Response:
    """Nothing was recorded: say why on the page, and keep what was ticked."""
    if conflict.code not in EXPECTED:
        raise conflict
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        kept = visit.content.left_out if left_out is None else left_out
        if conflict.code in OF_THE_LOGIN:
            note_login_refused(uow, site.context, visit.signer, conflict.code)
        visit.save(notice=conflict.code, left_out=kept)
        uow.commit()
    return go_home()


def receipt(site: Site) -> Response:
    """The signer's own receipt as a file."""
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        found = None
        if visit.is_logged_in:
            found = own_receipt(uow, site.context, visit.signer)
        if found is None:
            return go_home()
        uow.commit()
    response = make_response(json.dumps(found, ensure_ascii=False, indent=1))
    response.mimetype = "application/json"
    response.headers["Content-Disposition"] = 'attachment; filename="samtykke-kvittering.json"'
    return response


def log_out(site: Site) -> Response:
    """End the session."""
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        visit.verify_form()
        uow.signing_sessions.end(visit.secret)
        uow.commit()
    response = render("goodbye.html", controller=isolated(visit.signer.controller.name))
    clear_session(site, response)
    return response
