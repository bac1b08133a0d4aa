"""Ask a family: derive who must sign, fix the terms, file the request, make the links."""

from dataclasses import dataclass
from datetime import date, datetime

from consent_service.domain.consents.signers import required_signers
from consent_service.domain.consents.state import state_at
from consent_service.domain.kernel.calendar import local_date
from consent_service.domain.kernel.facts import Request, Role, Scope, SignerRule
from consent_service.domain.kernel.limits import Limited
from consent_service.domain.kernel.validity import parse_validity
from consent_service.errors import Conflict, FieldError, InvalidInput
from consent_service.services.catalogue.model import Organisation, TemplateVersion
from consent_service.services.children.acts import ActInProgress, begin_act, record
from consent_service.services.children.family import (
    CheckedFamily,
    CustodyFacts,
    NamedPerson,
    check_ages,
    check_family,
    check_languages,
    file_people,
    find_holders,
    holder_languages,
    people_json,
)
from consent_service.services.children.limits import admit, check_room
from consent_service.services.children.model import PEOPLE
from consent_service.services.consents.check_lookup import check_lookup
from consent_service.services.consents.issue_links import new_links
from consent_service.services.consents.model import CONSENT_REQUESTED, SIGNATORIES, ConsentFile
from consent_service.services.consents.newcomers import (
    new_signatories,
    newcomers,
    signatories_json,
)
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller, ChildRef, Employee
from consent_service.signing import terms as terms_module

FEWEST_PARTIES = 2


@dataclass(frozen=True)
class ConsentRequest:
    """What a municipality asks for; the caller's organisation becomes the controller."""

    template: str
    case_reference: str
    renews: str | None
    child: NamedPerson
    custody: CustodyFacts
    parties: tuple[str, ...]
    categories: tuple[str, ...]
    deadline: date | None
    delivery: str
    performed_by: Employee


@dataclass(frozen=True)
class Requested:
    """The consent as filed, and the signing address of each signatory who must sign now."""

    consent: str
    signing_urls: dict[str, str]


def request_consent(
    uow: ConsentsUnit, context: Context, caller: Caller, asked: ConsentRequest
) -> Requested:
    """File a request and make a link for everyone who must sign (R1).

    Raises InvalidInput naming every broken field, Conflict `custody_known_newer` for a look-up
    older than what is known, and `already_requested` with the id of a live consent for the same
    child, template and parties. Raises LimitReached where there is no room for more.
    """
    template, parties = _check_catalogue(uow, caller, asked)
    family = check_family(asked.child, asked.custody)
    languages = {"/child/language": asked.child.language} | holder_languages(asked.custody)
    check_languages(languages, template.languages)

    child = admit(uow, caller.organisation, family.child.cpr, context.clock())
    act = begin_act(uow, context, child)
    _check_deadline(context, asked, act.now)
    check_ages(family, act.now)
    check_lookup(context, act, caller.organisation, asked.custody.as_of)
    _check_renewal(uow, caller, asked, act)
    _check_not_asked_already(uow, caller, asked, act)
    _check_birth_date(uow, caller, child, family)
    check_room(act, caller.organisation, Limited.REQUEST)
    holders, people = find_holders(uow, child, family.holders)
    people[child.id] = family.child

    consent = context.new_id()
    terms = _terms(consent, asked, template, parties, family)
    deadline = asked.deadline or context.periods.default_deadline(act.now)
    request = Request(
        seq=act.seq,
        at=act.now,
        consent=consent,
        controller=caller.organisation,
        child=child.id,
        birth_date=family.birth_date,
        holders=holders,
        purpose=template.content["purpose"],
        asked=Scope(frozenset(asked.parties), frozenset(asked.categories)),
        signer_rule=SignerRule(template.content["signer_rule"]),
        validity=parse_validity(template.content["max_validity"]),
        granular=template.content["granular"],
        lapses_at=context.periods.lapse(deadline),
        renews=asked.renews,
        terms_sha256=terms.sha256_hex,
        as_of=asked.custody.as_of,
    )
    file = ConsentFile(
        id=consent,
        controller=caller.organisation,
        child=child.id,
        template=template.id,
        template_version=template.version,
        case_reference=asked.case_reference,
        deadline=deadline,
        created_at=act.now,
        terms_sha256=terms.sha256_hex,
        terms=terms.to_bytes(),
    )
    uow.consents.add(file, asked.parties)
    # The custody facts of this request hold for the municipality's other consents too.
    history = act.history.with_fact(request)
    added = list(newcomers(uow, context, history, caller.organisation, act.now))
    added += new_signatories(uow, context, consent, {child.id: Role.CHILD})
    event = Event.by(
        caller,
        CONSENT_REQUESTED,
        caller.organisation,
        child=child,
        employee=asked.performed_by,
        consent=consent,
        details={
            **_details(asked, request, file),
            PEOPLE: people_json(people),
            SIGNATORIES: signatories_json(added),
        },
    )
    prepared = record(uow, context, act, request, event)
    file_people(uow, caller.organisation, child, people, prepared.entry.id)
    for signatory in added:
        uow.consents.add_signatory(signatory, prepared.entry.id)
    required = required_signers(history, request, act.now)
    urls = new_links(
        uow,
        context,
        caller,
        file,
        child,
        [s for s in uow.consents.signatories(consent) if s.person in required],
        asked.performed_by,
        act.now,
    )
    return Requested(consent, urls)


