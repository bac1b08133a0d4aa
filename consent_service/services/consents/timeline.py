"""Everything that happened under one consent, in order, for its controller."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from consent_service.audit.receipt import SEAL_TYPES
from consent_service.services.consents.consent_event import consent_viewed
from consent_service.services.consents.find_consent import child_of, controlled_consent
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller
from consent_service.services.log.model import LoggedEntry
from consent_service.signing.canonical import instant_text


def timeline(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    *,
    after: str | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the events of a consent, oldest first, for its controller; looking is logged.

    The municipality's custody changes about the child are events of each of its consents. What an
    organisation recorded in a signer's name says which one, as `attested_by` (R5c). A page can be
    short, or empty, with more to come.
    """
    file = controlled_consent(uow, caller, consent)
    child = child_of(uow, file)
    roles = {s.id: s.role.value for s in uow.consents.signatories(consent)}
    acts = uow.children.snapshot(file.child).history.acts(consent)
    attesting = {act.at: act.attested_by for act in acts if act.attested_by is not None}
    entries, last = uow.log.under_consent(
        file.child, consent, file.controller, since=file.created_at, after=after, limit=limit
    )
    context.journal.write(uow, consent_viewed(caller, file, child, "timeline"), context.clock())
    return [_timeline_item(entry, roles, attesting) for entry in entries], last


def _timeline_item(
    entry: LoggedEntry, roles: Mapping[str, str], attesting: Mapping[datetime, str]
) -> dict[str, Any]:
    body = dict(entry.body)
    type_, signatory = body.pop("type"), body.get("signatory", "")
    is_sealed = type_ in SEAL_TYPES.values()
    by_role = roles.get(signatory) if is_sealed else "employee"
    if is_sealed and entry.time in attesting:
        body["attested_by"] = attesting[entry.time]
    for member in ("child", "consent", "fact", "client"):
        body.pop(member, None)
    return {
        "time": instant_text(entry.time),
        "type": type_,
        "by_role": by_role,
        "detail": body,
        "entry": entry.id,
    }
