"""Log a member of staff in, or turn them away; either is an entry of an organisation's log."""

from collections.abc import Mapping
from typing import Any

from consent_service.domain.access.staff import ClaimMeanings, SessionTimes, standing_of
from consent_service.errors import NotAllowed, Unavailable
from consent_service.services.access.ports import AccessUnit
from consent_service.services.access.staff import StaffIdentity, StaffMember, StaffSession
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Employee


class OrganisationUnknown(NotAllowed):
    """The claims name an organisation that is not registered here."""

    code = "organisation_unknown"


def begin_staff_login(
    uow: AccessUnit, context: Context, home: str, browser: str, state: str, content: bytes
) -> None:
    """Remember a login until its answer comes. Raises Unavailable where nobody is at home yet."""
    if not uow.catalogue.has_organisation(home):
        raise Unavailable("home_missing", "The organisation that runs the service is missing.")
    uow.staff.remember_login(home, browser, state, content, context.clock())


def log_in_staff(
    uow: AccessUnit,
    context: Context,
    identity: StaffIdentity,
    meanings: ClaimMeanings,
    token: str,
    replaced: str | None,
) -> StaffSession:
    """Begin a session named by a fresh token; the one it replaces ends.

    Raises NoStanding or OrganisationUnknown, and then nothing was begun and nothing is logged.
    """
    standing = standing_of(identity.role_values, identity.organisation_values, meanings)
    if not uow.catalogue.has_organisation(standing.organisation):
        raise OrganisationUnknown
    now, member = context.clock(), identity.member
    session = StaffSession(
        member,
        standing,
        SessionTimes(now, now),
        uow.staff.last_login(member.issuer, member.subject),
        identity.provider_session,
    )
    if replaced is not None:
        uow.staff.end(replaced, now)
    uow.staff.begin(token, session)
    details = {"issuer": member.issuer, "roles": sorted(standing.roles)}
    write_staff_event(uow, context, "staff_logged_in", standing.organisation, member, details)
    return session


def note_staff_login_refused(
    uow: AccessUnit,
    context: Context,
    meanings: ClaimMeanings,
    reason: str,
    identity: StaffIdentity | None = None,
) -> None:
    """Log that a login was refused, and why by its code; with whose it was, where that is known.

    The entry belongs to the organisation the person came from, else to the one at home here.
    """
    organisation, member = meanings.home, None
    details: dict[str, Any] = {"reason": reason}
    if identity is not None:
        member = identity.member
        details["issuer"] = member.issuer
        claimed = {meanings.organisations.get(value) for value in identity.organisation_values}
        named = claimed.pop() if len(claimed) == 1 else None
        if named is not None and uow.catalogue.has_organisation(named):
            organisation = named
    write_staff_event(uow, context, "staff_login_refused", organisation, member, details)


def write_staff_event(
    uow: AccessUnit,
    context: Context,
    type_: str,
    organisation: str,
    member: StaffMember | None,
    details: Mapping[str, Any],
) -> None:
    """An entry about a member of staff, in their own organisation's log."""
    employee = None if member is None else Employee(member.subject, member.name)
    event = Event(type_, organisation, organisation, employee=employee, details=details)
    context.journal.write(uow, event, context.clock())
