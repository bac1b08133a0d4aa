"""Disclosures and decisions over HTTP: the hot path."""

from typing import Any

from consent_service.api.disclosures import schemas
from consent_service.api.disclosures.commands import disclosure, legal_basis, question
from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.fields import PageQuery
from consent_service.api.http.idempotency import Exhausted, Repeat
from consent_service.api.http.problems import MEDIA_TYPE, problem
from consent_service.domain.disclosures.decision import Denied, Permitted
from consent_service.errors import Unavailable
from consent_service.services.disclosures.ask_decision import ask_decision
from consent_service.services.disclosures.decided import (
    attested_by_json,
    outcome_of,
    reasons_json,
)
from consent_service.services.disclosures.disclose import Disclosed, disclose
from consent_service.services.disclosures.find_disclosures import (
    visible_disclosure,
    visible_disclosures,
)
from consent_service.services.disclosures.report_outcome import disclosure_outcome, record_outcome
from consent_service.services.kernel.ports import Answer
from consent_service.services.log.model import LoggedEntry
from consent_service.signing.canonical import instant_text

MOST_REPLAYS = 5
"""How often a permitted disclosure is decided again under its key, whatever the answers were."""


def create_disclosure(call: Call) -> Reply:
    """POST /v1/disclosures: decide, log and answer in one step.

    The answer is kept in the very statement that logs the entry. Only when that finds an answer
    already kept is this a repeated request.
    """
    repeat = call.repeat
    if repeat is None:
        raise TypeError("a disclosure declares its Idempotency-Key as required")

    def answer_for(disclosed: Disclosed) -> Answer:
        reply = _reply(disclosed)
        return repeat.answer(reply.status, reply.content)

    command = disclosure(call.body)
    disclosed = disclose(call.uow, call.context, call.caller, command, answer_for)
    if disclosed is not None:
        return _reply(disclosed)
    return _repeated(call, repeat)


def _repeated(call: Call, repeat: Repeat) -> Reply:
    """The first answer; a permitted disclosure is decided again, under whatever holds now.

    There is one disclosure, with the first id. Permitted again, the answer is of the new decision
    in all else; denied now, it is the denial, and whoever asks once more is decided once more. The
    sixth replay is refused. Raises Exhausted.
    """
    kept = repeat.find(call.uow)
    if kept is None:
        raise Unavailable("contention", "The first answer is being forgotten: try again.")
    content = repeat.open(kept)
    replayed = {"Idempotency-Replayed": "true"}
    if content.get("decision") != "permitted":
        media_type = "application/json" if kept.status < 400 else MEDIA_TYPE
        return Reply(kept.status, content, None, replayed, media_type)
    if call.uow.answers.count_replay(kept.key_hash) > MOST_REPLAYS:
        raise Exhausted
    command, first = disclosure(call.body), content["id"]
    again = disclose(call.uow, call.context, call.caller, command, _keep_nothing, replays=first)
    if again is None:
        raise TypeError("nothing is kept, so nothing was kept meanwhile")
    reply = _reply(again)
    if isinstance(again.decision, Permitted):
        reply.content["id"] = first
    return Reply(reply.status, reply.content, None, replayed, reply.media_type)


def _keep_nothing(_disclosed: Disclosed) -> None:
    return None


def _reply(disclosed: Disclosed) -> Reply:
    shown: dict[str, Any] = {"id": disclosed.entry, "decision": outcome_of(disclosed.decision)}
    decision = disclosed.decision
    if isinstance(decision, Denied):
        members = problem(
            403,
            "disclosure_denied",
            "This may not be disclosed; the denial is in the log.",
            **shown,
            reasons=reasons_json(decision),
        )
        return Reply(403, members, media_type=MEDIA_TYPE)
    shown["decided_at"] = instant_text(disclosed.decided_at)
    shown["log_promise"] = disclosed.promise
    if isinstance(decision, Permitted):
        shown["consent"] = decision.consent
        shown["terms_sha256"] = decision.terms_sha256
        shown["valid_until"] = instant_text(decision.valid_until)
        shown |= attested_by_json(decision)
    else:
        shown["warnings"] = list(disclosed.warnings)
    return Reply(201, shown)


