"""What a family's page needs: follow a link, know who is signing, show, sign, withdraw.

A link that is wrong, replaced or of somebody who lost their standing raises the same
`LinkUnknown`: nobody learns which it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.signers import (
    may_act,
    required_signers,
    signers_with_a_say,
)
from consent_service.domain.consents.state import (
    ConsentState,
    ReasonCode,
    Status,
    answer_until,
    state_at,
)
from consent_service.domain.disclosures.objections import (
    own_denials,
    requests_stopped_by_declining,
    stands_whole,
)
from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import Act, ActKind, History, Request, Role, Scope
from consent_service.errors import NotFound
from consent_service.services.catalogue.model import Organisation, TemplateVersion
from consent_service.services.children.acts import moment_after
from consent_service.services.children.model import PersonDetails
from consent_service.services.consents.find_consent import child_of
from consent_service.services.consents.model import LINK_OPENED, ConsentFile, Link, Signatory
from consent_service.services.insight.insight import (
    Insight,
    SharedPage,
    family_disclosures,
    insight_of,
)
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.signatures.consent_text import ConsentText, consent_text
from consent_service.services.signatures.identity import Identity, check_login
from consent_service.services.signatures.own_objection import own_objection_stands
from consent_service.services.signatures.ports import SignaturesUnit
from consent_service.services.signatures.receipts import signer_receipt
from consent_service.services.signatures.sign import refusal_kind
from consent_service.signing.terms import Terms

_TICK = timedelta(microseconds=1)


class LinkUnknown(NotFound):
    """The link leads nowhere: wrong, replaced, or its holder has no part any more."""


@dataclass(frozen=True)
class Signer:
    """Who followed a link, and to what."""

    file: ConsentFile
    signatory: Signatory
    details: PersonDetails
    controller: Organisation
    template: TemplateVersion
    history: History
    request: Request
    now: datetime

    @property
    def terms(self) -> Terms:
        """What is asked."""
        return Terms.from_bytes(self.file.terms)

    def text(self, language: str) -> ConsentText:
        """The full text in one of the template's languages."""
        return consent_text(self.terms, self.template.content, language)


def follow_token(uow: SignaturesUnit, context: Context, token: str, secret: str) -> None:
    """Begin a session (named by a fresh secret) for the holder of a link. Raises LinkUnknown.

    Opening a link proves nothing and changes nothing else: mail scanners open links too.
    """
    link = uow.links.find(token)
    signer = _signer(uow, context, link)
    if link is None:
        raise LinkUnknown
    uow.signing_sessions.begin(
        secret, link, signer.file.controller, signer.file.child, context.clock()
    )


def signer_of(uow: SignaturesUnit, context: Context, link: Link) -> Signer:
    """The signer behind a session's link, as of now. Raises LinkUnknown."""
    return _signer(uow, context, link)


def _signer(uow: SignaturesUnit, context: Context, link: Link | None) -> Signer:
    if link is None or link.replaced_at is not None:
        raise LinkUnknown
    signatory = uow.consents.signatory(link.signatory)
    file = uow.consents.of_signatory(signatory) if signatory else None
    if signatory is None or file is None:
        raise LinkUnknown
    history = uow.children.snapshot(file.child).history
    request = history.request(file.id)
    now = moment_after(history, context.clock())
    if signatory.person not in may_act(history, request, now):
        raise LinkUnknown
    details = uow.children.details(file.controller, [signatory.person])
    controller = uow.catalogue.organisation(file.controller)
    template = uow.catalogue.template(file.controller, file.template, file.template_version)
    if controller is None or template is None:
        raise LinkUnknown
    return Signer(
        file, signatory, details[signatory.person], controller, template, history, request, now
    )


def note_login_begun(uow: SignaturesUnit, context: Context, signer: Signer, link: Link) -> None:
    """The holder pressed on: the link counts as opened, since the first entry that says so."""
    uow.links.mark_opened(link, signer.now)
    details = {"signatory": signer.signatory.id, "link": link.token_hash.hex()}
    _write(uow, context, signer, LINK_OPENED, details, signer.now)


def note_login(uow: SignaturesUnit, context: Context, signer: Signer, identity: Identity) -> None:
    """Log who logged in, by level of assurance. Raises Conflict for anybody but the invited."""
    check_login(identity, signer.details.cpr, context.clock(), signer.template.minimum_assurance)
    details = {"signatory": signer.signatory.id, "loa": identity.loa, "issuer": identity.issuer}
    _write(uow, context, signer, "signer_identified", details)


def note_login_refused(uow: SignaturesUnit, context: Context, signer: Signer, code: str) -> None:
    """Log that a login was refused, and why by its code."""
    details = {"signatory": signer.signatory.id, "reason": code}
    _write(uow, context, signer, "login_refused", details)


