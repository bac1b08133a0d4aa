"""What a signer does in one world, through the services that the signing page uses."""

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.disclosures.objections import own_denials, stands_whole
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import ActKind, Scope
from consent_service.errors import ConsentServiceError
from consent_service.services.children.acts import begin_act
from consent_service.services.consents.find_consent import child_of
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.signatures.identity import Identity
from consent_service.services.signatures.sign import (
    ShownText,
    check_standing,
    evidence_of_login,
    grant,
    kept_scope,
    lift,
    refuse,
)
from consent_service.services.units import UnitOfWork
from tests.secrecy.worlds import World

NOTHING = Scope(frozenset(), frozenset())


def is_offered(world: World, consent: str, cpr: str, decision: str) -> bool:
    """Whether the signer's page offers it: a lift where a no of theirs stands, no second no."""
    with world.service.parts.units.reading() as uow:
        found = _signatory(uow, world.known.get(consent, ""), cpr)
        if found is None or decision == "grant":
            return found is not None
        file, signatory = found
        history = uow.children.snapshot(file.child).history
        if decision == "lift":
            return bool(own_denials(history, history.request(file.id), signatory.person))
        latest = latest_answers(history, file.id).get(signatory.person)
        return latest is None or latest.kind is ActKind.GRANT or not stands_whole(history, latest)


def by_login(world: World, consent: str, cpr: str, decision: str, left_out: Scope = NOTHING) -> str:
    """A signer's act with a fresh login; what came of it."""
    context = world.service.parts.context
    with world.service.parts.units.writing() as uow:
        found = _signatory(uow, world.known.get(consent, ""), cpr)
        if found is None:
            return "no signatory"
        file, signatory = found
        act = begin_act(uow, context, child_of(uow, file))
        request = act.history.request(file.id)
        identity = Identity(
            issuer="https://broker.example",
            subject=f"subject of {cpr[:6]}",
            loa="substantial",
            authenticated_at=act.now,
            cpr=CprNumber(cpr),
            id_token="header.payload.signature",
        )
        evidence = evidence_of_login(identity, ShownText("da", "Teksten"))
        try:
            check_standing(act, request, signatory)
            kept = kept_scope(request, left_out)
            if decision == "lift":
                is_new = lift(uow, context, act, file, signatory, evidence)
            elif decision == "grant" and kept is not None:
                is_new = grant(uow, context, act, file, signatory, kept, evidence)
            else:
                is_new = refuse(uow, context, act, file, signatory, evidence)
        except ConsentServiceError as refused:
            return refused.code
        uow.commit()
        return "recorded" if is_new else "stands already"


def _signatory(uow: UnitOfWork, consent: str, cpr: str) -> tuple[ConsentFile, Signatory] | None:
    for signatory in uow.consents.signatories(consent):
        file = uow.consents.of_signatory(signatory)
        if file is not None:
            details = uow.children.details(file.controller, [signatory.person])
            if details[signatory.person].cpr.value == cpr:
                return file, signatory
    return None
