"""Logging in: off to the staff's provider, and what comes back.

The network is asked outside of any transaction. What a browser brings back counts only for a
login that this very browser began, and only once; a login that counts gets a fresh session.
"""

import json
from datetime import datetime

from flask import Response, make_response, redirect, request

from consent_service.domain.access.staff import NoStanding
from consent_service.identity.code_flow import LoginUnderWay
from consent_service.identity.openid_provider import LoginRefused
from consent_service.services.access.log_in_staff import (
    OrganisationUnknown,
    begin_staff_login,
    log_in_staff,
    note_staff_login_refused,
)
from consent_service.services.access.staff import StaffIdentity
from consent_service.web.access.visit import (
    StaffSite,
    find_visit,
    go_to_start,
    login_secret,
    set_session,
    verify_login_form,
)
from consent_service.web.frame.language import interface_language
from consent_service.web.frame.rendering import STAFF


def begin_login(site: StaffSite) -> Response:
    """Send the browser to the provider."""
    verify_login_form(site)
    try:
        now = site.context.clock()
        under_way = site.login.start(site.redirect_uri, interface_language(), now)
    except LoginRefused as refused:
        # Nobody has come yet: an entry for each press would let anybody fill the log.
        return _to_refusal(refused.code)
    with site.units.writing() as uow:
        begin_staff_login(
            uow,
            site.context,
            site.meanings.home,
            login_secret(site),
            under_way.state,
            _to_bytes(under_way),
        )
        uow.commit()
    return make_response(redirect(under_way.url, 303))


def finish_login(site: StaffSite) -> Response:
    """Read the provider's answer."""
    answer = request.args.to_dict()
    state = answer.get("state", "")
    with site.units.writing() as uow:
        taken = uow.staff.take_login(login_secret(site), state, site.context.clock())
        if taken.status == "spent" and find_visit(site, uow) is not None:
            # Back and forth in the browser that is logged in: nothing more is done.
            return go_to_start()
        uow.commit()
    if taken.status == "unknown":
        # A state we never made is noise that anybody can send: it may not fill the log.
        site.attempts.failed("stray", request.remote_addr or "")
        return _to_refusal("state_mismatch")
    if taken.content is None:
        return _refuse(site, "state_mismatch")
    try:
        under_way = _read(taken.content, state)
        identity = site.login.finish(under_way, site.redirect_uri, answer, site.context.clock())
    except LoginRefused as refused:
        return _refuse(site, refused.code)
    return _log_in(site, identity)


def _log_in(site: StaffSite, identity: StaffIdentity) -> Response:
    token = site.context.new_token()
    try:
        with site.units.writing() as uow:
            before = find_visit(site, uow)
            replaced = before.token if before else None
            log_in_staff(uow, site.context, identity, site.meanings, token, replaced)
            uow.commit()
    except (NoStanding, OrganisationUnknown) as refused:
        return _refuse(site, refused.code, identity)
    response = go_to_start()
    set_session(site, response, token)
    return response


def _refuse(site: StaffSite, code: str, identity: StaffIdentity | None = None) -> Response:
    """Log the refusal and say why. Raises TooManyAttempts instead, past the limit.

    Every refusal counts, a cancelled login too: anybody can begin one and say that it was
    cancelled, and each leaves an entry.
    """
    site.attempts.failed("staff", request.remote_addr or "")
    with site.units.writing() as uow:
        note_staff_login_refused(uow, site.context, site.meanings, code, identity)
        uow.commit()
    return _to_refusal(code)


def _to_refusal(code: str) -> Response:
    """Away from the address with the code in it."""
    return make_response(redirect(f"{STAFF.home}/refused/{code}", 303))


def _to_bytes(under_way: LoginUnderWay) -> bytes:
    kept = {
        "nonce": under_way.nonce,
        "code_verifier": under_way.code_verifier,
        "started_at": under_way.started_at.isoformat(),
    }
    return json.dumps(kept).encode()


def _read(content: bytes, state: str) -> LoginUnderWay:
    members = json.loads(content)
    started_at = datetime.fromisoformat(members["started_at"])
    return LoginUnderWay("", state, members["nonce"], members["code_verifier"], started_at)