def _write(
    uow: SignaturesUnit,
    context: Context,
    signer: Signer,
    type_: str,
    details: Mapping[str, Any],
    at: datetime | None = None,
) -> None:
    event = Event(
        type_,
        signer.file.controller,
        signer.file.controller,
        child=child_of(uow, signer.file),
        consent=signer.file.id,
        details=details,
    )
    context.journal.write(uow, event, at or context.clock())


@dataclass(frozen=True)
class OtherSigner:
    """Somebody else who must sign: in what role, and by name unless that is protected (R11)."""

    role: Role
    name: str | None


@dataclass(frozen=True)
class ConsentPage:
    """What one signer sees: their own act, whether it is complete, and what was shared (R11).

    `own` is the signer's latest act, `own_at` when it was made, `own_kept` what a grant keeps,
    `own_signed_on` the day of a paper it was made on, `own_recorded_by` who attests it in the
    signer's name; `has_acted` whether they ever did anything here, `has_lifted` whether they took
    a no back last. `can_lift`: a no of their own stands within what is asked, wherever it was
    said; `noes_recorded_by` are those who attest such a no. Both name organisations as
    `Insight.places` does.
    `last_day` is the last one on which a no can be changed (R9), None for one who need not sign;
    `answer_by` the last one to answer: another than the others' for whoever must sign later. It
    is None where there is none, and `is_too_late` where it is over: then a no is final at once.
    `refusal` is what saying no would be. `stops_older` tells that declining also stops an older
    consent (R5), `may_stop_another` that taking a yes back may. `objects` tells that a no of
    their own elsewhere stops part of this one. `shared` are the newest disclosures that they may
    see.
    """

    status: Status
    is_complete: bool
    is_live: bool
    own: ActKind | None
    own_at: datetime | None
    own_kept: Scope | None
    own_signed_on: date | None
    own_recorded_by: str | None
    has_acted: bool
    has_lifted: bool
    is_required: bool
    can_grant: bool
    can_refuse: bool
    can_lift: bool
    noes_recorded_by: Sequence[str]
    was_in_force: bool
    answer_by: date | None
    last_day: date | None
    is_too_late: bool
    refusal: ActKind
    stops_older: bool
    may_stop_another: bool
    effective_scope: Scope | None
    objects: bool
    expires_at: datetime | None
    lapses_at: datetime
    others: Sequence[OtherSigner]
    shared: SharedPage


def consent_page(uow: SignaturesUnit, context: Context, signer: Signer) -> ConsentPage:
    """The page of an identified signer; looking is logged."""
    state = state_at(signer.history, signer.file.id, signer.now)
    latest = _latest_of(signer)
    own = latest.kind if latest else None
    required = required_signers(signer.history, signer.request, signer.now)
    scope, person = state.effective_scope, signer.signatory.person
    insight = insight_of(uow, signer.history, signer.file.child, person, signer.now)
    denials = [one.act for one in own_denials(signer.history, signer.request, person)]
    until = answer_until(signer.history, signer.file.id, person, signer.now)
    last_day = None if until is None else local_date(until - _TICK)
    was_in_force = state.complete_at is not None
    _write(uow, context, signer, "personal_data_viewed", {"view": "family"})
    return ConsentPage(
        status=as_shown(state, own, person),
        is_complete=state.status is Status.IN_FORCE,
        is_live=state.is_live,
        own=own,
        own_at=latest.at if latest else None,
        own_kept=latest.kept if latest else None,
        own_signed_on=local_date(latest.given_at) if latest and latest.paper else None,
        own_recorded_by=next(iter(_recorded_by(insight, [latest] if latest else [])), None),
        has_acted=bool(_own_acts(signer)),
        has_lifted=_has_lifted(signer),
        is_required=person in required,
        can_grant=state.is_live and own is not ActKind.GRANT,
        can_refuse=_can_refuse(signer, state, latest),
        can_lift=bool(denials),
        noes_recorded_by=_recorded_by(insight, denials),
        was_in_force=was_in_force,
        answer_by=last_day if was_in_force else signer.file.deadline,
        last_day=last_day,
        is_too_late=until is not None and until <= signer.now,
        refusal=refusal_kind(state, latest, signer.now),
        stops_older=stops_older(signer),
        may_stop_another=_may_stop_another(signer, state),
        effective_scope=scope,
        objects=scope is not None
        and own_objection_stands(signer.history, signer.request, scope, person, signer.now),
        expires_at=state.expires_at,
        lapses_at=signer.request.lapses_at,
        others=_others(uow, signer, required, insight),
        shared=family_disclosures(uow, insight, signer.now),
    )