def _check_catalogue(
    uow: ConsentsUnit, caller: Caller, asked: ConsentRequest
) -> tuple[TemplateVersion, list[Organisation]]:
    errors = []
    template = uow.catalogue.template(caller.organisation, asked.template)
    if template is None:
        errors.append(FieldError("/template", "Your organisation has no such template."))
    else:
        errors += [
            FieldError(f"/categories/{position}", "The template has no such category.")
            for position, category in enumerate(asked.categories)
            if category not in template.content["categories"]
        ]
    parties = []
    for position, party in enumerate(asked.parties):
        organisation = uow.catalogue.organisation(party)
        if organisation is None:
            errors.append(FieldError(f"/parties/{position}", "There is no such organisation."))
        else:
            parties.append(organisation)
    if caller.organisation not in asked.parties:
        errors.append(FieldError("/parties", "The controller is one of the parties."))
    if len(set(asked.parties)) < max(FEWEST_PARTIES, len(asked.parties)):
        errors.append(FieldError("/parties", "At least two parties, each once."))
    if not asked.categories or len(set(asked.categories)) < len(asked.categories):
        errors.append(FieldError("/categories", "At least one category, each once."))
    if asked.delivery != "caller":
        detail = "This deployment sends no messages yet: ask for `caller` and send the links."
        errors.append(FieldError("/delivery", detail))
    if errors or template is None:
        raise InvalidInput(errors)
    return template, sorted(parties, key=lambda party: party.id)


def _check_deadline(context: Context, asked: ConsentRequest, now: datetime) -> None:
    if asked.deadline is None:
        return
    latest = context.periods.latest_deadline(now)
    if not local_date(now) <= asked.deadline <= latest:
        detail = f"A deadline lies between today and {context.periods.latest_deadline_days} days."
        raise InvalidInput.field("/deadline", detail)


def _check_birth_date(
    uow: ConsentsUnit, caller: Caller, child: ChildRef, family: CheckedFamily
) -> None:
    """Ages decide who signs: what the caller's earlier consents were asked by does not change."""
    known = uow.children.details(caller.organisation, [child.id]).get(child.id)
    if known is not None and known.birth_date != family.birth_date:
        detail = "Your organisation has asked about this child with another birth date."
        raise InvalidInput.field("/child/birth_date", detail)


def _check_renewal(
    uow: ConsentsUnit, caller: Caller, asked: ConsentRequest, act: ActInProgress
) -> None:
    if asked.renews is None:
        return
    old = uow.consents.controlled(asked.renews, caller.organisation)
    if old is None or (old.child, old.template) != (act.child.id, asked.template):
        detail = "Only your own consent for the same child and template can be renewed."
        raise InvalidInput.field("/renews", detail)


def _check_not_asked_already(
    uow: ConsentsUnit, caller: Caller, asked: ConsentRequest, act: ActInProgress
) -> None:
    for request in act.history.requests:
        same = (
            request.controller == caller.organisation
            and request.asked.parties == frozenset(asked.parties)
            and request.consent != asked.renews
        )
        if not same or not state_at(act.history, request.consent, act.now).is_live:
            continue
        file = uow.consents.controlled(request.consent, caller.organisation)
        if file is not None and file.template == asked.template:
            raise Conflict(
                "already_requested",
                "A live consent for this child, template and set of parties exists.",
                {"consent": request.consent},
            )


def _terms(
    consent: str,
    asked: ConsentRequest,
    template: TemplateVersion,
    parties: list[Organisation],
    family: CheckedFamily,
) -> terms_module.Terms:
    named = tuple(
        terms_module.NamedParty(party.id, party.name, dict(party.descriptions)) for party in parties
    )
    controller = next(party for party in named if party.id == template.organisation)
    return terms_module.Terms(
        consent=consent,
        controller=terms_module.NamedController(controller.id, controller.name),
        parties=named,
        child=terms_module.NamedChild(family.child.cpr.value, family.child.name, family.birth_date),
        purpose=template.content["purpose"],
        categories=tuple(sorted(asked.categories)),
        signer_rule=template.content["signer_rule"],
        max_validity=template.content["max_validity"],
        template=terms_module.TemplateVersion(template.id, template.version, template.sha256),
    )


def _details(asked: ConsentRequest, request: Request, file: ConsentFile) -> dict[str, object]:
    return {
        "terms_sha256": file.terms_sha256,
        "case_reference": file.case_reference,
        "deadline": file.deadline.isoformat(),
        "purpose": request.purpose,
        "parties": sorted(asked.parties),
        "categories": sorted(asked.categories),
        "custody": {"source": asked.custody.source, "as_of": asked.custody.as_of.isoformat()},
    }
