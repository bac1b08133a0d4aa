"""From loaded bodies to the commands of the consents."""

from consent_service.api.http.commands import Loaded, employee
from consent_service.services.children.family import CustodyFacts, NamedPerson
from consent_service.services.consents.request_consent import ConsentRequest


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
