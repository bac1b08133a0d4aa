"""A signer's act: grant, decline or withdraw, sealed, logged and effective at once (R2-R4)."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_service.audit.receipt import SEAL_TYPES
from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.signers import may_act
from consent_service.domain.consents.state import ConsentState, role_of, state_at
from consent_service.domain.disclosures.objections import own_denials, stands_whole
from consent_service.domain.kernel.facts import Act, ActKind, Request, Scope
from consent_service.errors import Conflict, InvalidInput, NotFound
from consent_service.services.children.acts import ActInProgress, record
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.signatures.identity import Identity
from consent_service.services.signatures.model import FiledStatement
from consent_service.services.signatures.ports import SignaturesUnit
from consent_service.signing.seal import seal_statement
from consent_service.signing.statement import (
    SALT_BYTES,
    Decision,
    IdentityEvidence,
    Statement,
    person_commitment,
)
from consent_service.signing.statement import Scope as StatedScope


@dataclass(frozen=True)
class ShownText:
    """The text a signer had before them: its language and its exact words."""

    language: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """What stands behind a statement; `kept` goes, encrypted, into the evidence file.

    `attested_by` is the organisation on whose word it rests; None: the signer's own login (R5b).
    """

    identity: IdentityEvidence
    shown: ShownText | None
    kept: Mapping[str, Any]
    attested_by: str | None = None


def evidence_of_login(identity: Identity, shown: ShownText) -> Evidence:
    """The evidence of an act through the signing page."""
    proof = IdentityEvidence(
        issuer=identity.issuer,
        subject=identity.subject,
        loa=identity.loa,
        time=identity.authenticated_at,
        id_token_sha256=hashlib.sha256(identity.id_token.encode()).hexdigest(),
    )
    kept = {**identity.evidence, "id_token": identity.id_token}
    if identity.approved_text is not None:
        kept["approved_text"] = identity.approved_text
    return Evidence(proof, shown, kept)


def check_standing(act: ActInProgress, request: Request, signatory: Signatory) -> None:
    """Raise NotFound unless the signatory has a say now, or had one just before (R1, R2, R10)."""
    if signatory.person not in may_act(act.history, request, act.now):
        raise NotFound("This person has no part in the consent now.")


def kept_scope(request: Request, left_out: Scope) -> Scope | None:
    """What a grant keeps, or None where so much is left out that it is a decline (R5).

    Raises InvalidInput when the template does not allow leaving anything out.
    """
    if (left_out.parties or left_out.categories) and not request.granular:
        raise InvalidInput.field("/scope", "This consent is given whole or not at all.")
    kept = Scope(
        request.asked.parties - left_out.parties, request.asked.categories - left_out.categories
    )
    return None if kept.is_empty or request.controller not in kept.parties else kept


def refusal_kind(state: ConsentState, latest: Act | None, now: datetime) -> ActKind:
    """What saying no is: a withdrawal of what one had granted and was in force, else a decline.

    That is R4. At the very instant at which it completes it is a withdrawal whoever says it (R2),
    and a withdrawal said once more is one again.
    """
    if state.complete_at is None:
        return ActKind.DECLINE
    granted = latest is not None and latest.kind is not ActKind.DECLINE
    return ActKind.WITHDRAW if granted or state.complete_at == now else ActKind.DECLINE


def grant(
    uow: SignaturesUnit,
    context: Context,
    act: ActInProgress,
    file: ConsentFile,
    signatory: Signatory,
    kept: Scope,
    evidence: Evidence,
) -> bool:
    """Record a grant. False, and nothing recorded, when this signer's grant stands already.

    Raises Conflict when the consent is final: lapsed, expired, withdrawn and so on.
    """
    latest = latest_act(act, file.id, signatory.person)
    if latest is not None and latest.kind is ActKind.GRANT:
        return False
    if not state_at(act.history, file.id, act.now).is_live:
        raise Conflict("consent_not_live", "This consent can no longer be given.")
    _record_act(uow, context, act, file, signatory, ActKind.GRANT, kept, evidence)
    return True


def refuse(
    uow: SignaturesUnit,
    context: Context,
    act: ActInProgress,
    file: ConsentFile,
    signatory: Signatory,
    evidence: Evidence,
) -> bool:
    """Record a decline or a withdrawal, at any time. False when the signer's no stands already.

    It does not where the signer has granted some of it since under another consent: then this
    is a new no, and stops that one too (R5). What an organisation attests is recorded each time:
    it must not learn whether its signer has said yes to another one (R5f). A no of whoever has no
    say now, as of a holder of before or to come, ends nothing: it is a decline, which counts when
    its signer has a say (R4).
    """
    latest = latest_act(act, file.id, signatory.person)
    if (
        evidence.attested_by is None
        and latest is not None
        and latest.kind is not ActKind.GRANT
        and stands_whole(act.history, latest)
    ):
        return False
    kind = ActKind.DECLINE
    if signatory.person in may_act(act.history, act.history.request(file.id), act.now):
        kind = refusal_kind(state_at(act.history, file.id, act.now), latest, act.now)
    _record_act(uow, context, act, file, signatory, kind, None, evidence)
    return True


def lift(
    uow: SignaturesUnit,
    context: Context,
    act: ActInProgress,
    file: ConsentFile,
    signatory: Signatory,
    evidence: Evidence,
) -> bool:
    """Take back a signer's own no within what this request asks, ended or not; grants nothing.

    False, and nothing recorded, where none stands that this would clear: what an organisation
    attests clears what was said under its own requests, before the day of the paper (R5b, R5c).
    What its signer has said to another one does not count there (R5f).
    """
    request, person = act.history.request(file.id), signatory.person
    if evidence.attested_by is None:
        stands = bool(own_denials(act.history, request, person))
    else:
        told_here = own_denials(act.history.under(file.controller), request, person)
        stands = any(denial.act.at < evidence.identity.time for denial in told_here)
    if not stands:
        return False
    _record_act(uow, context, act, file, signatory, ActKind.LIFT, None, evidence)
    return True


def latest_act(act: ActInProgress, consent: str, person: str) -> Act | None:
    """This person's latest answer to this consent; None where a no of theirs was lifted."""
    return latest_answers(act.history, consent).get(person)


