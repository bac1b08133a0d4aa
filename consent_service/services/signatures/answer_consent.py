"""A signer's answer through the page: a yes, a no, or a no taken back, each from its login."""

from dataclasses import dataclass, replace

from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.facts import ActKind, Scope
from consent_service.services.children.acts import ActInProgress, begin_act
from consent_service.services.consents.find_consent import child_of
from consent_service.services.consents.model import Link
from consent_service.services.kernel.context import Context
from consent_service.services.signatures.approval import Answer, approval_text, check_approved
from consent_service.services.signatures.identity import Identity, check_login
from consent_service.services.signatures.ports import SignaturesUnit
from consent_service.services.signatures.sign import (
    ShownText,
    check_standing,
    evidence_of_login,
    grant,
    kept_scope,
    latest_act,
    lift,
    refusal_kind,
    refuse,
)
from consent_service.services.signatures.signing_page import Signer, refusal_of, signer_of


def answer_text(
    signer: Signer, language: str, left_out: Scope | None, *, lifts: bool = False
) -> str:
    """The text to approve: for a grant with what is left out, a refusal (None), or a lift."""
    answer: Answer
    if lifts:
        answer = "lift"
    elif left_out is None or kept_scope(signer.request, left_out) is None:
        answer = "withdraw" if refusal_of(signer) is ActKind.WITHDRAW else "decline"
    else:
        answer = "part" if left_out.parties or left_out.categories else "grant"
    return approval_text(signer.terms.controller.name, answer, signer.file.terms_sha256, language)


@dataclass(frozen=True)
class Answered:
    """What the signer's answer is now; not `is_new`: it stood already, nothing was recorded.

    `is_same`: the grant that stood keeps just what this one would keep, as after a double click.
    """

    kind: ActKind
    is_new: bool
    is_same: bool = False


def sign_grant(
    uow: SignaturesUnit,
    context: Context,
    link: Link,
    identity: Identity,
    language: str,
    left_out: Scope,
) -> Answered:
    """Grant, with what is left out; leaving out too much is a decline (R5).

    A grant that stands is not changed by this, least of all into a withdrawal: that is what
    `sign_refusal` is for. Raises LinkUnknown, and Conflict for a login that is stale, another
    person's, too weakly assured or for something else, and for an ended consent.
    """
    signer, act = _begin(uow, context, link, identity, language, left_out)
    latest = latest_act(act, signer.file.id, signer.signatory.person)
    kept = kept_scope(act.history.request(signer.file.id), left_out)
    if latest is not None and latest.kind is ActKind.GRANT:
        return Answered(ActKind.GRANT, is_new=False, is_same=latest.kept == kept)
    evidence = evidence_of_login(identity, _shown(signer, language))
    if kept is not None:
        is_new = grant(uow, context, act, signer.file, signer.signatory, kept, evidence)
        return Answered(ActKind.GRANT, is_new)
    kind = refusal_kind(state_at(act.history, signer.file.id, act.now), latest, act.now)
    is_new = refuse(uow, context, act, signer.file, signer.signatory, evidence)
    return Answered(kind if is_new or latest is None else latest.kind, is_new)


def sign_refusal(
    uow: SignaturesUnit, context: Context, link: Link, identity: Identity, language: str
) -> None:
    """Decline or withdraw, whichever it is by now. Raises as `sign_grant` does."""
    signer, act = _begin(uow, context, link, identity, language, None)
    evidence = evidence_of_login(identity, _shown(signer, language))
    refuse(uow, context, act, signer.file, signer.signatory, evidence)


def sign_lift(
    uow: SignaturesUnit, context: Context, link: Link, identity: Identity, language: str
) -> None:
    """Take the signer's own no back, under any controller's requests (R5c); grants nothing.

    Also on a request that has ended. Where no no of theirs stands, nothing is recorded, as after a
    double click. Raises LinkUnknown, and Conflict for the login, as `sign_grant` does.
    """
    signer, act = _begin(uow, context, link, identity, language, None, lifts=True)
    evidence = evidence_of_login(identity, _shown(signer, language))
    lift(uow, context, act, signer.file, signer.signatory, evidence)


def _begin(
    uow: SignaturesUnit,
    context: Context,
    link: Link,
    identity: Identity,
    language: str,
    left_out: Scope | None,
    *,
    lifts: bool = False,
) -> tuple[Signer, ActInProgress]:
    signer = signer_of(uow, context, link)
    act = begin_act(uow, context, child_of(uow, signer.file))
    check_standing(act, act.history.request(signer.file.id), signer.signatory)
    check_login(identity, signer.details.cpr, act.now, signer.template.minimum_assurance)
    # What is approved must still be what it comes to, now that the child's row is held.
    held = replace(signer, history=act.history, now=act.now)
    expected = answer_text(held, language, left_out, lifts=lifts)
    check_approved(identity, signer.template, expected, signer.file.terms_sha256)
    return signer, act


def _shown(signer: Signer, language: str) -> ShownText:
    return ShownText(language, signer.text(language).as_text())
