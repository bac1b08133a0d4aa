"""Receipts: terms, sealed statements and their log evidence, to verify offline for years."""

from collections.abc import Iterable
from typing import Any

from consent_service.audit.receipt_document import (
    LogEvidence,
    PersonOpening,
    Receipt,
    SealedAct,
    ShownText,
)
from consent_service.services.consents.consent_event import consent_viewed
from consent_service.services.consents.find_consent import child_of, known_consent
from consent_service.services.consents.model import ConsentFile
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller
from consent_service.services.signatures.model import FiledStatement
from consent_service.services.signatures.ports import SignaturesUnit


def party_receipt(
    uow: SignaturesUnit, context: Context, caller: Caller, consent: str
) -> dict[str, Any]:
    """The receipt for an organisation: every statement, no signer's number. Raises NotFound."""
    file, _, _ = known_consent(uow, context, caller, consent)
    event = consent_viewed(caller, file, child_of(uow, file), "receipt")
    context.journal.write(uow, event, context.clock())
    return _receipt(uow, file, uow.statements.of_consent(consent), with_opening=False)


def signer_receipt(uow: SignaturesUnit, file: ConsentFile, signatory: str) -> dict[str, Any] | None:
    """The receipt for a signer: their own statements, with what proves they are theirs.

    None before they have made any.
    """
    own = [s for s in uow.statements.of_consent(file.id) if s.signatory == signatory]
    return _receipt(uow, file, own, with_opening=True) if own else None


def _receipt(
    uow: SignaturesUnit,
    file: ConsentFile,
    statements: Iterable[FiledStatement],
    *,
    with_opening: bool,
) -> dict[str, Any]:
    checkpoint = uow.tree.checkpoint()
    acts = tuple(_sealed_act(uow, file, filed, with_opening=with_opening) for filed in statements)
    if not acts:
        return {"v": 1, "terms": Receipt(file.terms, (), None).to_json()["terms"], "statements": []}
    return Receipt(file.terms, acts, checkpoint).to_json()


def _sealed_act(
    uow: SignaturesUnit, file: ConsentFile, filed: FiledStatement, *, with_opening: bool
) -> SealedAct:
    entry = uow.log.opened(filed.entry, file.controller)
    shown, opening = filed.evidence["shown"], filed.evidence["opening"]
    return SealedAct(
        seal=filed.seal,
        log=LogEvidence(
            header=entry.header,
            body=entry.body_bytes,
            salt=entry.salt,
            promise=entry.promise,
            proof=uow.tree.inclusion(filed.entry),
        ),
        shown=ShownText(shown["language"], shown["text"]) if shown else None,
        opening=(
            PersonOpening(bytes.fromhex(opening["salt"]), opening["cpr"]) if with_opening else None
        ),
    )
