"""The code of the rules with one sentence broken, many times over.

Each is a small change of a module's text, put in the place of the code while it lasts: functions
keep their identity, so whoever imported one gets the broken one. What is changed must stand there
exactly once: a mutant of a sentence that was rewritten says so, and does not change nothing.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from consent_service.domain.kernel import calendar, validity

PACKAGE = "consent_service"


@dataclass(frozen=True)
class CodeMutant:
    """A sentence of the rules, and the change of a module's text that breaks it."""

    rule: str
    breaks: str
    module: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.rule} {self.breaks}"

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module with this change, and afterwards as it was."""
        module = importlib.import_module(f"{PACKAGE}.{self.module}")
        before, after = _Code.of(module), _Code.of(self._changed(module))
        _put(module, after)
        try:
            yield
        finally:
            _put(module, before)

    def _changed(self, module: ModuleType) -> ModuleType:
        path = Path(str(module.__file__))
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self}: not once, but {text.count(self.old)} times in {path.name}")
        changed = ModuleType(module.__name__)
        exec(compile(text.replace(self.old, self.new), path, "exec"), vars(changed))
        return changed


@dataclass(frozen=True)
class _Code:
    """What a module's functions do, by name, and its numbers and sets of words."""

    functions: dict[str, CodeType]
    constants: dict[str, object]

    @classmethod
    def of(cls, module: ModuleType) -> "_Code":
        functions = {name: one.__code__ for name, one in _functions(module)}
        constants = {
            name: value
            for name, value in vars(module).items()
            if isinstance(value, int | timedelta | frozenset)
        }
        return cls(functions, constants)


