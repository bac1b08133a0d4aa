"""What one controller knows about a person and did with it (GDPR Article 15, R12); logged.

Two copies: the citizen's leaves out employees, other people's acts and protected names (R11), and
whatever may not be shown to the family yet (R6), without a gap that would tell; the data-protection
officer's has it all.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.signers import required_signers, signers_with_a_say
from consent_service.domain.consents.state import ConsentState, state_at
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import History, Request
from consent_service.errors import NotFound
from consent_service.services.children.acts import moment_after
from consent_service.services.children.model import PersonDetails
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.insight.insight import Insight, insight_of
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import ChildRef, Employee
from consent_service.services.log.taken import withdrawals_taken
from consent_service.services.rights.exported_log import exported_log
from consent_service.services.rights.ports import RightsUnit
from consent_service.services.signatures.model import FiledStatement
from consent_service.services.signatures.signing_page import as_shown
from consent_service.signing import base64url
from consent_service.signing.canonical import instant_text

Audience = Literal["citizen", "dpo"]
ENTRY_TYPE = "subject_exported"


@dataclass(frozen=True)
class SubjectRequest:
    """Who asks about whom: `performed_by` is None where the person asks at their own page."""

    controller: str
    cpr: CprNumber
    audience: Audience
    performed_by: Employee | None
    client: str | None = None


@dataclass(frozen=True)
class _Place:
    """The person around one child: under what consents, and whether they may see the child's."""

    child: str
    person: str
    history: History
    now: datetime
    requests: Sequence[Request]
    has_insight: bool
    insight: Insight | None
    """None in the data-protection officer's copy, which is whole."""

    @property
    def is_child(self) -> bool:
        return self.child == self.person


def export_subject(
    uow: RightsUnit, context: Context, asked: SubjectRequest, child: str | None = None
) -> dict[str, Any]:
    """Everything, as JSON; with `child` only what is around that one. Raises NotFound.

    A person nobody knows gets an export that says so: that is an answer too.
    """
    controller = uow.catalogue.organisation(asked.controller)
    if controller is None:
        raise NotFound("There is no such organisation.")
    if child is None:
        around = uow.subjects.around(asked.controller, asked.cpr)
    else:
        person = uow.children.find_person(child, asked.cpr)
        around = [(child, person)] if person else []
    about = []
    for one_child, person in around:
        place = _place(uow, context, asked, one_child, person)
        about.append(_about(uow, asked, place))
    for one_child, person in around:
        _log(uow, context, asked, one_child, is_child=one_child == person)
    if not around:
        _log(uow, context, asked, None, is_child=False)
    return {
        "v": 1,
        "made_at": instant_text(context.clock()),
        "audience": asked.audience,
        "controller": {
            "id": controller.id,
            "name": controller.name,
            "contact": dict(controller.contact),
        },
        "cpr": asked.cpr.value,
        "about": about,
        "stops": _stops(uow, asked, child),
        "organisations": _names(uow, about),
        "words": _words(uow, asked.controller, about),
    }


def _stops(uow: RightsUnit, asked: SubjectRequest, child: str | None) -> list[dict[str, Any]]:
    """What this person told the organisation to stop (R4), of whichever child, or of this one.

    In the data-protection officer's copy also what others said about this child.
    """
    number = uow.children.child_number(asked.controller, child) if child else None
    if child is not None and number is None:
        return []
    mine = asked.cpr.value
    stops = []
    for entry in withdrawals_taken(uow, asked.controller, number):
        told = entry.body["told"]
        if told["signer"] == mine or (asked.audience == "dpo" and told["child"] == mine):
            stop = {"entry": entry.id, "time": instant_text(entry.time)}
            said = {"channel": entry.body["channel"], "purpose": entry.body.get("purpose")}
            staff = {"performed_by": entry.body["performed_by"], "note": entry.body.get("note")}
            stops.append(stop | said | (staff if asked.audience == "dpo" else {}))
    return stops


def _log(
    uow: RightsUnit, context: Context, asked: SubjectRequest, child: str | None, *, is_child: bool
) -> None:
    number = uow.children.child_number(asked.controller, child) if child else None
    if number is None and is_child:
        number = asked.cpr
    details: dict[str, str] = {"audience": asked.audience}
    if child is not None:
        details["subject"] = "child" if is_child else "holder"
    event = Event(
        ENTRY_TYPE,
        asked.controller,
        asked.controller,
        child=ChildRef(child, number) if child and number else None,
        client=asked.client,
        employee=asked.performed_by,
        details=details,
    )
    context.journal.write(uow, event, context.clock())


def _place(
    uow: RightsUnit, context: Context, asked: SubjectRequest, child: str, person: str
) -> _Place:
    history = uow.children.snapshot(child).history
    now = moment_after(history, context.clock())
    requests = [r for r in history.requests if r.controller == asked.controller]
    has_a_say = any(person in signers_with_a_say(history, r, now) for r in requests)
    insight = None if asked.audience == "dpo" else insight_of(uow, history, child, person, now)
    return _Place(child, person, history, now, requests, child == person or has_a_say, insight)


