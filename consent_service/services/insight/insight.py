"""One person's insight into what happened around a child: for page, export and whatever comes.

Every place that shows a family an entry of the log, or an organisation's name, asks here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from consent_service.domain.disclosures.objections import Transfer
from consent_service.domain.insight.held_back import Attempt, is_held_back, secret_refusals
from consent_service.domain.insight.places import (
    NamedPlaces,
    controllers_of,
    parties_asked_about,
    people_around,
)
from consent_service.domain.insight.standing import CUSTODY_CONTRADICTED, may_see, who_knows
from consent_service.domain.kernel.calendar import local_instant
from consent_service.domain.kernel.facts import History
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.log.model import LoggedEntry

KIND = "kind:"
"""Before the kind of an organisation that is not named; no id holds a colon."""

_UNKNOWN_KIND = "other"

SHOWN_AT_ONCE = 50
MOST_ROUNDS = 4
"""How often a page of the family's is filled up: some exchanges may not be shown yet."""


@dataclass(frozen=True)
class Insight:
    """What one person may see at an instant (see `insight_of`)."""

    uow: ConsentsUnit = field(repr=False)
    history: History
    child: str
    person: str
    knowing: Mapping[str, bool]
    secret: frozenset[str]
    protected: frozenset[str]
    named: NamedPlaces

    def shows(self, entry: LoggedEntry) -> bool:
        """Whether an entry about the child is this person's to see.

        The child sees its own: on its page from 15, when it is asked itself; in an export that
        its controller makes for it at any age. What is postponed (R6) is not asked here.
        """
        is_own = self.person == self.child
        return (is_own or self._is_known_to_those_concerned(entry)) and not self._is_held(entry)

    def is_protected(self, person: str) -> bool:
        """Whether the others may not read somebody's name, whoever marked it."""
        return person in self.protected

    def places(self, *organisations: str) -> tuple[str, ...]:
        """The ids of organisations that stand together, or only the kind of each.

        A kind is written as `kind:municipality`. The names could tell where somebody lives.
        """
        if self.named.are_named(organisations):
            return organisations
        return tuple(f"{KIND}{self._kind(one)}" for one in organisations)

    def _is_known_to_those_concerned(self, entry: LoggedEntry) -> bool:
        body = entry.body
        sender = body.get("sender", body.get("organisation"))
        concerned = [entry.controller, sender, body.get("recipient")]
        codes = {reason["code"] for reason in body.get("reasons", ())}
        return may_see(
            self.knowing,
            [one for one in concerned if one is not None],
            by_all=CUSTODY_CONTRADICTED in codes,
        )

    def _is_held(self, entry: LoggedEntry) -> bool:
        if entry.body.get("outcome") != "denied":
            return False
        return is_held_back(self.history, _attempt(entry), self.person, self.secret)

    def _kind(self, organisation: str) -> str:
        found = self.uow.catalogue.organisation(organisation)
        return found.kind if found else _UNKNOWN_KIND


def insight_of(
    uow: ConsentsUnit, history: History, child: str, person: str, now: datetime
) -> Insight:
    """What a person may see about a child now."""
    protected = _protected(uow, history)
    return Insight(
        uow=uow,
        history=history,
        child=child,
        person=person,
        knowing=who_knows(history, person, now),
        secret=secret_refusals(history, person, now),
        protected=protected,
        named=_named(history, child, person, protected, now),
    )


def postponed_until(entry: LoggedEntry, now: datetime) -> str | None:
    """The date from which a disclosure is shown to the family, while that lies ahead (R6)."""
    visible = entry.body["legal_basis"].get("family_visibility")
    if visible and now < local_instant(date.fromisoformat(visible["from"])):
        return str(visible["from"])
    return None


@dataclass(frozen=True)
class SharedPage:
    """Exchanges, newest first; `older` is an entry that all older ones precede, None: no more."""

    exchanges: Sequence[Mapping[str, Any]]
    older: str | None


def family_disclosures(
    uow: ConsentsUnit, insight: Insight, now: datetime, before: str | None = None
) -> SharedPage:
    """The newest disclosures about a child that one of its family may see now.

    Or those before an entry. Denied ones are shown as such; those whose showing was postponed are
    left out until their date (R6). Employees are not named. Sender and recipient are as
    `Insight.places` says.
    """
    shown: list[LoggedEntry] = []
    for _ in range(MOST_ROUNDS):
        entries, before = uow.log.newest_about(
            insight.child, "disclosure", before=before, limit=SHOWN_AT_ONCE + 1
        )
        shown += [e for e in entries if postponed_until(e, now) is None and insight.shows(e)]
        if before is None or len(shown) > SHOWN_AT_ONCE:
            break
    page = shown[:SHOWN_AT_ONCE]
    older = page[-1].id if len(shown) > SHOWN_AT_ONCE else before
    return SharedPage([_exchange(insight, entry) for entry in page], older)


def _exchange(insight: Insight, entry: LoggedEntry) -> dict[str, Any]:
    body = entry.body
    sender, recipient = insight.places(body["organisation"], body["recipient"])
    return {
        "time": entry.time,
        "sender": sender,
        "recipient": recipient,
        "purpose": body["purpose"],
        "categories": body["categories"],
        "outcome": body["outcome"],
        "legal_basis": body["legal_basis"]["type"],
        "provision": body["legal_basis"].get("provision"),
    }


def _attempt(entry: LoggedEntry) -> Attempt:
    """A denied disclosure, or a question about one, which may be about an earlier instant."""
    body = entry.body
    as_of = body.get("as_of")
    return Attempt(
        Transfer(
            body.get("sender", body["organisation"]),
            body["recipient"],
            body["purpose"],
            frozenset(body["categories"]),
        ),
        datetime.fromisoformat(as_of) if as_of else entry.time,
        body.get("consent"),
        body.get("reasons", ()),
    )


def _protected(uow: ConsentsUnit, history: History) -> frozenset[str]:
    """Everybody around the child whose name any of its controllers has marked as protected."""
    people = people_around(history)
    return frozenset(
        person
        for controller in controllers_of(history)
        for person, details in uow.children.details(controller, people).items()
        if details.name_protected
    )


def _named(
    history: History, child: str, person: str, protected: frozenset[str], now: datetime
) -> NamedPlaces:
    """A protected child counts for everybody, itself too: its copy may be in others' hands."""
    if child not in protected and not protected - {person}:
        return NamedPlaces(None)
    return NamedPlaces(parties_asked_about(history, person, now))
