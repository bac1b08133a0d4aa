"""Logging in: off to the identity provider, and what comes back.

The network is asked outside of any transaction. What a browser brings back counts only for a
login that this very session began, and only once.
"""

from dataclasses import replace

from flask import Response, make_response, redirect, request

from consent_service.errors import Conflict
from consent_service.identity.signer_login import LoginRefused, LoginUnderWay
from consent_service.services.ports import UnitOfWork
from consent_service.services.sign import Identity
from consent_service.services.signing_page import (
    note_login,
    note_login_begun,
    note_login_refused,
)
from consent_service.web.language import interface_language
from consent_service.web.rendering import go_home
from consent_service.web.visit import Site, Visit, set_cookie, visit_of

# The person changed their mind, or the provider is out of order: nobody guessed anything.
_NO_ATTEMPT = frozenset({"access_denied", "provider_unreachable"})


def begin_login(site: Site) -> Response:
    """Send the browser to the identity provider."""
    with site.units.reading() as uow:
        visit_of(site, uow).verify_form()
    try:
        under_way = _start(site)
    except LoginRefused as refused:
        return _refused(site, refused.code)
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        note_login_begun(uow, site.context, visit.signer, visit.link)
        content = visit.content.with_login(under_way)
        uow.links.save_session(visit.secret, content.to_bytes())
        uow.commit()
    return make_response(redirect(under_way.url, 303))


def _start(site: Site) -> LoginUnderWay:
    if site.login is None:
        raise LoginRefused("provider_unreachable", "No identity provider is configured.")
    return site.login.start(site.redirect_uri, interface_language(), site.context.clock())


def finish_login(site: Site) -> Response:
    """Read the identity provider's answer. A login that counts gets a new session."""
    answer = request.args.to_dict()
    with site.units.writing() as uow:
        visit = visit_of(site, uow)
        content, under_way = visit.content.without_login(answer.get("state", ""))
        if under_way is None and content.identity is not None:
            # The second of two tabs: somebody logged in already, and nothing more is done.
            return go_home()
        uow.links.save_session(visit.secret, content.to_bytes())
        uow.commit()
    try:
        identity = _finish(site, under_way, answer)
    except LoginRefused as refused:
        return _refused(site, refused.code)
    return _logged_in(site, identity)


def _finish(site: Site, under_way: LoginUnderWay | None, answer: dict[str, str]) -> Identity:
    if under_way is None or site.login is None:
        raise LoginRefused("state_mismatch", "The answer does not belong to this login.")
    return site.login.finish(under_way, site.redirect_uri, answer, site.context.clock())


def _logged_in(site: Site, identity: Identity) -> Response:
    try:
        with site.units.writing() as uow:
            visit = visit_of(site, uow)
            note_login(uow, site.context, visit.signer, identity)
            secret = _new_session(uow, visit, identity)
            uow.commit()
    except Conflict as refused:
        return _refused(site, refused.code)
    response = go_home()
    set_cookie(site, response, secret)
    return response


def _new_session(uow: UnitOfWork, visit: Visit, identity: Identity) -> str:
    """A session under a new secret: whoever knew the old one has nothing."""
    file, context = visit.signer.file, visit.site.context
    secret = context.new_token()
    uow.links.begin_session(secret, visit.link, file.controller, file.child, context.clock())
    content = replace(visit.content, identity=identity, logins=(), notice=None)
    uow.links.save_session(secret, content.to_bytes())
    uow.links.end_session(visit.secret)
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