def create_decision(call: Call) -> Reply:
    """POST /v1/decisions."""
    decision, instant = ask_decision(
        call.uow,
        call.context,
        call.caller,
        question(call.body),
        legal_basis(call.body),
        call.body["as_of"],
        employee(call.body),
    )
    return Reply(
        200,
        {
            "decision": outcome_of(decision),
            "reasons": reasons_json(decision),
            "as_of": instant_text(instant),
            **attested_by_json(decision),
        },
    )


def get_disclosures(call: Call) -> Reply:
    """GET /v1/disclosures."""
    after = call.cursors.open(call.query.get("cursor"))
    found, last = visible_disclosures(
        call.uow, call.context, call.caller, after=after, limit=call.query["limit"]
    )
    items = [_shown(call, entry) for entry in found]
    return Reply(200, {"items": items, "next": call.cursors.seal(last)})


def get_disclosure(call: Call) -> Reply:
    """GET /v1/disclosures/{id}."""
    entry = visible_disclosure(call.uow, call.context, call.caller, call.path["disclosure_id"])
    return Reply(200, _shown(call, entry))


def create_disclosure_outcome(call: Call) -> Reply:
    """POST /v1/disclosures/{id}/outcome."""
    entry = record_outcome(
        call.uow,
        call.context,
        call.caller,
        call.path["disclosure_id"],
        call.body["outcome"],
        employee(call.body),
    )
    return Reply(200, _shown(call, entry))


def _shown(call: Call, entry: LoggedEntry) -> dict[str, Any]:
    body = entry.body
    # Whoever receives it need not know of the consent whose shortcomings were told, nor of the
    # request under which somebody objected.
    is_own = call.caller.organisation in (body["organisation"], entry.controller)
    is_told = is_own or body["outcome"] != "denied"
    return {
        "id": entry.id,
        "decision": body["outcome"],
        "decided_at": instant_text(entry.time),
        "consent": body.get("consent") if is_told else None,
        "sender": body["organisation"],
        "recipient": body["recipient"],
        "purpose": body["purpose"],
        "categories": body["categories"],
        "legal_basis": body["legal_basis"],
        "channel": body["channel"],
        "document": body.get("document"),
        "reasons": body.get("reasons", []) if is_told else [],
        "warnings": body.get("warnings", []) if is_own else [],
        "outcome": disclosure_outcome(call.uow, entry),
    }


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/disclosures",
        "disclosures:write",
        "Decide, log and answer a disclosure in one step",
        create_disclosure,
        {201: "Disclosed", 403: "DisclosureDenied", 409: "Problem", 429: "Problem", 503: "Problem"},
        body=schemas.DisclosureBody,
        idempotency="required",
        stepwise=True,
        tag="Disclosures",
    ),
    Endpoint(
        "GET",
        "/v1/disclosures",
        "disclosures:write",
        "List disclosures sent, received or controlled",
        get_disclosures,
        {200: "DisclosurePage"},
        query=PageQuery,
        tag="Disclosures",
    ),
    Endpoint(
        "GET",
        "/v1/disclosures/<disclosure_id>",
        "disclosures:write",
        "One disclosure",
        get_disclosure,
        {200: "Disclosure", 404: "Problem"},
        tag="Disclosures",
    ),
    Endpoint(
        "POST",
        "/v1/disclosures/<disclosure_id>/outcome",
        "disclosures:write",
        "Report whether a disclosure was carried out",
        create_disclosure_outcome,
        {200: "Disclosure", 404: "Problem", 409: "Problem"},
        body=schemas.OutcomeBody,
        idempotency="optional",
        tag="Disclosures",
    ),
    Endpoint(
        "POST",
        "/v1/decisions",
        "decisions:read",
        "Ask whether a disclosure would be permitted",
        create_decision,
        {200: "Decision", 429: "Problem", 503: "Problem"},
        body=schemas.DecisionBody,
        stepwise=True,
        tag="Disclosures",
    ),
]