def _put(module: ModuleType, code: _Code) -> None:
    for name, function in _functions(module):
        function.__code__ = code.functions[name]
    vars(module).update(code.constants)
    for remembering in (
        calendar.child_reaches,
        calendar.parents_released,
        validity.expiry,
        validity.parse_validity,
    ):
        remembering.cache_clear()


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Every function and method written in a module."""
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        members = vars(value).items() if isinstance(value, type) else [("", value)]
        for member, one in members:
            function = getattr(one, "fget", None) or getattr(one, "__func__", None)
            function = function or getattr(one, "__wrapped__", one)
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield f"{name}.{member}", function


_ANSWERS, _PAPER = "domain.consents.answers", "domain.consents.paper"
_SIGNERS, _STATE = "domain.consents.signers", "domain.consents.state"
_LATE, _LOOKUPS = "domain.consents.latecomers", "domain.consents.lookups"
_NO, _DECIDE = "domain.disclosures.objections", "domain.disclosures.decision"
_CUSTODY, _HELD = "domain.disclosures.contradictions", "domain.insight.held_back"
_PLACES, _REFUSERS = "domain.insight.places", "domain.insight.refusers"
_STANDING = "domain.insight.standing"

MUTANTS = [
    CodeMutant(*one)
    for one in (
        # R1, R5d, R10: who.
        ("R1", "an unconfirmed exemption excuses", _SIGNERS,
         "begun = self.confirmed_at is not None and self.confirmed_at <= instant", "begun = True"),
        ("R1", "an exemption excuses on the day after its last", _SIGNERS,
         "self.ended_at is None or instant < self.ended_at",
         "self.ended_at is None or instant <= self.ended_at"),
        ("R1", "a revoked exemption excuses", _SIGNERS,
         "for end in (fact.ends_at, revoked.get(fact.exemption))", "for end in (fact.ends_at,)"),
        ("R1", "the child is asked a microsecond after its birthday began", _SIGNERS,
         "return instant >= child_reaches(request.birth_date, YOUNG_PERSON_AGE)",
         "return instant > child_reaches(request.birth_date, YOUNG_PERSON_AGE)"),
        ("R1", "whoever is excused must sign", _SIGNERS,
         "if role is Role.CHILD or person not in excused", "if True"),
        ("R5d", "parents have a say until 18 under every rule", _SIGNERS,
         "age = YOUNG_PERSON_AGE if alone else ADULT_AGE", "age = ADULT_AGE"),
        ("R10", "a change holds from its date, though recorded later", _SIGNERS,
         "return max(fact.at, fact.effective_from) if", "return fact.effective_from if"),
        ("R10", "a corrected change holds on", _SIGNERS,
         "if isinstance(fact, CustodyChange) and fact.id in corrected:", "if False:"),
        ("R2", "an act is judged by who is a signer at its instant alone", _SIGNERS,
         "frozenset((*earlier, *signers_with_a_say(history, request, instant)))",
         "frozenset(signers_with_a_say(history, request, instant))"),
        # R2, R3, R9, R13: state.
        ("R2", "a no or a silence is judged by who must sign at its instant", _STATE,
         "    before = now - _TICK\n    earlier = history.recorded_by(before)",
         "    before = now\n    earlier = history.recorded_by(before)"),
        ("R2", "the lapse comes after completion", _STATE,
         "is_late = walk.state.complete_at is None and now >= request.lapses_at",
         "is_late = walk.state.complete_at is None and now > request.lapses_at"),
        ("R2", "an expired consent was superseded at that instant", _STATE,
         "if superseded_at is not None and superseded_at <= now:",
         "if superseded_at is not None and superseded_at <= now and ends != now:"),
        ("R2", "an expiry counts a microsecond late", _STATE,
         "if ends is not None and ends <= now:", "if ends is not None and ends < now:"),
        ("R2", "a no of the very instant comes too late", _STATE,
         "if act.at == now and act.kind is ActKind.DECLINE and act.person in walk.required_since",
         "if False"),
        ("R3", "the year counts from the last grant", _STATE,
         "    return min(\n        (\n            expiry(", "    return max(\n        (\n            expiry("),
        ("R3", "the year counts from a paper's recording", _STATE,
         "expiry(act.given_at, request.validity)", "expiry(act.at, request.validity)"),
        ("R3", "every consent lasts a year", "domain.kernel.validity",
         "return min(ONE_YEAR.end(earliest_grant), validity.end(earliest_grant))",
         "return min(ONE_YEAR.end(earliest_grant), ONE_YEAR.end(earliest_grant))"),
        ("R9", "a newcomer has a day less", _STATE,
         "timedelta(days=request.newcomer_days + 1)", "timedelta(days=request.newcomer_days)"),
        ("R9", "every link moves a window", _STATE,
         "begins = max(since, min(links, default=since))",
         "begins = max(since, max(links, default=since))"),
        ("R9", "no link moves a window", _STATE,
         "begins = max(since, min(links, default=since))", "begins = since"),
        ("R9", "a window may end before the lapse", _STATE,
         "return max(request.lapses_at, window)", "return window"),
        ("R9", "the last window makes a decline final", _STATE,
         "return min(ends.values()) if answers.declined else max(ends.values())",
         "return max(ends.values())"),
        ("R9", "a decline is final from the lapse, whoever said it", _STATE,
         "due = _window_of(known, request, answers, since) if was_in_force else request.lapses_at",
         "due = request.lapses_at"),
        ("R9", "who must sign later has no time of their own to change a no", _STATE,
         "    return min(window, walk.state.expires_at or window)", "    return request.lapses_at"),
        ("R9", "a time to change a no outlasts the consent", _STATE,
         "    return min(window, walk.state.expires_at or window)", "    return window"),
        ("R13", "a renewal supersedes when it is asked for", _STATE,
         "return min((moment for moment in complete if moment is not None), default=None)",
         "return min((r.at for r in history.requests if r.renews == request.consent), default=None)"),
        ("R5", "nobody beside makes a consent narrower", _ANSWERS,
         "if person not in required and person in signers_with_a_say(history, request, now)",
         "if False"),
        ("R5", "who has no say any more makes a consent narrower", _ANSWERS,
         "if person not in required and person in signers_with_a_say(history, request, now)",
         "if person not in required"),
        ("R5", "a party is covered though an excused holder refuses", _ANSWERS,
         "return frozenset() if self.is_refused_beside else self.scope.parties",
         "return self.scope.parties"),
        ("R5", "the grants are not intersected", _ANSWERS,
         "(*self.granted.values(), *self.beside), self.asked)", "(), self.asked)"),
        # R5a, R5f: papers.
        ("R5f", "refusals under other controllers' requests overtake a paper", _PAPER,
         "and (asked.controller, asked.purpose) == (request.controller, request.purpose)",
         "and asked.purpose == request.purpose"),
        ("R5f", "a refusal for another purpose overtakes a paper", _PAPER,
         "and (asked.controller, asked.purpose) == (request.controller, request.purpose)",
         "and asked.controller == request.controller"),
        ("R5f", "nothing overtakes a paper", _PAPER,
         "return not refused_since(history, request, act.person, act.given_at, before=act.seq)",
         "return True"),
        ("R5a", "a refusal of a paper's own first instant does not overtake it", _PAPER,
         "fact.at >= signed_at", "fact.at > signed_at"),
        ("R5a", "a paper is as new as its confirmation", _PAPER,
         "return word.seq > denial.seq and (not word.is_on_paper or denial.at < word.given_at)",
         "return word.seq > denial.seq"),
        ("R1", "a child's paper from before its birthday counts", _PAPER,
         "    if is_too_young(request, act.person, act.given_at):\n        return False\n", ""),
        ("R5a", "a rejected paper counts", _PAPER,
         "    if act.paper is not None and is_rejected(history, act.consent, act.paper):\n"
         "        return False\n", ""),
        ("R5c", "a lift reopens nothing", _PAPER, "            del latest[act.person]", "            pass"),
        ("R5c", "a lift takes back a grant", _PAPER,
         "answer is not None and answer.kind is ActKind.DECLINE and is_newer(act, answer)",
         "answer is not None and is_newer(act, answer)"),
        # R5a to R5d, R5g: denials.
        ("R5a", "anybody's yes clears", _NO,
         "if word.act.person != denial.act.person or not is_newer(word.act, denial.act):",
         "if not is_newer(word.act, denial.act):"),
        ("R5a", "only the newest no stands", _NO,
         "            standing.append(word)",
         "            standing = [one for one in standing if one.act.person != act.person] + [word]"),
        ("R5a", "a leaving-out is no denial", _NO,
         "covers = act.kept is not None and act.kept.covers(*way, category)",
         "covers = act.kept is not None"),
        ("R5a", "only the one who asked then says who is present", _NO,
         "asking = {denial.request.controller, rule.controller, transfer.sender, transfer.recipient}",
         "asking = {denial.request.controller}"),
        ("R5a", "the controller that decides does not say who is present", _NO,
         "asking = {denial.request.controller, rule.controller, transfer.sender, transfer.recipient}",
         "asking = {denial.request.controller, transfer.sender, transfer.recipient}"),
        ("R5a", "sender and recipient do not say who is present", _NO,
         "asking = {denial.request.controller, rule.controller, transfer.sender, transfer.recipient}",
         "asking = {denial.request.controller, rule.controller}"),
        ("R5a", "a no stops its consent alone", _NO,
         "            or not request.asked.covers(*way, category)", "            or True"),
        ("R5a", "a no that was overtaken clears", _NO,
         "elif is_signature(history, act) and not _is_undone(history, act):",
         "elif not _is_undone(history, act):"),
        ("R5b", "a paper clears everywhere", _NO,
         "return not word.act.is_attested or word.request.controller == denial.request.controller",
         "return True"),
        ("R5b", "a login clears at its own controller alone", _NO,
         "return not word.act.is_attested or word.request.controller == denial.request.controller",
         "return word.request.controller == denial.request.controller"),
        ("R5b", "a cancellation ends no clearing", _NO,
         "elif is_signature(history, act) and not _is_undone(history, act):",
         "elif is_signature(history, act):"),
        ("R5b", "a mistake ends attested clearings alone", _NO,
         "return any(act.is_attested or reason in mistakes for reason in reasons)",
         "return any(act.is_attested for reason in reasons)"),
        ("R5b", "every cancellation ends the clearings of logins", _NO,
         "return any(act.is_attested or reason in mistakes for reason in reasons)",
         "return bool(reasons)"),
        ("R5b", "a cancellation without a reason is no mistake", _NO,
         "mistakes = (None, CancellationReason.MISTAKE)", "mistakes = (CancellationReason.MISTAKE,)"),
        ("R5b", "every exemption sets a no aside", _NO,
         "and exemption.reason in (ExemptionReason.COURT_DECISION, ExemptionReason.DECEASED)",
         "and True"),
        ("R5b", "an exemption sets later denials aside", _NO,
         "and denial.act.at < exemption.recorded_at", "and True"),
        ("R5b", "an exemption sets aside what was said to another controller", _NO,
         "if denial.request.controller != deciding.controller:", "if False:"),
        ("R5c", "a lift clears nothing", _NO,
         "        if not covers and act.kind is not ActKind.LIFT:\n            standing.append(word)\n"
         "        elif is_signature",
         "        if not covers and act.kind is not ActKind.LIFT:\n            standing.append(word)\n"
         "        elif act.kind is not ActKind.LIFT and is_signature"),
        ("R5c", "a cancellation ends what a lift cleared", _NO,
         "    if act.kind is not ActKind.GRANT:\n        return False\n    reasons", "    reasons"),
        ("R5d", "the rule of the denial's own request says who has a say", _NO,
         "rule = deciding or denial.request", "rule = denial.request"),
        ("R5d", "a child's no counts at any age", _NO,
         "return child_has_a_say(rule, instant)", "return True"),
        ("R5g", "no purpose overlaps another", _NO,
         "            or request.purpose not in overlapping\n",
         "            or request.purpose != transfer.purpose\n"),
        ("R5g", "overlaps are directed", "domain.kernel.facts",
         "return frozenset({purpose} | beside | {o.one for o in self.overlaps if o.other == purpose})",
         "return frozenset({purpose} | beside)"),
        ("R5g", "a yes for any purpose clears", _NO,
         "if word.request.purpose not in (purpose, denial.request.purpose):", "if False:"),
        ("R5g", "only a yes for the asked purpose clears", _NO,
         "if word.request.purpose not in (purpose, denial.request.purpose):",
         "if word.request.purpose != purpose:"),
        ("R5c", "another's no is one's own to take back", _NO,
         "        if denial.act.person == person\n    )\n\n\ndef stands_whole", "    )\n\n\ndef stands_whole"),
        ("R5", "a no stands whole though some was given since", _NO,
         "            return False\n    return True\n\n\ndef requests_stopped", "            pass\n    return True\n\n\ndef requests_stopped"),
        # R5e: custody contradicted.
        ("R5e", "only the controller's facts contradict", _CUSTODY,
         "for organisation in {request.controller, transfer.sender, transfer.recipient}",
         "for organisation in {request.controller}"),
        ("R5e", "whoever is excused contradicts", _CUSTODY,
         "answered = granted | excused_holders(history, request.consent, instant)",
         "answered = granted"),
        ("R5e", "who declined does not contradict", _CUSTODY,
         "if act.kind is ActKind.GRANT}", "}"),
        ("R5e", "an ended consent's facts count a month longer", _CUSTODY,
         "COUNTS_FOR_MONTHS = 12", "COUNTS_FOR_MONTHS = 13"),
        ("R5e", "an ended consent's facts count at their last instant", _CUSTODY,
         "final_at is None or final_at > cutoff", "final_at is None or final_at >= cutoff"),
        ("R5e", "facts count for ever", _CUSTODY,
         "final_at is None or final_at > cutoff", "True"),
        ("R5e", "who has no say contradicts", _CUSTODY,
         "    if not holders_have_a_say(request, instant):\n        return False\n", ""),
        ("R5e", "everybody concerned looks custody up again", _CUSTODY,
         "if not known_holders(history, organisation, instant) <= known", "if True"),
        # R5, R5h, R6: the decision.
        ("R5h", "every denial is named to everybody", _DECIDE,
         "if one.denial.request.consent in names]\n    hidden", "]\n    hidden"),
        ("R5h", "hidden denials are not told at all", _DECIDE,
         "hidden = [_HIDDEN] if len(told) < len(objections) else []", "hidden = []"),
        ("R5h", "a denial hides a contradiction", _DECIDE,
         "*([_CONTRADICTED] if contradicted else []),",
         "*([_CONTRADICTED] if contradicted and not objections else []),"),
        ("R5h", "only the newest without a shortcoming may permit", _DECIDE,
         "        told = told or denied\n", "        return denied\n"),
        ("R5h", "the oldest that would permit is told", _DECIDE,
         "        told = told or denied\n", "        told = denied\n"),
        ("R5h", "the newest candidate is told, however much it lacks", _DECIDE,
         "closest = min(candidates, key=lambda candidate: len(candidate.shortcomings))",
         "closest = candidates[0]"),
        ("R5h", "a party that was never covered may know", _DECIDE,
         "if caller == request.controller or caller in state.covered:", "if True:"),
        ("R5", "what was left out passes", _DECIDE,
         "scope: Scope = state.effective_scope or request.asked", "scope: Scope = request.asked"),
        ("R5", "the first category alone must be covered", _DECIDE,
         "for category in sorted(transfer.categories - scope.categories)",
         "for category in sorted(transfer.categories)[:1] if category not in scope.categories"),
        ("R5", "a permission outlasts the consent", _DECIDE,
         "valid_until if ends is None else min(valid_until, ends)", "valid_until"),
        ("R5b", "nobody attests an exemption", _DECIDE,
         "    if not excused_holders(history, request.consent, instant).isdisjoint(present):\n"
         "        by.add(request.controller)\n", ""),
        ("R5b", "nobody attests what was said by word of mouth", _DECIDE,
         "by = {act.attested_by or request.controller for act in answers if act.is_attested}",
         "by = {act.attested_by or request.controller for act in answers if act.paper}"),
        ("R6", "a warning tells of requests that nobody may know", _DECIDE,
         "return objections, is_known or closest", "return objections, True"),
        ("R6", "a warning is given under known requests alone", _DECIDE,
         "return objections, is_known or closest", "return objections, is_known"),
        # R9, R10: who comes later, and look-ups.
        ("R9", "who holds custody from a date ahead never will", _LATE,
         "if isinstance(fact, CustodyChange) and fact.controller == request.controller\n    }",
         "if False\n    }"),
        ("R9", "a child has a say when it is asked for", _LATE,
         "ahead = {child_reaches(request.birth_date, YOUNG_PERSON_AGE)} | {",
         "ahead = set() | {"),
        ("R9", "a request's holder holds custody from the next change", _LATE,
         "        if isinstance(fact, Request):\n            return None\n",
         "        if isinstance(fact, Request):\n            continue\n"),
        ("R9", "everybody's link is a first one", _LATE,
         "    if person in required_signers(history.recorded_by(request.at), request, request.at):\n"
         "        return False\n", ""),
        ("R9", "every link is a first one", _LATE,
         "isinstance(fact, LinkIssued) and (fact.consent, fact.person) == (request.consent, person)",
         "False"),
        ("R10", "a look-up need not be newer than a change in effect", _LOOKUPS,
         "if isinstance(fact, CustodyChange) and effective <= instant:", "if False:"),
        ("R10", "a change ahead makes look-ups of today old", _LOOKUPS,
         "if isinstance(fact, CustodyChange) and effective <= instant:",
         "if isinstance(fact, CustodyChange):"),
        ("R10", "a wrong change keeps itself from being corrected", _LOOKUPS,
         "corrected_changes(history, controller, instant) | {corrects}",
         "corrected_changes(history, controller, instant)"),
        ("R10", "another's look-ups make one's own old", _LOOKUPS,
         "if not isinstance(fact, CustodyFact) or fact.controller != controller:",
         "if not isinstance(fact, CustodyFact):"),
        ("R10", "an old look-up is enough after a contradiction", _LOOKUPS,
         "fact.at > since and looked_up_on(fact) >= local_date(since)", "fact.at > since"),
        # R11 and whose facts let one see.
        ("R11", "a no under a request in force is kept back", _HELD,
         "if state.is_live and state.status is not Status.IN_FORCE", "if state.is_live"),
        ("R11", "a no under an ended request is kept back", _HELD,
         "if state.is_live and state.status is not Status.IN_FORCE",
         "if state.status is not Status.IN_FORCE"),
        ("R11", "nothing is kept back", _HELD,
         "return any(consent in secret for _, consent in noes)", "return False"),
        ("R11", "one's own no is kept back with another's", _HELD,
         "    if any(who == person for who, _ in noes):\n        return False\n", ""),
        ("R11", "a leaving-out is told at once", _HELD,
         'or (reason["code"] in _LEFT_OUT and "role" in reason)', ""),
        ("R11", "only declines and withdrawals are kept back", _HELD,
         '"scope_empty", "objection_stands"})', "})"),
        ("R11", "what rests on a refusal of the request itself is told", _REFUSERS,
         "return _refusals(known, asked, state)", "return frozenset()"),
        ("R11", "what rests on denials elsewhere is told", _REFUSERS,
         "    return frozenset(\n        (objection.denial.act.person",
         "    return frozenset() and frozenset(\n        (objection.denial.act.person"),
        ("R11", "nobody left nothing of the scope", _REFUSERS,
         "if any(reason.code is ReasonCode.SCOPE_EMPTY for reason in state.reasons):", "if False:"),
        ("R11", "a child is asked from the beginning", _PLACES,
         "        person in signers_with_a_say(history.recorded_by(moment), request, moment)\n",
         "        person == request.child or "
         "person in signers_with_a_say(history.recorded_by(moment), request, moment)\n"),
        ("R11", "whoever had a say only at first was not asked", _PLACES,
         "for moment in (request.at, end)", "for moment in (end,)"),
        ("R11", "whoever came later was not asked", _PLACES,
         "for moment in (request.at, end)", "for moment in (request.at,)"),
        ("R11", "any party that one was asked for is named beside any other", _PLACES,
         "any(together <= parties for parties in self.asked)",
         "any(together & parties for parties in self.asked)"),
        ("R10", "whom anybody calls a holder sees what all of them do", _STANDING,
         "return all(deciding) if by_all else deciding[0]", "return any(knowing.values())"),
        ("R10", "the first that has facts decides of a contradiction too", _STANDING,
         "return all(deciding) if by_all else deciding[0]", "return deciding[0]"),
        ("R10", "the last that has facts decides", _STANDING,
         "return all(deciding) if by_all else deciding[0]",
         "return all(deciding) if by_all else deciding[-1]"),
        ("R10", "where none concerned has facts, one that knows them is enough", _STANDING,
         "return bool(knowing) and all(knowing.values())", "return any(knowing.values())"),
        ("R1", "parents see on after the 18th birthday", _STANDING,
         "if not births or instant >= parents_released(min(births), ADULT_AGE):", "if not births:"),
    )
]  # fmt: skip