def _record_act(
    uow: SignaturesUnit,
    context: Context,
    act: ActInProgress,
    file: ConsentFile,
    signatory: Signatory,
    kind: ActKind,
    kept: Scope | None,
    evidence: Evidence,
) -> None:
    request = act.history.request(file.id)
    paper = evidence.identity.paper
    given_at = evidence.identity.time if paper else act.now
    fact = Act(
        act.seq,
        act.now,
        file.id,
        signatory.person,
        kind,
        kept,
        given_at,
        paper.id if paper else None,
        evidence.attested_by,
    )
    details = uow.children.details(file.controller, [signatory.person])[signatory.person]
    salt = os.urandom(SALT_BYTES)
    shown = evidence.shown
    decision: Decision = kind.value
    statement = Statement(
        terms_sha256=file.terms_sha256,
        consent=file.id,
        signatory=signatory.id,
        role=role_of(act.history, request, fact).value,
        person_commitment=person_commitment(salt, details.cpr.value),
        decision=decision,
        scope=_stated(kept),
        language=shown.language if shown else None,
        text_sha256=hashlib.sha256(shown.text.encode()).hexdigest() if shown else None,
        time=act.now,
        identity=evidence.identity,
    )
    content = statement.to_bytes()
    digest = hashlib.sha256(content).hexdigest()
    event = Event(
        SEAL_TYPES[decision],
        file.controller,
        file.controller,
        child=act.child,
        consent=file.id,
        details={"signatory": signatory.id, "statement_sha256": digest},
    )
    prepared = record(uow, context, act, fact, event)
    filed = FiledStatement(
        sha256=digest,
        consent=file.id,
        signatory=signatory.id,
        entry=prepared.entry.id,
        seal=seal_statement(content, context.seal_key),
        evidence={
            **evidence.kept,
            "opening": {"salt": salt.hex(), "cpr": details.cpr.value},
            "shown": {"language": shown.language, "text": shown.text} if shown else None,
        },
    )
    uow.statements.add(file.child, file.controller, filed)


def _stated(kept: Scope | None) -> StatedScope | None:
    if kept is None:
        return None
    return StatedScope(tuple(sorted(kept.parties)), tuple(sorted(kept.categories)))
