"""Add an organisation to the deployment."""

from consent_service.errors import Conflict
from consent_service.services.catalogue.model import ORGANISATION_REGISTERED, Organisation
from consent_service.services.catalogue.ports import CatalogueUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller


def register_organisation(
    uow: CatalogueUnit, context: Context, caller: Caller, organisation: Organisation
) -> None:
    """Add an organisation to the deployment. Raises Conflict when its id is taken."""
    if uow.catalogue.has_organisation(organisation.id):
        raise Conflict("already_exists", "An organisation with this id exists.")
    now = context.clock()
    uow.catalogue.add_organisation(organisation, now)
    event = Event.by(
        caller,
        ORGANISATION_REGISTERED,
        organisation.id,
        details=organisation.as_registered(),
    )
    context.journal.write(uow, event, now)
