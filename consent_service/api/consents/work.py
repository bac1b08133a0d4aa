"""A caseworker's list over HTTP."""

from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.fields import PageQuery
from consent_service.services.consents.work import list_work


def get_work(call: Call) -> Reply:
    """GET /v1/work."""
    after = call.cursors.open(call.query.get("cursor"))
    items, last = list_work(
        call.uow, call.context, call.caller, after=after, limit=call.query["limit"]
    )
    return Reply(200, {"items": items, "next": call.cursors.seal(last)})


ENDPOINTS = [
    Endpoint(
        "GET",
        "/v1/work",
        "consents:read",
        "List what caseworkers have to do",
        get_work,
        {200: "WorkPage"},
        query=PageQuery,
        tag="Consents",
    ),
]
