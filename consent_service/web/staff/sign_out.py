"""Logging out: of this session or of all, and at the provider where it offers that."""

from collections.abc import Callable

from flask import Response, make_response, redirect

from consent_service.services.context import Context
from consent_service.services.end_staff_sessions import log_out_staff, log_out_staff_everywhere
from consent_service.services.ports import UnitOfWork
from consent_service.web.staff.visit import (
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
