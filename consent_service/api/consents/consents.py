"""Consents over HTTP: asked for, looked at, given new links, taken back."""

from consent_service.api.consents import schemas
from consent_service.api.consents.acts import as_it_stands
from consent_service.api.consents.commands import consent_request
from consent_service.api.http.commands import employee
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.fields import PageQuery
from consent_service.domain.kernel.facts import CancellationReason
from consent_service.services.children.family import check_cpr
from consent_service.services.consents.cancel import cancel
from consent_service.services.consents.issue_links import issue_links
from consent_service.services.consents.list_consents import ConsentFilter, list_consents
from consent_service.services.consents.request_consent import request_consent
from consent_service.services.consents.timeline import timeline
from consent_service.services.consents.view_consent import consent_as_it_stands, view_consent


def create_consent(call: Call) -> Reply:
    """POST /v1/consents."""
    asked = request_consent(call.uow, call.context, call.caller, consent_request(call.body))
    return _with_links(call, asked.consent, asked.signing_urls, 201)


def _with_links(call: Call, consent: str, urls: dict[str, str], status: int) -> Reply:
    """An answer that shows the signing addresses once: what is kept for repeats has none."""
    shown = consent_as_it_stands(call.uow, call.context, call.caller, consent, urls)
    kept = consent_as_it_stands(call.uow, call.context, call.caller, consent)
    return Reply(status, shown, kept)


def get_consent(call: Call) -> Reply:
    """GET /v1/consents/{id}."""
    return Reply(200, view_consent(call.uow, call.context, call.caller, call.path["consent_id"]))


def get_consents(call: Call) -> Reply:
    """GET /v1/consents."""
    query = dict(call.query)
    after, limit = call.cursors.open(query.pop("cursor", None)), query.pop("limit")
    items, last = list_consents(
        call.uow, call.context, call.caller, ConsentFilter(**query), after=after, limit=limit
    )
    return Reply(200, {"items": items, "next": call.cursors.seal(last)})


def search_consents(call: Call) -> Reply:
    """POST /v1/consents/search."""
    after = call.cursors.open(call.body.get("cursor"))
    child = check_cpr(call.body["child"]["cpr"], "/child/cpr")
    items, last = list_consents(
        call.uow,
        call.context,
        call.caller,
        ConsentFilter(child=child),
        after=after,
        limit=call.body["limit"],
    )
    return Reply(200, {"items": items, "next": call.cursors.seal(last)})


def create_links(call: Call) -> Reply:
    """POST /v1/consents/{id}/links."""
    consent = call.path["consent_id"]
    urls = issue_links(
        call.uow,
        call.context,
        call.caller,
        consent,
        call.body.get("signatories"),
        employee(call.body),
    )
    return _with_links(call, consent, urls, 200)


def create_cancellation(call: Call) -> Reply:
    """POST /v1/consents/{id}/cancellation."""
    cancel(
        call.uow,
        call.context,
        call.caller,
        call.path["consent_id"],
        CancellationReason(call.body["reason"]),
        call.body["note"],
        employee(call.body),
    )
    return as_it_stands(call)


def get_timeline(call: Call) -> Reply:
    """GET /v1/consents/{id}/timeline."""
    after = call.cursors.open(call.query.get("cursor"))
    items, last = timeline(
        call.uow,
        call.context,
        call.caller,
        call.path["consent_id"],
        after=after,
        limit=call.query["limit"],
    )
    return Reply(200, {"items": items, "next": call.cursors.seal(last)})


ENDPOINTS = [
    Endpoint(
        "POST",
        "/v1/consents",
        "consents:write",
        "Ask a family for consent",
        create_consent,
        {201: "Consent", 409: "Problem", 429: "Problem"},
        body=schemas.ConsentRequestBody,
        idempotency="required",
        tag="Consents",
    ),
    Endpoint(
        "GET",
        "/v1/consents",
        "consents:read",
        "List consents",
        get_consents,
        {200: "ConsentPage"},
        query=schemas.ConsentQuery,
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/search",
        "consents:read",
        "Find the consents about a child",
        search_consents,
        {200: "ConsentPage"},
        body=schemas.ConsentSearchBody,
        tag="Consents",
    ),
    Endpoint(
        "GET",
        "/v1/consents/<consent_id>",
        "consents:read",
        "One consent",
        get_consent,
        {200: "Consent", 404: "Problem"},
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/links",
        "consents:write",
        "Make new signing links",
        create_links,
        {200: "Consent", 404: "Problem", 409: "Problem", 429: "Problem"},
        body=schemas.LinksBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "POST",
        "/v1/consents/<consent_id>/cancellation",
        "consents:write",
        "Take a request back",
        create_cancellation,
        {200: "Consent", 404: "Problem", 409: "Problem"},
        body=schemas.CancellationBody,
        idempotency="optional",
        tag="Consents",
    ),
    Endpoint(
        "GET",
        "/v1/consents/<consent_id>/timeline",
        "consents:read",
        "Every event of a consent",
        get_timeline,
        {200: "Timeline", 404: "Problem"},
        query=PageQuery,
        tag="Consents",
    ),
]
