"""The code against the naive model in what is asked beside states and decisions.

Look-ups, who comes later, what a signer may take back, what a permission and a warning rest on,
and what each person around the child may see of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from consent_service.domain.consents.latecomers import (
    awaits_first_link,
    custody_begins,
    has_a_say_from,
)
from consent_service.domain.consents.lookups import is_looked_up_since, known_up_to
from consent_service.domain.consents.signers import may_act
from consent_service.domain.consents.state import Reason, answer_until
from consent_service.domain.disclosures.decision import (
    Denied,
    Permitted,
    decide_transfer,
    objections_told,
)
from consent_service.domain.disclosures.objections import Transfer, own_denials, stands_whole
from consent_service.domain.insight.held_back import Attempt, is_held_back, secret_refusals
from consent_service.domain.insight.places import NamedPlaces, parties_asked_about, people_around
from consent_service.domain.insight.standing import may_see, who_knows
from consent_service.domain.kernel.facts import Act, CustodyChange, History
from tests.unit.domain import naive_insight as naive
from tests.unit.domain.naive_rules import Chronicle
from tests.unit.domain.random_stories import CONTROLLERS, PARTIES, Life
from tests.unit.domain.story import CHILD, FATHER, GUARDIAN, MOTHER, STEPFATHER

PEOPLE = (CHILD, FATHER, GUARDIAN, MOTHER, STEPFATHER)
ORGANISATIONS = tuple(sorted(set(CONTROLLERS)))


@dataclass(frozen=True)
class Beside:
    """A story, and an instant asked about; `at_its_end`: nothing was recorded after it."""

    life: Life
    history: History
    when: datetime
    random: Random
    at_its_end: bool

    @property
    def known(self) -> History:
        return self.history.recorded_by(self.when)

    def differences(self) -> Iterator[str]:
        """Where an answer of the code is not the model's."""
        for what, code, model in self._answers():
            if code != model:
                yield f"at {self.when}: {what} is {code}, should be {model}"

    def _answers(self) -> Iterator[tuple[str, object, object]]:
        yield from self._about_look_ups()
        yield from self._about_signers()
        yield from self._about_noes()
        yield from self._about_insight()
        for _ in range(2):
            yield from self._about_a_decision()

    def _about_look_ups(self) -> Iterator[tuple[str, object, object]]:
        life, when, history = self.life.chronicle, self.when, self.known
        changes = [f.id for f in history.facts if isinstance(f, CustodyChange)]
        since = self.random.choice(history.facts).at
        for one in ORGANISATIONS:
            for corrects in (None, *self.random.sample(changes, min(1, len(changes)))):
                code = known_up_to(history, one, when, corrects)
                model = naive.known_up_to(life, one, when, corrects)
                yield f"what {one} knows, correcting {corrects},", code, model
            code_has = is_looked_up_since(history, one, since)
            model_has = naive.has_looked_up_since(life, one, since, when)
            yield f"that {one} has looked since {since}", code_has, model_has

    def _about_signers(self) -> Iterator[tuple[str, object, object]]:
        life, when, history = self.life.chronicle, self.when, self.known
        for request in history.requests:
            if when > request.at:
                acting = may_act(history, request, when), life.may_act_at(request, when)
                yield f"who may act on {request.consent}", *acting
            for person in PEOPLE:
                named = f"{person} on {request.consent}"
                waits = awaits_first_link(history, request, person)
                model_waits = naive.waits_for_first_link(life, request, person, when)
                yield f"a first link to {named}", waits, model_waits
                begins = custody_begins(history, request, person, when)
                yield f"custody of {named}", begins, naive.custody_from(life, request, person, when)
                if self.at_its_end and person not in life.may_act(request, when):
                    code = has_a_say_from(history, request, person, when)
                    code = None if code is None or code > life.now else code
                    model = naive.says_from(life, request, person, when)
                    yield f"the first say of {named}", code, model

    def _about_noes(self) -> Iterator[tuple[str, object, object]]:
        life, when, history = self.life.chronicle, self.when, self.known
        request = self.random.choice(history.requests)
        for person in PEOPLE:
            code = {(d.act.seq, d.act.consent) for d in own_denials(history, request, person)}
            model = naive.own_noes(life, request, person, when)
            yield f"what {person} can take back on {request.consent}", code, model
        noes = [f for f in history.facts if isinstance(f, Act) and f.kept is None]
        for no in self.random.sample(noes, min(2, len(noes))):
            code_stands, model_stands = (
                stands_whole(history, no),
                naive.stands_as_said(life, no, when),
            )
            yield f"that no {no.seq} stands whole", code_stands, model_stands

    def _about_insight(self) -> Iterator[tuple[str, object, object]]:
        life, when, history = self.life.chronicle, self.when, self.known
        yield "who is around", people_around(history) <= {*PEOPLE}, True
        for person in PEOPLE:
            concerned = self.random.sample(PARTIES, 3)
            knowing = who_knows(history, person, when)
            for contradicted in (False, True):
                code = may_see(knowing, concerned, by_all=contradicted)
                model = naive.sees(life, person, concerned, when, contradicted=contradicted)
                yield f"that {person} sees what concerns {concerned}", code, model
            asked = parties_asked_about(history, person, when)
            model_asked = [
                r.asked.parties for r in history.requests if naive.was_asked(life, r, person, when)
            ]
            yield f"what {person} was asked for", list(asked), model_asked
            together = frozenset(concerned[:2])
            named = any(together <= parties for parties in model_asked)
            yield "who is named", NamedPlaces(asked).are_named(together), named

    def _about_a_decision(self) -> Iterator[tuple[str, object, object]]:
        life, when, history = self.life.chronicle, self.when, self.known
        transfer, caller = self._question()
        asked = f"{caller} about {transfer}"
        _, warned = objections_told(history, transfer, caller, when)
        yield f"the warning to {asked}", warned, naive.warns(life, transfer, caller, when)
        decided = decide_transfer(history, transfer, caller, when)
        expected = life.decide(transfer, caller, when)
        if isinstance(decided, Permitted):
            by = naive.attesters(life, decided.consent, when)
            yield f"who attests to {asked}", set(decided.attested_by), by
            return
        if any(why.code == "custody_contradicted" for why in expected.reasons):
            request = life.request(str(expected.consent))
            to_check = naive.to_check(life, request, transfer, when)
            yield f"who looks again after {asked}", set(decided.custody_to_check), to_check
        later = [i for i in life.looks if when <= i <= self.life.clock]
        now = self.random.choice(later or [when])
        for person in PEOPLE:
            code = self._is_held_back(decided, transfer, person, now)
            model = naive.is_hidden(life, expected, transfer, when, person, now)
            yield f"that {person} is not told at {now} of {asked}", code, model

    def _is_held_back(
        self, decided: Denied, transfer: Transfer, person: str, now: datetime
    ) -> bool:
        later = self.history.recorded_by(now)
        reasons = [_as_logged(reason) for reason in decided.reasons]
        attempt = Attempt(transfer, self.when, decided.consent, reasons)
        return is_held_back(later, attempt, person, secret_refusals(later, person, now))

    def _question(self) -> tuple[Transfer, str]:
        """As the story would ask, without moving its chance."""
        kept, self.life.random = self.life.random, self.random
        try:
            return self.life.question(self.when)
        finally:
            self.life.random = kept


def _as_logged(reason: Reason) -> dict[str, str]:
    role = {"role": reason.role.value} if reason.role else {}
    return {"code": reason.code.value} | role


def windows_differ(life: Life, history: History, when: datetime) -> Iterator[str]:
    """Until when each could still change a no, as of a past instant: the life is lived anew."""
    lived = Chronicle()
    for overlap in life.chronicle.overlaps:
        lived.tell_overlap(overlap)
    for fact in life.chronicle.known(when):
        lived.tell(fact)
    lived.live_until(when)
    lived.look(when)
    for request in lived.requests(when):
        for person in PEOPLE:
            code = answer_until(history, request.consent, person, when)
            model = naive.no_can_change_until(lived, request, person)
            if code != model:
                yield f"at {when}: {person} on {request.consent} until {code}, should be {model}"
