"""Logging out: of this session or of all, and at the provider where it offers that."""

import json
from collections.abc import Callable

from flask import Response, make_response, redirect, request

from consent_service.identity.openid_provider import LoginRefused
from consent_service.services.access.end_staff_sessions import (
    end_sessions_of_provider,
    log_out_staff,
    log_out_staff_everywhere,
)
from consent_service.services.kernel.context import Context
from consent_service.services.units import UnitOfWork
from consent_service.web.access.visit import (
    StaffSite,
    StaffVisit,
    clear_session,
    find_visit,
    go_to_start,
)


def log_out(site: StaffSite) -> Response:
    """End this session."""

    def end(uow: UnitOfWork, context: Context, visit: StaffVisit) -> None:
        log_out_staff(uow, context, visit.token, visit.session)

    return _log_out(site, end)


def log_out_everywhere(site: StaffSite) -> Response:
    """End this person's sessions in every browser."""

    def end(uow: UnitOfWork, context: Context, visit: StaffVisit) -> None:
        log_out_staff_everywhere(uow, context, visit.session)

    return _log_out(site, end)


def _log_out(site: StaffSite, end: Callable[[UnitOfWork, Context, StaffVisit], None]) -> Response:
    with site.units.writing() as uow:
        visit = find_visit(site, uow)
        if visit is None:
            return go_to_start()
        visit.verify_form()
        end(uow, site.context, visit)
        uow.commit()
    # Whatever the provider does: here it is over.
    there = site.login.logout_address(site.goodbye, site.context.clock())
    response = make_response(redirect(there or site.goodbye, 303))
    clear_session(site, response)
    return response


def log_out_from_provider(site: StaffSite) -> Response:
    """The provider says whom it logged out (OpenID Connect Back-Channel Logout 1.0 §§ 2.5, 2.8).

    No browser is part of this: what is accepted is what the provider's own key signed for us.
    """
    try:
        token = request.form.get("logout_token", "")
        named = site.login.read_logout(token, site.context.clock())
    except LoginRefused as refused:
        status = 503 if refused.code == "provider_unreachable" else 400
        body = json.dumps({"error": "invalid_request", "error_description": refused.detail})
        return Response(body, status=status, mimetype="application/json")
    with site.units.writing() as uow:
        end_sessions_of_provider(uow, site.context, named)
        uow.commit()
    return Response(status=200)
