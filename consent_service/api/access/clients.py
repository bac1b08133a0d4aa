"""Clients over HTTP, for the operator: register, change scopes, keys and secrets, revoke."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from consent_service.api.access import schemas
from consent_service.api.http.endpoint import Call, Endpoint, Reply
from consent_service.api.http.fields import PageQuery
from consent_service.errors import InvalidInput
from consent_service.identity.public_keys import UnusableKey, pinned, public_members, thumbprint
from consent_service.services.access import manage_clients
from consent_service.services.access.client import OPERATOR_SCOPE, OURS, Client, ClientKey
from consent_service.signing.canonical import instant_text


def create_client(call: Call) -> Reply:
    """POST /v1/clients."""
    body = call.body
    members = (body["jwks"] or {"keys": []})["keys"]
    now = call.context.clock()
    client, secret = manage_clients.register_client(
        call.uow,
        call.context,
        call.caller,
        client=body["id"],
        organisation=body["organisation"],
        scopes=frozenset(body["scopes"]),
        auth_method=body["auth_method"],
        keys=[client_key(jwk, now, f"/jwks/keys/{n}") for n, jwk in enumerate(members)],
    )
    shown = client_json(client)
    if secret is None:
        return Reply(201, shown)
    # A secret is shown once: what is kept for a repeated request lacks it.
    return Reply(201, shown | {"client_secret": secret.value}, kept=shown)


def get_clients(call: Call) -> Reply:
    """GET /v1/clients."""
    limit = call.query["limit"]
    found = call.uow.clients.page(call.cursors.open(call.query.get("cursor")), limit + 1)
    page = found[:limit]
    last = page[-1].id if len(found) > limit else None
    return Reply(200, {"items": [client_json(c) for c in page], "next": call.cursors.seal(last)})


def get_client(call: Call) -> Reply:
    """GET /v1/clients/{id}."""
    return Reply(200, client_json(manage_clients.get_client(call.uow, call.path["client_id"])))


def create_client_scopes(call: Call) -> Reply:
    """POST /v1/clients/{id}/scopes."""
    scopes = frozenset(call.body["scopes"])
    client = manage_clients.change_scopes(
        call.uow, call.context, call.caller, call.path["client_id"], scopes
    )
    return Reply(200, client_json(client))


def create_client_key(call: Call) -> Reply:
    """POST /v1/clients/{id}/keys."""
    key = client_key(call.body, call.context.clock(), "")
    client = manage_clients.add_key(
        call.uow, call.context, call.caller, call.path["client_id"], key
    )
    return Reply(201, client_json(client))


def create_client_key_removal(call: Call) -> Reply:
    """POST /v1/clients/{id}/keys/{kid}/removal."""
    client = manage_clients.remove_key(
        call.uow, call.context, call.caller, call.path["client_id"], call.path["kid"]
    )
    return Reply(200, client_json(client))


def create_client_secret(call: Call) -> Reply:
    """POST /v1/clients/{id}/secrets."""
    secret = manage_clients.new_secret(call.uow, call.context, call.caller, call.path["client_id"])
    return Reply(201, {"id": secret.id, "client_secret": secret.value}, kept={"id": secret.id})


def create_client_secret_revocation(call: Call) -> Reply:
    """POST /v1/clients/{id}/secrets/{secret}/revocation."""
    client = manage_clients.revoke_secret(
        call.uow, call.context, call.caller, call.path["client_id"], call.path["secret_id"]
    )
    return Reply(200, client_json(client))


def create_registered_client_revocation(call: Call) -> Reply:
    """POST /v1/clients/{id}/revocation."""
    client = manage_clients.revoke_client(
        call.uow, call.context, call.caller, call.path["client_id"]
    )
    return Reply(200, client_json(client))


def create_client_revocation(call: Call) -> Reply:
    """POST /v1/client-revocations."""
    manage_clients.revoke(
        call.uow,
        call.context,
        call.caller,
        issuer=call.body["issuer"] or OURS,
        client=call.body["client"],
        organisation=call.body["organisation"],
    )
    return Reply(201, dict(call.body))


def client_key(jwk: Mapping[str, Any], now: datetime, pointer: str) -> ClientKey:
    """A JWK as it is registered: public members, a kid, one algorithm. Raises InvalidInput."""
    if "d" in jwk:
        raise InvalidInput.field(pointer, "This is a private key: keep it, send its public half.")
    try:
        key = pinned(dict(jwk))
        kid = jwk.get("kid") or thumbprint(jwk)
        kept = {**public_members(dict(jwk)), "kid": kid, "alg": key.algorithm_name, "use": "sig"}
    except UnusableKey as why:
        raise InvalidInput.field(pointer, f"This key cannot be used: {why}.") from None
    if not isinstance(kid, str) or schemas.KID.fullmatch(kid) is None:
        raise InvalidInput.field(f"{pointer}/kid", "1 to 64 letters, digits, _ and -.")
    return ClientKey(kid, kept, now)


def client_json(client: Client) -> dict[str, Any]:
    """A client as the operator sees it; of a secret only its id."""
    return {
        "id": client.id,
        "organisation": client.organisation,
        "scopes": sorted(client.scopes),
        "auth_method": client.auth_method,
        "created_at": instant_text(client.created_at),
        "revoked_at": instant_text(client.revoked_at) if client.revoked_at else None,
        "suspended_at": instant_text(client.suspended_at) if client.suspended_at else None,
        "jwks": {"keys": [dict(key.jwk) for key in client.keys]},
        "secrets": [
            {"id": one.id, "created_at": instant_text(one.created_at)} for one in client.secrets
        ],
    }


def _endpoint(
    path: str,
    summary: str,
    handler: Any,
    answers: Mapping[int, str],
    body: type[Any] = schemas.NothingBody,
) -> Endpoint:
    return Endpoint(
        "POST",
        path,
        OPERATOR_SCOPE,
        summary,
        handler,
        answers,
        body=body,
        idempotency="optional",
        tag="Clients",
    )


_CHANGED = {200: "Client", 404: "Problem", 409: "Problem"}

ENDPOINTS = [
    _endpoint(
        "/v1/clients",
        "Register a system; the answer shows its secret once",
        create_client,
        {201: "Client", 409: "Problem"},
        schemas.ClientBody,
    ),
    Endpoint(
        "GET",
        "/v1/clients",
        OPERATOR_SCOPE,
        "List clients",
        get_clients,
        {200: "ClientPage"},
        query=PageQuery,
        tag="Clients",
    ),
    Endpoint(
        "GET",
        "/v1/clients/<client_id>",
        OPERATOR_SCOPE,
        "One client",
        get_client,
        {200: "Client", 404: "Problem"},
        tag="Clients",
    ),
    _endpoint(
        "/v1/clients/<client_id>/scopes",
        "Change what a client may ask for; a token that says more is refused at once",
        create_client_scopes,
        _CHANGED,
        schemas.ScopesBody,
    ),
    _endpoint(
        "/v1/clients/<client_id>/keys",
        "Add a public key",
        create_client_key,
        {201: "Client", 404: "Problem", 409: "Problem"},
        schemas.JwkBody,
    ),
    _endpoint(
        "/v1/clients/<client_id>/keys/<kid>/removal",
        "Remove a public key",
        create_client_key_removal,
        _CHANGED,
    ),
    _endpoint(
        "/v1/clients/<client_id>/secrets",
        "Make one more secret, shown once",
        create_client_secret,
        {201: "NewClientSecret", 404: "Problem", 409: "Problem"},
    ),
    _endpoint(
        "/v1/clients/<client_id>/secrets/<secret_id>/revocation",
        "Revoke a secret",
        create_client_secret_revocation,
        _CHANGED,
    ),
    _endpoint(
        "/v1/clients/<client_id>/revocation",
        "Revoke a client, at once and for ever",
        create_registered_client_revocation,
        _CHANGED,
    ),
    _endpoint(
        "/v1/client-revocations",
        "Revoke any client of any issuer, at once and for ever",
        create_client_revocation,
        {201: "ClientRevocation"},
        schemas.RevocationBody,
    ),
]
