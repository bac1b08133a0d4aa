"""The part of a person's export that comes from the log: shared, asked, looked at, logged in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.services.disclosures.report_outcome import disclosure_outcome
from consent_service.services.insight.insight import Insight, postponed_until
from consent_service.services.log.model import EntryFilter, LoggedEntry
from consent_service.services.log.read_log import all_entries
from consent_service.services.rights.ports import RightsUnit
from consent_service.signing.canonical import instant_text

LOOKS = frozenset({"personal_data_viewed", "log_exported", "subject_exported"})
OWN_STEPS = frozenset({"link_issued", "link_opened", "signer_identified", "login_refused"})
"""Steps of one signatory: shown to that person."""

SHOWN_STEPS = frozenset({"consent_requested", "consent_cancelled", "custody_changed"})
"""Steps of the controller that a family is shown."""

OWN_VIEWS = frozenset({"family", "own_receipt"})
"""Looks of the family itself, who would tell one signer when another came, and had answered."""

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
    insight: Insight | None,
    *,
    has_insight: bool,
) -> dict[str, list[dict[str, Any]]]:
    """What the controller's log says about a child, as one person may see it.

    `own` are the person's signatory ids; `insight` is None for the data-protection officer's
    copy, which is whole. Without any insight only the person's own steps are shown.
    """
    whole = insight is None
    about = EntryFilter(viewer=controller, as_party=True, child=number)
    found = [] if number is None else all_entries(uow, about)
    entries = [entry for entry in found if entry.child == child]
    disclosures = [entry for entry in entries if entry.body["type"] == "disclosure"]
    postponed = [] if whole else [e for e in disclosures if postponed_until(e, now) is not None]
    hidden = _hidden(postponed)
    seen = [
        entry
        for entry in entries
        if has_insight
        and entry not in postponed
        and not _tells(entry, hidden)
        and (insight is None or insight.shows(entry))
    ]
    return {
        "disclosures": [
            _disclosure(uow, entry, now, insight)
            for entry in seen
            if entry.body["type"] == "disclosure"
        ],
        "questions": [
            _question(entry, insight) for entry in seen if entry.body["type"] == "decision"
        ],
        "accesses": [
            _step(entry, insight)
            for entry in seen
            if entry.body["type"] in LOOKS and (whole or not _is_the_familys(entry))
        ],
        "logins": [
            _step(entry, insight)
            for entry in entries
            if entry.body["type"] in OWN_STEPS and entry.body.get("signatory") in own
        ],
        "steps": [
            _step(entry, insight)
            for entry in seen
            if entry.body["type"] not in ELSEWHERE
            and (whole or entry.body["type"] in SHOWN_STEPS)
        ],
    }  # fmt: skip


def _is_the_familys(entry: LoggedEntry) -> bool:
    """Whether somebody of the family looked, at their own page."""
    if entry.body["type"] == "subject_exported":
        return "performed_by" not in entry.body
    return entry.body.get("view") in OWN_VIEWS


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
    uow: RightsUnit, entry: LoggedEntry, now: datetime, insight: Insight | None
) -> dict[str, Any]:
    body = entry.body
    basis: Mapping[str, Any] = body["legal_basis"]
    sides = (body["organisation"], body["recipient"])
    sender, recipient = _places(insight, *sides)
    item: dict[str, Any] = {
        "id": entry.id,
        "time": instant_text(entry.time),
        "sender": sender,
        "recipient": recipient,
        "purpose": body["purpose"],
        "categories": body["categories"],
        "channel": body["channel"],
        "outcome": body["outcome"],
        "reported": disclosure_outcome(uow, entry),
        "legal_basis": basis["type"],
        "provision": basis.get("provision"),
        "consent": body.get("consent"),
        # A reference is in the sender's own words, which can name a place.
        "document": body.get("document") if (sender, recipient) == sides else None,
    }
    if insight is None:
        item |= {
            "justification": basis.get("justification"),
            "postponed_until": postponed_until(entry, now),
            "reasons": body.get("reasons", []),
            "performed_by": body.get("performed_by"),
        }
    return item


def _question(entry: LoggedEntry, insight: Insight | None) -> dict[str, Any]:
    body = entry.body
    sender, recipient = _places(insight, body["sender"], body["recipient"])
    item = {
        "time": instant_text(entry.time),
        "organisation": recipient if body["organisation"] == body["recipient"] else sender,
        "sender": sender,
        "recipient": recipient,
        "purpose": body["purpose"],
        "categories": body["categories"],
        "outcome": body["outcome"],
    }
    if insight is None:
        item |= {"reasons": body.get("reasons", []), "performed_by": body.get("performed_by")}
    return item


def _step(entry: LoggedEntry, insight: Insight | None) -> dict[str, Any]:
    body = entry.body
    # A sealed act's body names nobody: it is the controller's own log.
    (organisation,) = _places(insight, body.get("organisation", entry.controller))
    item: dict[str, Any] = {
        "time": instant_text(entry.time),
        "type": body["type"],
        "organisation": organisation,
    }
    if body["type"] == "signer_identified":
        item["loa"] = body["loa"]
    if insight is None:
        item |= {"performed_by": body.get("performed_by"), "view": body.get("view")}
        item |= {"confirmation": body["confirmation"]} if "confirmation" in body else {}
    return item


def _places(insight: Insight | None, *organisations: str) -> tuple[str, ...]:
    return organisations if insight is None else insight.places(*organisations)
