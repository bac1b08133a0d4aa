"""From loaded bodies to the frozen commands that services take."""

from collections.abc import Mapping
from typing import Any

from consent_service.domain.kernel.facts import ActKind
from consent_service.errors import InvalidInput
from consent_service.services.children.family import CustodyFacts, NamedPerson
from consent_service.services.consents.request_consent import ConsentRequest
from consent_service.services.disclosures.question import Disclosure, LegalBasis, Question
from consent_service.services.kernel.model import Employee
from consent_service.services.signatures.sign_on_paper import KeptOnPaper, PaperDraft
from consent_service.signing import base64url

Loaded = Mapping[str, Any]


def employee(body: Loaded) -> Employee:
    """The employee behind the system."""
    named = body["performed_by"]
    return Employee(named["id"], named["name"])


def custody(body: Loaded) -> CustodyFacts:
    """Custody facts as sent."""
    return CustodyFacts(
        source=body["custody"]["source"],
        as_of=body["custody"]["as_of"],
        holders=tuple(NamedPerson(**holder) for holder in body["custody"]["holders"]),
    )


def consent_request(body: Loaded) -> ConsentRequest:
    """A request for consent."""
    return ConsentRequest(
        template=body["template"],
        case_reference=body["case_reference"],
        renews=body["renews"],
        child=NamedPerson(**body["child"]),
        custody=custody(body),
        parties=tuple(body["parties"]),
        categories=tuple(body["categories"]),
        deadline=body["deadline"],
        delivery=body["delivery"],
        performed_by=employee(body),
    )


def paper(body: Loaded) -> PaperDraft:
    """What stands on a paper."""
    scope = body["scope"]
    return PaperDraft(
        signatory=body["signatory"],
        decision=ActKind(body["decision"]),
        scope=scope and KeptOnPaper(tuple(scope["parties"]), tuple(scope["categories"])),
        signed_on=body["signed_on"],
        document_reference=body["document"]["reference"],
        document_sha256=body["document"]["sha256"],
        identity_checked=body["identity_checked"],
        performed_by=employee(body),
    )


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


def encode_cursor(last: str | None) -> str | None:
    """An opaque cursor."""
    return None if last is None else base64url.encode(last.encode())


def decode_cursor(cursor: str | None) -> str | None:
    """The other way. Raises InvalidInput for one we did not make."""
    if cursor is None:
        return None
    try:
        raw = base64url.decode(cursor).decode("ascii")
    except (base64url.NotBase64Url, ValueError):
        raise InvalidInput.field("/cursor", "Not a cursor from an earlier page.") from None
    if not raw.isprintable() or len(raw) > 128:
        raise InvalidInput.field("/cursor", "Not a cursor from an earlier page.")
    return raw
