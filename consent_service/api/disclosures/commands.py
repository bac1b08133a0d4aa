"""From loaded bodies to the commands of the disclosures."""

from consent_service.api.http.commands import Loaded, employee
from consent_service.errors import InvalidInput
from consent_service.services.disclosures.question import Disclosure, LegalBasis, Question


def question(body: Loaded) -> Question:
    """What would pass, about whom and from whom to whom."""
    return Question(
        cpr=body["child"]["cpr"],
        sender=body["sender"],
        recipient=body["recipient"],
        purpose=body["purpose"],
        categories=tuple(dict.fromkeys(body["categories"])),
    )


def legal_basis(body: Loaded) -> LegalBasis:
    """By what right. Raises InvalidInput: another basis than consent is justified."""
    basis = body["legal_basis"]
    stated = [name for name in ("provision", "justification") if name in basis]
    if basis["type"] == "consent" and len(basis) > 1:
        raise InvalidInput.field("/legal_basis", "Consent stands alone, without more members.")
    if basis["type"] != "consent" and len(stated) < 2:
        detail = "Another basis than consent names its provision and a justification."
        raise InvalidInput.field("/legal_basis", detail)
    visibility = basis.get("family_visibility", {})
    return LegalBasis(
        type=basis["type"],
        provision=basis.get("provision"),
        justification=basis.get("justification"),
        visible_from=visibility.get("visible_from"),
        postponed_because=visibility.get("reason"),
    )


def disclosure(body: Loaded) -> Disclosure:
    """A disclosure about to be made."""
    return Disclosure(
        question(body), legal_basis(body), body["channel"], body["document"], employee(body)
    )
