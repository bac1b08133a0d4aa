"""How a fact is written down, and read back.

A record names opaque ids, codes and instants only: nothing in it is personal data, so it can stand
in an append-only table for ever. The child's birth date is joined from the encrypted details.

Evolution rule: a record once written is never rewritten; a new kind or member may be added, and
what this code does not know is refused (`Unreadable`), never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from consent_service.domain.kernel.facts import (
    Act,
    ActKind,
    Cancellation,
    CancellationReason,
    CustodyChange,
    ExemptionConfirmed,
    ExemptionReason,
    ExemptionRecorded,
    ExemptionRevoked,
    Fact,
    Holder,
    LinkIssued,
    PaperRecorded,
    PaperRejected,
    ReconfirmationConfirmed,
    ReconfirmationRecorded,
    Request,
    Role,
    Scope,
    SignerRule,
)
from consent_service.domain.kernel.validity import Validity
from consent_service.errors import Unreadable

T = TypeVar("T")

DECIDE_NOTHING = frozenset({"paper_recorded", "paper_rejected"})
"""The kinds that no decision depends on: a paper counts as the act that confirms it.

Before that it counts for nothing, and the child's row sees to it that none is both confirmed and
rejected (`audit verify` looks). So papers may be recorded and rejected without end, each no among
them, and no decision becomes dearer.
"""


@dataclass(frozen=True)
class FactRecord:
    """One fact as stored: `payload` holds what only its kind has."""

    child: str
    seq: int
    at: datetime
    kind: str
    controller: str
    consent: str | None
    person: str | None
    payload: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The whole record, for hashing: what the log vouches for."""
        return {
            "at": _text(self.at),
            "child": self.child,
            "consent": self.consent,
            "controller": self.controller,
            "kind": self.kind,
            "payload": dict(self.payload),
            "person": self.person,
            "seq": self.seq,
        }


def write_fact(fact: Fact, child: str, controller: str) -> FactRecord:
    """The record of a fact about a child, under the controller whose consent it concerns."""
    kind, person, payload = _kind_person_payload(fact)
    consent = None if isinstance(fact, CustodyChange) else fact.consent
    return FactRecord(child, fact.seq, fact.at, kind, controller, consent, person, payload)


def _kind_person_payload(fact: Fact) -> tuple[str, str | None, dict[str, Any]]:
    match fact:
        case Request():
            return "request", None, _request_payload(fact)
        case CustodyChange():
            return "custody_change", None, _custody_payload(fact)
        case Act():
            act = {"given_at": _text(fact.given_at), "kept": _kept(fact.kept)}
            return (
                fact.kind.value,
                fact.person,
                act | _present_ones(paper=fact.paper, attested_by=fact.attested_by),
            )
        case LinkIssued():
            return "link_issued", fact.person, {}
        case PaperRecorded():
            return "paper_recorded", fact.person, _paper_payload(fact)
        case ExemptionRecorded():
            ends = None if fact.ends_at is None else _text(fact.ends_at)
            recorded = {"exemption": fact.exemption, "ends_at": ends}
            return "exemption_recorded", fact.person, recorded | _present_ones(reason=fact.reason)
        case _:
            return _step(fact)


_Step = (
    PaperRejected
    | ExemptionConfirmed
    | ExemptionRevoked
    | Cancellation
    | ReconfirmationRecorded
    | ReconfirmationConfirmed
)


def _step(
    fact: _Step,
) -> tuple[str, None, dict[str, Any]]:
    """A step by the controller, about what is named and nobody in particular."""
    match fact:
        case PaperRejected():
            return "paper_rejected", None, {"paper": fact.paper}
        case ExemptionConfirmed():
            return "exemption_confirmed", None, {"exemption": fact.exemption}
        case ExemptionRevoked():
            return "exemption_revoked", None, {"exemption": fact.exemption}
        case Cancellation():
            return "cancellation", None, _present_ones(reason=fact.reason)
        case ReconfirmationRecorded():
            return "reconfirmation_recorded", None, {"reconfirmation": fact.reconfirmation}
        case ReconfirmationConfirmed():
            return "reconfirmation_confirmed", None, {"reconfirmation": fact.reconfirmation}


def _present_ones(**members: str | None) -> dict[str, str]:
    """Those that there are: what older records do not have is left out, not null."""
    return {name: str(value) for name, value in members.items() if value is not None}


def _custody_payload(fact: CustodyChange) -> dict[str, Any]:
    return {
        "change": fact.id,
        "effective_from": _text(fact.effective_from),
        "holders": _holders(fact.holders),
        **_present_ones(corrects=fact.corrects, as_of=_day(fact.as_of)),
    }


def _paper_payload(fact: PaperRecorded) -> dict[str, Any]:
    return {
        "decision": fact.kind.value,
        "kept": _kept(fact.kept),
        "paper": fact.paper,
        "signed_at": _text(fact.signed_at),
    }


def _request_payload(fact: Request) -> dict[str, Any]:
    return {
        **_scope(fact.asked),
        "granular": fact.granular,
        "holders": _holders(fact.holders),
        "lapses_at": _text(fact.lapses_at),
        "newcomer_days": fact.newcomer_days,
        "purpose": fact.purpose,
        "renews": fact.renews,
        "signer_rule": fact.signer_rule.value,
        "terms_sha256": fact.terms_sha256,
        "validity": {"days": fact.validity.days, "months": fact.validity.months},
        **_present_ones(as_of=_day(fact.as_of)),
    }


