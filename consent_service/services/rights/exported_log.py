"""The part of a person's export that comes from the log: shared, asked, looked at, logged in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from consent_service.domain.kernel.calendar import local_instant
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.services.disclosures.report_outcome import disclosure_outcome
from consent_service.services.log.model import EntryFilter, LoggedEntry
from consent_service.services.log.read_log import all_entries
from consent_service.services.rights.ports import RightsUnit
from consent_service.signing.canonical import instant_text

LOOKS = frozenset({"personal_data_viewed", "log_exported", "subject_exported"})
OWN_STEPS = frozenset({"link_issued", "link_opened", "signer_identified", "login_refused"})
"""Steps of one signatory: shown to that person."""

SHOWN_STEPS = frozenset({"consent_requested", "consent_cancelled", "custody_changed"})
"""Steps of the controller that a family is shown."""

ELSEWHERE = frozenset({"disclosure", "disclosure_outcome", "decision"}) | LOOKS | OWN_STEPS
_BEFORE = timedelta(days=1)


@dataclass(frozen=True)
class _Hidden:
    """What is not shown to the family yet, and what would give it away: who took part, since."""

    since: datetime | None
    organisations: frozenset[str]

    def gives_away(self, time: datetime, organisations: Iterable[str]) -> bool:
        """Whether an entry by these would tell that something is left out."""
        if self.since is None or time < self.since:
            return False
        return not self.organisations.isdisjoint(organisations)


def exported_log(
    uow: RightsUnit,
    controller: str,
    number: CprNumber | None,
    child: str,
    own: set[str],
    now: datetime,
    *,
    whole: bool,
    has_insight: bool,
) -> dict[str, list[dict[str, Any]]]:
    """What the controller's log says about a child, as one person may see it.

    `own` are the person's signatory ids; `whole` is the data-protection officer's copy. Without
    insight only the person's own steps are shown.
    """
    about = EntryFilter(viewer=controller, as_party=True, child=number)
    found = [] if number is None else all_entries(uow, about)
    entries = [entry for entry in found if entry.child == child]
    disclosures = [entry for entry in entries if entry.body["type"] == "disclosure"]
    postponed = [] if whole else [e for e in disclosures if _visible_from(e, now) is not None]
    hidden = _hidden(postponed)
    shown = [entry for entry in disclosures if entry not in postponed] if has_insight else []
    seen = [entry for entry in entries if has_insight and not _tells(entry, hidden)]
    return {
        "disclosures": [_disclosure(uow, entry, now, whole=whole) for entry in shown],
        "questions": [
            _question(entry, whole=whole) for entry in seen if entry.body["type"] == "decision"
        ],
        "accesses": [
            _step(entry, whole=whole)
            for entry in seen
            if entry.body["type"] in LOOKS and (whole or entry.body.get("view") != "family")
        ],
        "logins": [
            _step(entry, whole=whole)
            for entry in entries
            if entry.body["type"] in OWN_STEPS and entry.body.get("signatory") in own
        ],
        "steps": [
            _step(entry, whole=whole)
            for entry in seen
            if entry.body["type"] not in ELSEWHERE
            and (whole or entry.body["type"] in SHOWN_STEPS)
        ],
    }  # fmt: skip


def _visible_from(entry: LoggedEntry, now: datetime) -> str | None:
    """The date from which a disclosure is shown to the family, while that lies ahead (R6)."""
    visible = entry.body["legal_basis"].get("family_visibility")
    if visible and now < local_instant(date.fromisoformat(visible["from"])):
        return str(visible["from"])
    return None


def _hidden(postponed: list[LoggedEntry]) -> _Hidden:
    if not postponed:
        return _Hidden(None, frozenset())
    organisations = {
        name
        for entry in postponed
        for name in (entry.body["organisation"], entry.body["recipient"])
    }
    return _Hidden(min(entry.time for entry in postponed) - _BEFORE, frozenset(organisations))


def _tells(entry: LoggedEntry, hidden: _Hidden) -> bool:
    """Whether a look or a question would give away what is not shown yet."""
    if entry.body["type"] not in LOOKS | {"decision"}:
        return False
    names = [entry.body["organisation"], *filter(None, [entry.body.get("recipient")])]
    return hidden.gives_away(entry.time, names)


def _disclosure(
    uow: RightsUnit, entry: LoggedEntry, now: datetime, *, whole: bool
) -> dict[str, Any]:
    body = entry.body
    basis: Mapping[str, Any] = body["legal_basis"]
    item: dict[str, Any] = {
        "id": entry.id,
        "time": instant_text(entry.time),
        "sender": body["organisation"],
        "recipient": body["recipient"],
        "purpose": body["purpose"],
        "categories": body["categories"],
        "channel": body["channel"],
        "outcome": body["outcome"],
        "reported": disclosure_outcome(uow, entry),
        "legal_basis": basis["type"],
        "provision": basis.get("provision"),
        "consent": body.get("consent"),
        "document": body.get("document"),
    }
    if whole:
        item |= {
            "justification": basis.get("justification"),
            "postponed_until": _visible_from(entry, now),
            "reasons": body.get("reasons", []),
            "performed_by": body.get("performed_by"),
        }
    return item


def _question(entry: LoggedEntry, *, whole: bool) -> dict[str, Any]:
    body = entry.body
    item = {
        "time": instant_text(entry.time),
        "organisation": body["organisation"],
        "sender": body["sender"],
        "recipient": body["recipient"],
        "purpose": body["purpose"],
        "categories": body["categories"],
        "outcome": body["outcome"],
    }
    if whole:
        item |= {"reasons": body.get("reasons", []), "performed_by": body.get("performed_by")}
    return item


def _step(entry: LoggedEntry, *, whole: bool) -> dict[str, Any]:
    body = entry.body
    item: dict[str, Any] = {
        "time": instant_text(entry.time),
        "type": body["type"],
        # A sealed act's body names nobody: it is the controller's own log.
        "organisation": body.get("organisation", entry.controller),
    }
    if body["type"] == "signer_identified":
        item["loa"] = body["loa"]
    if whole:
        item |= {"performed_by": body.get("performed_by"), "view": body.get("view")}
    return item
