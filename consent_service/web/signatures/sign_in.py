"""Logging in: off to the identity provider, and what comes back.

The network is asked outside of any transaction. What a browser brings back counts only for a
login that this very session began, and only once. Where a template wants each answer approved in
a login of its own, the answer waits in the session and is signed with what that login proves.
"""

from dataclasses import replace

from flask import Response, make_response, redirect, request

from consent_service.errors import Conflict
from consent_service.identity.signer_login import Asked, LoginRefused, SignerLoginUnderWay
from consent_service.services.signatures.answer_consent import (
    Answered,
    answer_text,
    sign_grant,
    sign_lift,
    sign_refusal,
)
from consent_service.services.signatures.identity import Identity
from consent_service.services.signatures.signing_page import (
    Signer,
    note_login,
    note_login_begun,
    note_login_refused,
)
from consent_service.services.units import UnitOfWork
from consent_service.web.frame.language import interface_language
from consent_service.web.frame.rendering import go_home
from consent_service.web.signatures.session_content import Answer, PendingLogin
from consent_service.web.signatures.visit import Site, Visit, set_cookie, visit_of

# The person changed their mind, or the provider is out of order: nobody guessed anything.
_NO_ATTEMPT = frozenset({"access_denied", "provider_unreachable"})


def begin_login(site: Site) -> Response:
    """Send the browser to the identity provider."""
    with site.units.reading() as uow:
        visit = visit_of(site, uow)
        visit.verify_form()
        asked = _asked(visit.signer)
    return _send_off(site, asked, None)


def approve(site: Site, signer: Signer, answer: Answer) -> Response:
    """Send the browser to the identity provider once more, where the answer is approved.

    To be called outside of any transaction.
    """
    text = answer_text(signer, answer.language, answer.left_out, lifts=answer.lifts)
    return _send_off(site, replace(_asked(signer), text=text), answer)


def _asked(signer: Signer) -> Asked:
    return Asked(signer.file.terms_sha256, signer.template.minimum_assurance)


def _send_off(site: Site, asked: Asked, answer: Answer | None) -> Response:
    try:
        under_way = _start(site, asked)
    except LoginRefused as refused:
        return _refused(site, refused.code)
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        note_login_begun(uow, site.context, visit.signer, visit.link)
        content = visit.content.with_login(under_way, answer)
        uow.signing_sessions.save(visit.secret, content.to_bytes())
        uow.commit()
    return make_response(redirect(under_way.url, 303))


def _start(site: Site, asked: Asked) -> SignerLoginUnderWay:
    if site.login is None:
        raise LoginRefused("provider_unreachable", "No identity provider is configured.")
    now = site.context.clock()
    return site.login.start(site.redirect_uri, interface_language(), now, asked)


def finish_login(site: Site, provider: str) -> Response:
    """Read the identity provider's answer. A login that counts gets a new session."""
    answer = request.args.to_dict()
    if provider != site.provider_name:
        answer.pop("state", None)  # sent to another provider's address: it answers no login here
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        content, pending = visit.content.without_login(answer.get("state", ""))
        uow.signing_sessions.save(visit.secret, content.to_bytes())
        if pending is None and content.identity is not None:
            # Somebody logged in already: the second of two tabs, or a replay. Nothing is done.
            note_login_refused(uow, site.context, visit.signer, "state_mismatch")
            uow.commit()
            return go_home()
        uow.commit()
    try:
        identity = _finish(site, pending, answer)
    except LoginRefused as refused:
        return _refused(site, refused.code)
    return _logged_in(site, identity, pending.answer if pending else None)


def _finish(site: Site, pending: PendingLogin | None, answer: dict[str, str]) -> Identity:
    if pending is None or site.login is None:
        raise LoginRefused("state_mismatch", "The answer does not belong to this login.")
    return site.login.finish(pending.login, site.redirect_uri, answer, site.context.clock())


def _logged_in(site: Site, identity: Identity, answer: Answer | None) -> Response:
    """A new session for who logged in, and with it the answer that the login carries."""
    try:
        with site.units.writing() as uow:
            visit = visit_of(site, uow)
            note_login(uow, site.context, visit.signer, identity)
            notice = _sign(uow, visit, identity, answer) if answer else None
            secret = _new_session(uow, visit, identity, notice)
            uow.commit()
    except Conflict as refused:
        return _refused(site, refused.code)
    response = go_home()
    set_cookie(site, response, secret)
    return response


def _sign(uow: UnitOfWork, visit: Visit, identity: Identity, answer: Answer) -> str:
    context, link = visit.site.context, visit.link
    if answer.lifts:
        sign_lift(uow, context, link, identity, answer.language)
        return "lifted"
    if answer.left_out is None:
        sign_refusal(uow, context, link, identity, answer.language)
        return "answered"
    granted = sign_grant(uow, context, link, identity, answer.language, answer.left_out)
    return notice_of(granted)


def notice_of(answered: Answered) -> str:
    """What the page says after a grant: a standing one that keeps something else is as it was."""
    return "answered" if answered.is_new or answered.is_same else "answer_stands"


def _new_session(uow: UnitOfWork, visit: Visit, identity: Identity, notice: str | None) -> str:
    """A session under a new secret: whoever knew the old one has nothing."""
    file, context = visit.signer.file, visit.site.context
    secret = context.new_token()
    uow.signing_sessions.begin(secret, visit.link, file.controller, file.child, context.clock())
    left_out = None if notice else visit.content.left_out
    content = replace(visit.content, identity=identity, logins=(), notice=notice, left_out=left_out)
    uow.signing_sessions.save(secret, content.to_bytes())
    uow.signing_sessions.end(visit.secret)
    return secret


def _refused(site: Site, code: str) -> Response:
    """Log the refusal and say why on the page. Raises TooManyAttempts instead, past the limit."""
    if code not in _NO_ATTEMPT:
        site.attempts.failed("login", request.remote_addr or "")
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        note_login_refused(uow, site.context, visit.signer, code)
        visit.save(notice=code)
        uow.commit()
    return go_home()
