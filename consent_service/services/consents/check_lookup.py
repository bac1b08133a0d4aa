"""Whether custody facts are new enough to be recorded, by the date of their look-up (R10)."""

from datetime import date

from consent_service.domain.consents.lookups import known_up_to
from consent_service.domain.kernel.calendar import local_date
from consent_service.errors import Conflict, InvalidInput
from consent_service.services.children.acts import ActInProgress
from consent_service.services.kernel.context import Context

_AS_OF = "/custody/as_of"


def check_lookup(
    context: Context,
    act: ActInProgress,
    controller: str,
    as_of: date,
    corrects: str | None = None,
) -> None:
    """Refuse a look-up from the future, one that is too old, and one older than what is known.

    `corrects` is the custody change that it puts right. Raises InvalidInput, and Conflict
    `custody_known_newer` with the date up to which the controller knows custody already.
    """
    if as_of > local_date(act.now):
        raise InvalidInput.field(_AS_OF, "This is in the future.")
    if as_of < context.periods.oldest_lookup(act.now):
        days = context.periods.oldest_lookup_days
        raise InvalidInput.field(_AS_OF, f"This is over {days} days ago: look custody up again.")
    known = known_up_to(act.history, controller, act.now, corrects)
    if known is not None and as_of < known:
        raise Conflict(
            "custody_known_newer",
            "Your organisation knows custody as of a later date: look it up again.",
            {"date": known.isoformat()},
        )
