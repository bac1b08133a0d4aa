"""Which rows an organisation may be shown: every query for a tenant's data adds one of these.

A store never compares an organisation by itself. A consent's signatories, statements and facts
are asked for by the id of a consent that was found here before.
"""

import sqlalchemy as sa

from consent_service.persistence.consents.tables import consent, consent_party

Condition = sa.ColumnElement[bool]


def is_party(viewer: str) -> Condition:
    """Consents that name the organisation, as controller or otherwise.

    Whether one that is not the controller may know of it, the facts say (`find_consent`).
    """
    return sa.exists().where(
        consent_party.c.consent_id == consent.c.id, consent_party.c.organisation_id == viewer
    )


def names_party(viewer: str) -> tuple[Condition, Condition]:
    """The same, said of the row that names a party: consents are joined to theirs.

    Said as a range, so that an order by organisation and consent is one that its index alone has.
    """
    return consent_party.c.organisation_id >= viewer, consent_party.c.organisation_id <= viewer


def is_controller(viewer: str) -> Condition:
    """Consents the organisation asked for."""
    return consent.c.controller_id == viewer
