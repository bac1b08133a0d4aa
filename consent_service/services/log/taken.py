"""Stops that an organisation took about children it may know nothing else of (R4).

Their entries are sealed under the organisation's own key, since none is made for a child that
nobody is known to have asked about: so they are found by opening them.
"""

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.services.log.model import WITHDRAWAL_TAKEN, EntryFilter, LoggedEntry
from consent_service.services.log.ports import LogUnit
from consent_service.services.log.read_log import all_entries


def withdrawals_taken(
    uow: LogUnit, organisation: str, about: CprNumber | None = None
) -> list[LoggedEntry]:
    """What an organisation was told, oldest first; with `about`, of this child alone."""
    taken = all_entries(uow, EntryFilter(viewer=organisation, type=WITHDRAWAL_TAKEN))
    if about is None:
        return taken
    return [entry for entry in taken if entry.body["told"]["child"] == about.value]
