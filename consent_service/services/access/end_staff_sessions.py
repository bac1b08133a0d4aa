"""End sessions of staff: this one, all of a person's, what their provider names, or every one."""

from consent_service.services.access.log_in_staff import write_staff_event
from consent_service.services.access.ports import AccessUnit
from consent_service.services.access.staff import ProviderLogout, StaffSession
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller


def log_out_staff(uow: AccessUnit, context: Context, token: str, session: StaffSession) -> None:
    """End this session."""
    uow.staff.end(token, context.clock())
    _note_logout(uow, context, session, "this_session")


def log_out_staff_everywhere(uow: AccessUnit, context: Context, session: StaffSession) -> None:
    """End all sessions of this person, in every browser and for every organisation."""
    member = session.member
    uow.staff.end_of_subject(member.issuer, member.subject, context.clock())
    _note_logout(uow, context, session, "everywhere")


def end_staff_sessions(
    uow: AccessUnit, context: Context, operator: Caller, subject: tuple[str, str] | None
) -> int:
    """As the operator: end all of a subject's (issuer, sub), or with None everybody's sessions.

    Each organisation whose sessions ended has an entry; answers how many organisations.
    """
    now = context.clock()
    if subject is None:
        organisations = uow.staff.end_all(now)
    else:
        organisations = uow.staff.end_of_subject(*subject, now)
    details = {"scope": "everybody"} if subject is None else {"subject": subject[1]}
    for organisation in organisations:
        event = Event.by(operator, "staff_sessions_ended", organisation, details=details)
        context.journal.write(uow, event, context.clock())
    return len(organisations)


def end_sessions_of_provider(uow: AccessUnit, context: Context, named: ProviderLogout) -> None:
    """End what a provider's logout token names (OpenID Connect Back-Channel Logout 1.0 § 2.7)."""
    for ended in uow.staff.end_of_provider(named, context.clock()):
        _note_logout(uow, context, ended, "provider")


def _note_logout(uow: AccessUnit, context: Context, session: StaffSession, scope: str) -> None:
    organisation = session.standing.organisation
    details = {"scope": scope}
    write_staff_event(uow, context, "staff_logged_out", organisation, session.member, details)
