"""The people a request names: checked against the rules, then found or added and filed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from consent_service.domain.kernel.calendar import ADULT_AGE, local_date, parents_released
from consent_service.domain.kernel.cpr import CprNumber, InvalidCpr, parse_cpr
from consent_service.domain.kernel.facts import Holder, Role
from consent_service.errors import FieldError, InvalidInput
from consent_service.services.children.model import PersonDetails, details_sha256
from consent_service.services.children.ports import ChildrenUnit
from consent_service.services.kernel.model import ChildRef

MOST_HOLDERS = 2
ROLES = {"parent": Role.CUSTODY_HOLDER, "guardian": Role.GUARDIAN}
DEFAULT_LANGUAGE = "da"


@dataclass(frozen=True)
class NamedPerson:
    """A person as a caller wrote them; `role` is a holder's, `birth_date` a child's."""

    cpr: str
    name: str
    role: str = "parent"
    birth_date: date | None = None
    email: str | None = None
    phone: str | None = None
    language: str = DEFAULT_LANGUAGE
    name_protected: bool = False


@dataclass(frozen=True)
class CustodyFacts:
    """Who holds custody, where the caller looked it up, and as of which date."""

    source: str
    as_of: date
    holders: tuple[NamedPerson, ...]


@dataclass(frozen=True)
class CheckedHolder:
    """A holder whose number and place in the family hold."""

    details: PersonDetails
    role: Role


@dataclass(frozen=True)
class CheckedFamily:
    """A child and its holders, after every rule that needs no instant."""

    child: PersonDetails
    birth_date: date
    holders: tuple[CheckedHolder, ...]


def check_cpr(text: str, pointer: str) -> CprNumber:
    """The number, or InvalidInput that names the field and never repeats it."""
    try:
        return parse_cpr(text)
    except InvalidCpr as error:
        raise InvalidInput.field(pointer, f"This is {error.detail}.") from None


def check_family(child: NamedPerson, custody: CustodyFacts) -> CheckedFamily:
    """Check a child with its custody facts, ages apart, which need an instant (`check_ages`).

    Raises InvalidInput naming every broken field.
    """
    errors: list[FieldError] = []
    cpr = _collect(errors, child.cpr, "/child/cpr")
    birth_date = _birth_date(errors, child, cpr)
    holders = _holders(errors, custody, cpr)
    if errors or cpr is None or birth_date is None:
        raise InvalidInput(errors)
    return CheckedFamily(_details(child, cpr, birth_date), birth_date, holders)


def check_ages(family: CheckedFamily, now: datetime) -> None:
    """The child is born, and has holders as its age says. Raises InvalidInput."""
    if family.birth_date > local_date(now):
        raise InvalidInput.field("/child/birth_date", "This is in the future.")
    check_holder_count(len(family.holders), family.birth_date, now)


def check_custody(custody: CustodyFacts, child: CprNumber) -> tuple[CheckedHolder, ...]:
    """Check custody facts about a child that is known already."""
    errors: list[FieldError] = []
    holders = _holders(errors, custody, child)
    if errors:
        raise InvalidInput(errors)
    return holders


def check_holder_count(count: int, birth_date: date, now: datetime) -> None:
    """A child has one or two holders, an adult none (adult guardianship is not supported)."""
    adult = now >= parents_released(birth_date, ADULT_AGE)
    if adult and count:
        raise InvalidInput.field(
            "/custody/holders",
            "The young person is 18 or more and has no custody holders.",
            "child_is_adult",
        )
    if not adult and not 1 <= count <= MOST_HOLDERS:
        raise InvalidInput.field(
            "/custody/holders", "A child below 18 has one or two custody holders or guardians."
        )


def holder_languages(custody: CustodyFacts) -> dict[str, str]:
    """Each holder's language, by the pointer to it."""
    return {
        f"/custody/holders/{position}/language": holder.language
        for position, holder in enumerate(custody.holders)
    }


def check_languages(named: Mapping[str, str], available: Collection[str]) -> None:
    """Everybody who may be asked can read the template. Raises InvalidInput."""
    errors = [
        FieldError(pointer, "The template has no text in this language.")
        for pointer, language in named.items()
        if language not in available
    ]
    if errors:
        raise InvalidInput(errors)


def _holders(
    errors: list[FieldError], custody: CustodyFacts, child: CprNumber | None
) -> tuple[CheckedHolder, ...]:
    checked = []
    seen = {child} if child else set()
    for position, holder in enumerate(custody.holders):
        pointer = f"/custody/holders/{position}"
        cpr = _collect(errors, holder.cpr, f"{pointer}/cpr")
        if cpr is None:
            continue
        if cpr in seen:
            detail = "The child is not its own holder, and each holder stands here once."
            errors.append(FieldError(f"{pointer}/cpr", detail))
        seen.add(cpr)
        checked.append(CheckedHolder(_details(holder, cpr, None), ROLES[holder.role]))
    return tuple(checked)


def _birth_date(errors: list[FieldError], child: NamedPerson, cpr: CprNumber | None) -> date | None:
    given, proved = child.birth_date, cpr.birth_date if cpr else None
    if given and proved and given != proved:
        errors.append(FieldError("/child/birth_date", "This contradicts the CPR number."))
    birth_date = proved or given
    if birth_date is None and cpr is not None:
        detail = "The number holds no real birth date, so it must be given here."
        errors.append(FieldError("/child/birth_date", detail))
    return birth_date


def _collect(errors: list[FieldError], text: str, pointer: str) -> CprNumber | None:
    try:
        return check_cpr(text, pointer)
    except InvalidInput as error:
        errors.extend(error.errors)
        return None


def _details(person: NamedPerson, cpr: CprNumber, birth_date: date | None) -> PersonDetails:
    return PersonDetails(
        cpr=cpr,
        name=person.name,
        birth_date=birth_date,
        email=person.email,
        phone=person.phone,
        language=person.language,
        name_protected=person.name_protected,
    )


def find_holders(
    uow: ChildrenUnit, child: ChildRef, holders: Sequence[CheckedHolder]
) -> tuple[tuple[Holder, ...], dict[str, PersonDetails]]:
    """Find or add each holder around the child; and what is known of each, by person."""
    found, details = [], {}
    for holder in holders:
        person = uow.children.find_or_add_person(child.id, holder.details.cpr)
        found.append(Holder(person, holder.role))
        details[person] = holder.details
    return tuple(found), details


def people_json(details: Mapping[str, PersonDetails]) -> list[dict[str, str]]:
    """How the entry vouches for what is filed of people."""
    return [
        {"person": person, "details_sha256": details_sha256(known.to_bytes())}
        for person, known in details.items()
    ]


def file_people(
    uow: ChildrenUnit,
    controller: str,
    child: ChildRef,
    details: Mapping[str, PersonDetails],
    entry: str,
) -> None:
    """File what a controller knows of people, as the entry says."""
    for person, known in details.items():
        uow.children.save_details(controller, child.id, person, known, entry)
