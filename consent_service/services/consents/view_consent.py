"""What a caller sees of a consent: its controller everything, a party what it is covered by."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from consent_service.domain.consents.paper import latest_answers
from consent_service.domain.consents.signers import exemptions, holders_at, required_signers
from consent_service.domain.consents.state import ConsentState, Reason, state_at
from consent_service.domain.kernel.facts import ActKind, History, Role, Scope
from consent_service.services.children.acts import moment_after
from consent_service.services.consents.consent_event import consent_viewed
from consent_service.services.consents.find_consent import child_of, known_consent
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.consents.ports import ConsentsUnit
from consent_service.services.consents.reasons import reason_json
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller
from consent_service.signing.canonical import instant_text


def view_consent(
    uow: ConsentsUnit, context: Context, caller: Caller, consent: str
) -> dict[str, Any]:
    """The consent as this caller may see it; looking is logged. Raises NotFound."""
    file, history, state = known_consent(uow, context, caller, consent)
    child = child_of(uow, file)
    event = consent_viewed(caller, file, child, "consent")
    context.journal.write(uow, event, moment_after(history, context.clock()))
    if caller.organisation == file.controller:
        return controller_view(uow, file, history, state, moment_after(history, context.clock()))
    return party_view(file, history, state)


def consent_as_it_stands(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    consent: str,
    signing_urls: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The answer to an act about a consent, by somebody who may know of it. Raises NotFound."""
    file, _, _ = known_consent(uow, context, caller, consent)
    return consent_as_known(uow, context, caller, file, signing_urls)


def consent_as_known(
    uow: ConsentsUnit,
    context: Context,
    caller: Caller,
    file: ConsentFile,
    signing_urls: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The same for somebody who knew of it before the act."""
    history = uow.children.snapshot(file.child).history
    now = moment_after(history, context.clock())
    state = state_at(history, file.id, now)
    if caller.organisation != file.controller:
        return party_view(file, history, state)
    return controller_view(uow, file, history, state, now, signing_urls or {})


def controller_view(
    uow: ConsentsUnit,
    file: ConsentFile,
    history: History,
    state: ConsentState,
    now: datetime,
    signing_urls: Mapping[str, str] | None = None,
    *,
    names: bool = True,
) -> dict[str, Any]:
    """The whole consent. Lists leave the names out."""
    request = history.request(file.id)
    signatories = uow.consents.signatories(file.id)
    by_person = {signatory.person: signatory.id for signatory in signatories}
    template_sha256 = json.loads(file.terms)["template"]["sha256"]
    return {
        "id": file.id,
        "status": state.status.value,
        "status_reasons": [_status_reason(reason, by_person) for reason in state.reasons],
        "controller": file.controller,
        "template": {
            "id": file.template,
            "version": file.template_version,
            "sha256": template_sha256,
        },
        "terms_sha256": file.terms_sha256,
        "parties": sorted(request.asked.parties),
        "purpose": request.purpose,
        "categories": sorted(request.asked.categories),
        "effective_scope": scope_json(state.effective_scope),
        "case_reference": file.case_reference,
        "deadline": file.deadline.isoformat(),
        "lapses_at": instant_text(request.lapses_at),
        "created_at": instant_text(file.created_at),
        "complete_at": _optional_instant(state.complete_at),
        "expires_at": _optional_instant(state.expires_at),
        "renews": request.renews,
        "signatories": _signatories(
            uow, file, history, now, signatories, signing_urls or {}, names=names
        ),
    }


def party_view(file: ConsentFile, history: History, state: ConsentState) -> dict[str, Any]:
    """What a party sees of a consent that has covered it: no names, no signatures."""
    return {
        "id": file.id,
        "status": state.status.value,
        "controller": file.controller,
        "purpose": history.request(file.id).purpose,
        "effective_scope": scope_json(state.effective_scope),
        "expires_at": _optional_instant(state.expires_at),
        "terms": json.loads(file.terms),
    }


def scope_json(scope: Scope | None) -> dict[str, list[str]] | None:
    """A scope with its members in order."""
    if scope is None:
        return None
    return {"parties": sorted(scope.parties), "categories": sorted(scope.categories)}


def _status_reason(reason: Reason, by_person: Mapping[str, str]) -> dict[str, str]:
    shown = reason_json(reason)
    if reason.person is not None and reason.person in by_person:
        shown["signatory"] = by_person[reason.person]
    return shown


def _signatories(
    uow: ConsentsUnit,
    file: ConsentFile,
    history: History,
    now: datetime,
    signatories: Sequence[Signatory],
    signing_urls: Mapping[str, str],
    *,
    names: bool,
) -> list[dict[str, Any]]:
    details = uow.children.details(file.controller, [s.person for s in signatories])
    required = required_signers(history, history.request(file.id), now)
    opened = uow.links.opened(file.id)
    shown = []
    for signatory in signatories:
        item: dict[str, Any] = {
            "id": signatory.id,
            "role": signatory.role.value,
            "required": signatory.person in required,
            "state": signatory_state(history, signatory, now, signatory.id in opened),
        }
        if names:
            item["name"] = details[signatory.person].name
        if signatory.id in signing_urls:
            item["signing_url"] = signing_urls[signatory.id]
        shown.append(item)
    return shown


def signatory_state(history: History, signatory: Signatory, now: datetime, opened: bool) -> str:
    """How far a signatory has come: what they did, else whether they must, else their link."""
    answer = latest_answers(history, signatory.consent).get(signatory.person)
    if answer is not None:
        return {
            ActKind.GRANT: "granted",
            ActKind.DECLINE: "declined",
            ActKind.WITHDRAW: "withdrawn",
        }[answer.kind]
    request = history.request(signatory.consent)
    if signatory.person not in required_signers(history, request, now):
        is_holder = signatory.person in {
            holder.person for holder in holders_at(history, request.controller, now)
        }
        excused = any(
            exemption.person == signatory.person and exemption.counts_at(now)
            for exemption in exemptions(history, signatory.consent)
        )
        return (
            "excused"
            if excused and is_holder and signatory.role is not Role.CHILD
            else ("not_required")
        )
    return "opened" if opened else "invited"


def _optional_instant(instant: datetime | None) -> str | None:
    return instant_text(instant) if instant else None