def read_fact(record: FactRecord, birth_date: date | None) -> Fact:
    """The fact a record holds. Raises Unreadable for anything this code does not know."""
    try:
        return _read(record, birth_date)
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"fact {record.seq} of kind {record.kind} cannot be read") from error


def _read(record: FactRecord, birth_date: date | None) -> Fact:
    if record.kind == "custody_change":
        return _read_custody_change(record)
    consent = _present(record.consent)
    match record.kind:
        case "request":
            return _read_request(record, consent, _present(birth_date))
        case "grant" | "decline" | "withdraw" | "lift":
            return _read_act(record, consent)
        case "link_issued":
            return LinkIssued(record.seq, record.at, consent, _present(record.person))
        case "paper_recorded":
            return _read_paper(record, consent)
        case "exemption_recorded":
            return _read_exemption(record, consent)
    return _read_step(record, consent)


def _read_exemption(record: FactRecord, consent: str) -> ExemptionRecorded:
    payload = record.payload
    ends, reason = payload["ends_at"], payload.get("reason")
    return ExemptionRecorded(
        seq=record.seq,
        at=record.at,
        exemption=payload["exemption"],
        consent=consent,
        person=_present(record.person),
        ends_at=None if ends is None else _instant(ends),
        reason=None if reason is None else ExemptionReason(reason),
    )


def _read_step(record: FactRecord, consent: str) -> Fact:
    seq, at, payload = record.seq, record.at, record.payload
    match record.kind:
        case "paper_rejected":
            return PaperRejected(seq, at, payload["paper"], consent)
        case "exemption_confirmed":
            return ExemptionConfirmed(seq, at, payload["exemption"], consent)
        case "exemption_revoked":
            return ExemptionRevoked(seq, at, payload["exemption"], consent)
        case "cancellation":
            reason = payload.get("reason")
            why = None if reason is None else CancellationReason(reason)
            return Cancellation(seq, at, consent, why)
        case "reconfirmation_recorded":
            return ReconfirmationRecorded(seq, at, payload["reconfirmation"], consent)
        case "reconfirmation_confirmed":
            return ReconfirmationConfirmed(seq, at, payload["reconfirmation"], consent)
    raise ValueError("unknown kind")


def _read_custody_change(record: FactRecord) -> CustodyChange:
    payload = record.payload
    return CustodyChange(
        seq=record.seq,
        at=record.at,
        controller=record.controller,
        holders=_read_holders(payload["holders"]),
        effective_from=_instant(payload["effective_from"]),
        id=payload["change"],
        corrects=payload.get("corrects"),
        as_of=_read_day(payload.get("as_of")),
    )


def _read_act(record: FactRecord, consent: str) -> Act:
    payload, kind = record.payload, ActKind(record.kind)
    given_at = _instant(payload["given_at"])
    if given_at > record.at:
        raise ValueError("nothing is given after it was recorded")
    paper = payload.get("paper")
    # A paper from before that member was kept is its controller's word, as every paper is.
    attested_by = payload.get("attested_by", record.controller if paper else None)
    return Act(
        seq=record.seq,
        at=record.at,
        consent=consent,
        person=_present(record.person),
        kind=kind,
        kept=_read_kept(payload["kept"], kind),
        given_at=given_at,
        paper=paper,
        attested_by=attested_by,
    )


def _read_paper(record: FactRecord, consent: str) -> PaperRecorded:
    payload = record.payload
    kind = ActKind(payload["decision"])
    return PaperRecorded(
        seq=record.seq,
        at=record.at,
        paper=payload["paper"],
        consent=consent,
        person=_present(record.person),
        kind=kind,
        kept=_read_kept(payload["kept"], kind),
        signed_at=_instant(payload["signed_at"]),
    )


def _read_request(record: FactRecord, consent: str, birth_date: date) -> Request:
    payload = record.payload
    return Request(
        seq=record.seq,
        at=record.at,
        consent=consent,
        controller=record.controller,
        child=record.child,
        birth_date=birth_date,
        holders=_read_holders(payload["holders"]),
        purpose=payload["purpose"],
        asked=_read_scope(payload),
        signer_rule=SignerRule(payload["signer_rule"]),
        validity=Validity(payload["validity"]["months"], payload["validity"]["days"]),
        granular=payload["granular"],
        lapses_at=_instant(payload["lapses_at"]),
        renews=payload["renews"],
        terms_sha256=payload["terms_sha256"],
        as_of=_read_day(payload.get("as_of")),
        newcomer_days=payload["newcomer_days"],
    )


def _present(value: T | None) -> T:
    if value is None:
        raise ValueError("a member is missing")
    return value


def _scope(scope: Scope) -> dict[str, Any]:
    return {"categories": sorted(scope.categories), "parties": sorted(scope.parties)}


def _kept(scope: Scope | None) -> dict[str, Any] | None:
    return None if scope is None else _scope(scope)


def _read_kept(payload: Mapping[str, Any] | None, kind: ActKind) -> Scope | None:
    if (kind is ActKind.GRANT) != (payload is not None):
        raise ValueError("a grant, and only a grant, keeps a scope")
    return None if payload is None else _read_scope(payload)


def _read_scope(payload: Mapping[str, Any]) -> Scope:
    return Scope(frozenset(payload["parties"]), frozenset(payload["categories"]))


def _holders(holders: tuple[Holder, ...]) -> list[dict[str, str]]:
    return [{"person": holder.person, "role": holder.role.value} for holder in holders]


def _read_holders(payload: list[dict[str, str]]) -> tuple[Holder, ...]:
    return tuple(Holder(item["person"], Role(item["role"])) for item in payload)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _read_day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