def _about(uow: RightsUnit, asked: SubjectRequest, place: _Place) -> dict[str, Any]:
    whole = asked.audience == "dpo"
    known = uow.children.details(asked.controller, {place.child, place.person})
    consents, statements = [], []
    own: set[str] = set()
    for request in place.requests:
        file = uow.consents.controlled(request.consent, asked.controller)
        signatories = uow.consents.signatories(request.consent)
        mine = [s for s in signatories if s.person == place.person]
        if file is None or not (mine or place.is_child):
            continue
        own |= {s.id for s in mine}
        consents.append(_consent(uow, asked, place, request, file, signatories))
        statements += [
            _statement(filed, signatories)
            for filed in uow.statements.of_consent(request.consent)
            if whole or filed.signatory in own
        ]
    number = known[place.child].cpr if place.child in known else None
    if number is None and place.is_child:
        number = asked.cpr
    child = known.get(place.child)
    return {
        "relation": "child" if place.is_child else "holder",
        "child": child.name if child and place.has_insight else None,
        "details": _details(known.get(place.person)),
        "consents": consents,
        "statements": statements,
        **exported_log(
            uow, asked.controller, number, place.child, own, place.now,
            place.insight, has_insight=whole or place.has_insight,
        ),
    }  # fmt: skip


def _details(d: PersonDetails | None) -> dict[str, Any] | None:
    if d is None:
        return None
    return {
        "name": d.name,
        "birth_date": d.birth_date.isoformat() if d.birth_date else None,
        "email": d.email,
        "phone": d.phone,
        "language": d.language,
        "name_protected": d.name_protected,
    }


def _consent(
    uow: RightsUnit,
    asked: SubjectRequest,
    place: _Place,
    request: Request,
    file: ConsentFile,
    signatories: Sequence[Signatory],
) -> dict[str, Any]:
    state = state_at(place.history, request.consent, place.now)
    answer = latest_answers(place.history, request.consent).get(place.person)
    own = answer.kind if answer else None
    whole = asked.audience == "dpo"
    seen = state.status if whole else as_shown(state, own, place.person)
    return {
        "id": file.id,
        "template": file.template,
        "template_version": file.template_version,
        "case_reference": file.case_reference,
        "purpose": request.purpose,
        "parties": _parties(place, request),
        "categories": sorted(request.asked.categories),
        "asked_at": instant_text(request.at),
        "deadline": file.deadline.isoformat(),
        # A former holder's insight has ended: what became of it is no longer theirs to know.
        "status": seen.value if whole or place.has_insight else None,
        "expires_at": _ends(state) if whole or (place.has_insight and state.complete_at) else None,
        "terms_sha256": file.terms_sha256,
        "others": _others(uow, asked, place, request, signatories),
    }


def _parties(place: _Place, request: Request) -> list[str]:
    parties = sorted(request.asked.parties)
    return parties if place.insight is None else sorted(place.insight.places(*parties))


def _ends(state: ConsentState) -> str | None:
    """When it ends. It counts from the first grant, so before it is complete it tells of one."""
    return instant_text(state.expires_at) if state.expires_at else None


def _others(
    uow: RightsUnit,
    asked: SubjectRequest,
    place: _Place,
    request: Request,
    signatories: Sequence[Signatory],
) -> list[dict[str, Any]]:
    """Who else must sign: by name, unless that is protected and the copy is the citizen's (R11)."""
    whole = asked.audience == "dpo"
    if not (whole or place.has_insight):
        return []
    required = required_signers(place.history, request, place.now)
    others = [
        s for s in signatories if s.person != place.person and (whole or s.person in required)
    ]
    details = uow.children.details(asked.controller, [s.person for s in others])
    shown = []
    for one in others:
        known = details.get(one.person)
        hidden = place.insight is not None and place.insight.is_protected(one.person)
        shown.append(
            {"role": one.role.value, "name": None if hidden or known is None else known.name}
        )
    return shown


def _statement(filed: FiledStatement, signatories: Iterable[Signatory]) -> dict[str, Any]:
    """A sealed statement in its own words, with what proved who it was."""
    said: Mapping[str, Any] = json.loads(base64url.decode(filed.seal.split(".")[1]))
    role = next((s.role.value for s in signatories if s.id == filed.signatory), said["role"])
    shown = filed.evidence.get("shown")
    return {
        "consent": filed.consent,
        "sha256": filed.sha256,
        "role": role,
        "decision": said["decision"],
        "time": said["time"],
        "scope": said["scope"],
        "identity": {name: said["identity"][name] for name in ("issuer", "loa", "time")},
        "text": shown["text"] if shown else None,
        "text_language": shown["language"] if shown else None,
    }


# -- words ------------------------------------------------------------------------------------


def _names(uow: RightsUnit, about: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Every organisation that occurs, by its name."""
    ids: set[str] = set()
    for one in about:
        for consent in one["consents"]:
            ids |= set(consent["parties"])
        for listed in ("disclosures", "questions"):
            ids |= {item[side] for item in one[listed] for side in ("sender", "recipient")}
        ids |= {item["organisation"] for item in (*one["accesses"], *one["steps"])}
    found = {id_: uow.catalogue.organisation(id_) for id_ in sorted(ids)}
    return {id_: one.name for id_, one in found.items() if one is not None}


def _words(
    uow: RightsUnit, controller: str, about: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, dict[str, str]]]:
    """The templates' own words for purposes and categories, by language."""
    words: dict[str, dict[str, dict[str, str]]] = {}
    asked = {(c["template"], c["template_version"]) for one in about for c in one["consents"]}
    for template, version in sorted(asked):
        found = uow.catalogue.template(controller, template, version)
        if found is None:
            continue
        for language, labels in found.content["labels"].items():
            known = words.setdefault(language, {"purposes": {}, "categories": {}})
            known["purposes"][found.content["purpose"]] = labels["purpose"]
            known["categories"].update(labels["categories"])
    return words
