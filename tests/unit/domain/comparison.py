"""The code against the naive model: one story's states, signers and decisions, now and then.

Two rules in force at one instant, `as_of` questions included: the code is always given the whole
history, and asked about instants of the past as well as its end.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Literal

from consent_service.domain.consents.signers import required_signers, signers_with_a_say
from consent_service.domain.consents.state import Reason, Status, state_at
from consent_service.domain.disclosures.decision import Permitted, decide_transfer
from consent_service.domain.disclosures.objections import Transfer, standing_objections
from consent_service.domain.kernel.facts import History, Role, Scope
from tests.unit.domain.comparison_beside import Beside, windows_differ
from tests.unit.domain.naive_states import NOBODY, Why
from tests.unit.domain.random_stories import Life, history_of, moments
from tests.unit.domain.story import CHILD, GUARDIAN

Told = tuple[str, str | None, str | None, str | None]
MOMENTS, QUESTIONS = 24, 4
BESIDE = 0.3
"""At how many of the moments all the rest is asked."""

Part = Literal["states", "decisions", "beside"]
PARTS: tuple[Part, ...] = ("states", "decisions", "beside")


@dataclass
class Tally:
    """How much was compared, and what came up."""

    stories: int = 0
    steps: int = 0
    states: int = 0
    decisions: int = 0
    seen: Counter[str] = field(default_factory=Counter)


def role_of(person: str | None) -> str | None:
    """In these stories a person has one role all along."""
    roles = {None: None, CHILD: Role.CHILD.value, GUARDIAN: Role.GUARDIAN.value}
    return roles.get(person, Role.CUSTODY_HOLDER.value)


def told_by_the_code(reasons: tuple[Reason, ...]) -> frozenset[Told]:
    return frozenset(
        (r.code.value, r.role.value if r.role else None, r.party, r.category) for r in reasons
    )


def told_by_the_model(reasons: frozenset[Why]) -> frozenset[Told]:
    return frozenset((r.code, role_of(r.person), r.party, r.category) for r in reasons)


def state_differences(history: History, life: Life, consent: str, when: datetime) -> Iterator[str]:
    """Where a consent is not what the model says, then."""
    expected = life.chronicle.picture(consent, when)
    found = state_at(history, consent, when)
    in_force = expected.status is Status.IN_FORCE
    scope = Scope(expected.parties, expected.categories) if in_force else None
    pairs = {
        "status": (found.status, expected.status),
        "reasons": (told_by_the_code(found.reasons), told_by_the_model(expected.reasons)),
        "whose": (
            {r.person for r in found.reasons} - {None},
            {r.person for r in expected.reasons} - {None, NOBODY},
        ),
        "effective scope": (found.effective_scope, scope),
        "complete at": (found.complete_at, expected.first_in_force),
        "expires at": (found.expires_at, expected.ends),
        "final at": (found.final_at, expected.final_at),
        "covered": (found.covered, expected.covered),
    }
    for what, (code, model) in pairs.items():
        if code != model:
            yield f"{consent} at {when}: {what} is {code}, should be {model}"


def signer_differences(history: History, life: Life, when: datetime) -> Iterator[str]:
    """Where others must sign, or have a say, than the model says."""
    known = history.recorded_by(when)
    for request in known.requests:
        pairs = {
            "required": (
                {p: role.value for p, role in required_signers(known, request, when).items()},
                {p: role_of(p) for p in life.chronicle.required(request, when)},
            ),
            "with a say": (
                set(signers_with_a_say(known, request, when)),
                life.chronicle.may_act(request, when),
            ),
        }
        for what, (code, model) in pairs.items():
            if code != model:
                yield f"{request.consent} at {when}: {what} {code}, should be {model}"


def decision_differences(
    history: History, life: Life, question: tuple[Transfer, str], when: datetime, seen: Counter[str]
) -> Iterator[str]:
    """Where the answer, its consent, its end or a told reason is another than the model's."""
    transfer, caller = question
    chronicle = life.chronicle
    expected = chronicle.decide(transfer, caller, when)
    found = decide_transfer(history, transfer, caller, when)
    asked = f"{caller} about {transfer} at {when}"
    controller = chronicle.request(expected.consent).controller if expected.consent else None
    if (found.consent, found.controller) != (expected.consent, controller):
        yield f"{asked}: under {found.consent}, should be {expected.consent}"
    if isinstance(found, Permitted):
        seen["permitted"] += 1
        if found.valid_until != expected.valid_until:
            yield f"{asked}: until {found.valid_until}, should be {expected}"
        return
    told = told_by_the_code(found.reasons)
    seen.update(f"denied: {code}" for code in {code for code, *_ in told})
    if expected.permitted or told != told_by_the_model(expected.reasons):
        yield f"{asked}: denied {sorted(told, key=str)}, should be {expected}"
    objecting = {one.denial.act.person for one in standing_objections(history, transfer, when)}
    if objecting != chronicle.objecting(transfer, when):
        yield f"{asked}: {objecting} objects, should be {chronicle.objecting(transfer, when)}"


def differences(
    life: Life, random: Random, tally: Tally, parts: Collection[Part] = PARTS
) -> Iterator[str]:
    """Everything in which the code and the model differ about one story, as it is found."""
    history = history_of(life)
    tally.stories += 1
    tally.steps += life.steps
    instants = moments(life, random.randrange(100), MOMENTS)
    beside, begun = Random(random.random()), life.chronicle.facts[0].at
    for when in instants:
        if "states" in parts:
            for request in life.chronicle.requests(when):
                yield from state_differences(history, life, request.consent, when)
                tally.states += 1
                tally.seen[life.chronicle.picture(request.consent, when).status.value] += 1
            yield from signer_differences(history, life, when)
        for _ in range(QUESTIONS if "decisions" in parts else 0):
            question = life.question(when)
            yield from decision_differences(history, life, question, when, tally.seen)
            tally.decisions += 1
        if "beside" in parts and beside.random() < BESIDE:
            at_its_end = when >= life.clock
            yield from Beside(life, history, when, beside, at_its_end=at_its_end).differences()
    if "states" in parts:
        lived = beside.choice([i for i in life.chronicle.looks if begun <= i <= life.clock])
        yield from windows_differ(life, history, lived)


def story_of(life: Life) -> str:
    """What happened, line by line."""
    return "\n".join(f"  {fact}" for fact in [*life.chronicle.overlaps, *life.chronicle.facts])
