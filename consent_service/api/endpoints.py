"""Every declared endpoint of the interface, in the order of the document."""

from consent_service.api.access import clients
from consent_service.api.catalogue import organisations
from consent_service.api.consents import (
    consents,
    custody_changes,
    exemptions,
    reconfirmations,
    work,
)
from consent_service.api.disclosures import disclosures
from consent_service.api.http.endpoint import Endpoint
from consent_service.api.log import entries
from consent_service.api.rights import subject_export
from consent_service.api.signatures import papers, receipts, withdrawals

ENDPOINTS: list[Endpoint] = [
    *organisations.ENDPOINTS,
    *clients.ENDPOINTS,
    *consents.ENDPOINTS,
    *withdrawals.ENDPOINTS,
    *receipts.ENDPOINTS,
    *custody_changes.ENDPOINTS,
    *exemptions.ENDPOINTS,
    *reconfirmations.ENDPOINTS,
    *work.ENDPOINTS,
    *papers.ENDPOINTS,
    *disclosures.ENDPOINTS,
    *entries.ENDPOINTS,
    *subject_export.ENDPOINTS,
]