def older_disclosures(
    uow: SignaturesUnit, context: Context, signer: Signer, before: str
) -> SharedPage:
    """What was shared before an entry, for an identified signer; looking is logged."""
    _write(uow, context, signer, "personal_data_viewed", {"view": "family"})
    person = signer.signatory.person
    insight = insight_of(uow, signer.history, signer.file.child, person, signer.now)
    return family_disclosures(uow, insight, signer.now, before)


def _can_refuse(signer: Signer, state: ConsentState, latest: Act | None) -> bool:
    """Whether the page offers to take a yes back, one given elsewhere too where a no was here (R5).

    What is asked for the first time has its no beside its yes. A no that was taken back can be
    said again, also when the request has ended.
    """
    if latest is None:
        return state.is_live or _has_lifted(signer)
    if latest.kind is ActKind.GRANT:
        return True
    return not stands_whole(signer.history, latest)


def _has_lifted(signer: Signer) -> bool:
    """Whether the last thing this signer did here was to take a no back."""
    return any(act.kind is ActKind.LIFT for act in _own_acts(signer)[-1:])


def _own_acts(signer: Signer) -> list[Act]:
    person = signer.signatory.person
    return [act for act in signer.history.acts(signer.file.id) if act.person == person]


def _recorded_by(insight: Insight, acts: Iterable[Act]) -> tuple[str, ...]:
    """Who recorded acts in their signer's name, as this person may read it (R5c, R11)."""
    attesting = {act.attested_by for act in acts if act.attested_by is not None}
    return tuple(sorted({place for one in attesting for place in insight.places(one)}))


def _latest_of(signer: Signer) -> Act | None:
    return latest_answers(signer.history, signer.file.id).get(signer.signatory.person)


def as_shown(state: ConsentState, own: ActKind | None, person: str) -> Status:
    """While incomplete, nobody learns whether another refused or is silent (R11).

    What a signer's own no ended stays ended for them when they have taken it back (R5c).
    """
    ended_it = any(
        (reason.code, reason.person) == (ReasonCode.DECLINED, person) for reason in state.reasons
    )
    if state.status is Status.DECLINED and own is not ActKind.DECLINE and not ended_it:
        if state.complete_at is not None:
            return Status.INCOMPLETE
        return Status.AWAITING_SIGNATURES if state.is_live else Status.LAPSED
    return state.status


def refusal_of(signer: Signer) -> ActKind:
    """What saying no would be by now: a decline or a withdrawal (R4)."""
    state = state_at(signer.history, signer.file.id, signer.now)
    return refusal_kind(state, _latest_of(signer), signer.now)


def stops_older(signer: Signer) -> bool:
    """Whether declining also stops another consent of the signer's that is in force (R5)."""
    return any(
        state_at(signer.history, older.consent, signer.now).status is Status.IN_FORCE
        for older in _stopped_too(signer)
    )


def _may_stop_another(signer: Signer, state: ConsentState) -> bool:
    """Whether taking a yes back may stop another consent too, by what the signer did alone.

    Whether that one is in force depends on the others as well, and the page of a consent in
    force must not tell what they did under another request (R11).
    """
    person = signer.signatory.person
    for other in _stopped_too(signer):
        if other.consent == signer.request.renews and state.complete_at is not None:
            continue  # This one took over from it.
        own = latest_answers(signer.history, other.consent).get(person)
        required = required_signers(signer.history, other, signer.now)
        if own is None and person not in required:
            return True
        if own is not None and own.kind is ActKind.GRANT:
            return True
    return False


def _stopped_too(signer: Signer) -> list[Request]:
    """The requests that a refusal stops as well, of those the signer has a part in.

    Whatever else was asked about the child, by somebody who calls others its holders, is not
    theirs to know of.
    """
    stopped = requests_stopped_by_declining(signer.history, signer.request, signer.now)
    return [
        other
        for other in stopped
        if signer.signatory.person in signers_with_a_say(signer.history, other, signer.now)
    ]


def _others(
    uow: SignaturesUnit, signer: Signer, required: Mapping[str, Role], insight: Insight
) -> list[OtherSigner]:
    others = {p: role for p, role in required.items() if p != signer.signatory.person}
    details = uow.children.details(signer.file.controller, others)
    return [
        OtherSigner(role, None if insight.is_protected(p) else details[p].name)
        for p, role in others.items()
    ]


def own_receipt(uow: SignaturesUnit, context: Context, signer: Signer) -> dict[str, Any] | None:
    """The receipt of an identified signer, None before their first act; taking it is logged."""
    receipt = signer_receipt(uow, signer.file, signer.signatory.id)
    if receipt is not None:
        _write(uow, context, signer, "personal_data_viewed", {"view": "own_receipt"})
    return receipt
