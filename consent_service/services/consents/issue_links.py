"""Make signing links. A new link ends the old one; only its hash is kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from consent_service.domain.consents.signers import required_signers, signers_with_a_say
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.limits import LINKS_A_DAY
from consent_service.errors import Conflict, InvalidInput
from consent_service.services.children.acts import moment_after
from consent_service.services.children.limits import check_day
from consent_service.services.consents.consent_event import consent_event
from consent_service.services.consents.find_consent import child_of, controlled_consent
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller, ChildRef, Employee


def new_links(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    file: ConsentFile,
    child: ChildRef,
    signatories: Iterable[Signatory],
    performed_by: Employee,
    now: datetime,
) -> dict[str, str]:
    """A new signing address for each signatory, by signatory id; each is logged.

    Raises DailyLimit before the first, so that nobody's old link ends without a new one.
    """
    in_the_way = uow.links.made_at(file.controller, child.id, LINKS_A_DAY)
    check_day(in_the_way, now, f"{LINKS_A_DAY} links about one child")
    urls = {}
    for signatory in signatories:
        token = context.new_token()
        uow.links.replace(signatory.id, token, now)
        details = {"signatory": signatory.id, "role": signatory.role.value}
        event = consent_event(caller, "link_issued", file, child, performed_by, details)
        context.journal.write(uow, event, now)
        urls[signatory.id] = f"{context.public_url}/sign/{token}"
    return urls


def issue_links(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    named: Sequence[str] | None,
    performed_by: Employee,
) -> dict[str, str]:
    """New links for everyone now required, or for those named; their old ones die.

    Raises NotFound, InvalidInput for a signatory who is not of this consent or has no say now,
    and Conflict when the consent is not live.
    """
    file = controlled_consent(uow, caller, consent)
    child = child_of(uow, file)
    history = uow.children.snapshot(child.id).history
    now = moment_after(history, context.clock())
    if not state_at(history, consent, now).is_live:
        raise Conflict("consent_not_live", "Nothing can be signed under this consent any more.")
    request = history.request(consent)
    signatories = uow.consents.signatories(consent)
    if named is None:
        required = required_signers(history, request, now)
        chosen = [s for s in signatories if s.person in required]
    else:
        say = signers_with_a_say(history, request, now)
        known = {s.id: s for s in signatories if s.person in say}
        for position, signatory in enumerate(named):
            if signatory not in known:
                detail = "This is nobody who may sign under this consent now."
                raise InvalidInput.field(f"/signatories/{position}", detail)
        chosen = [known[signatory] for signatory in dict.fromkeys(named)]
    return new_links(uow, context, caller, file, child, chosen, performed_by, now)
