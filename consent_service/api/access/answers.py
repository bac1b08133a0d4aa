"""The shape of the answers about clients."""

from consent_service.api.access.schemas import AUTH_METHODS
from consent_service.api.http.shapes import (
    INSTANT,
    TEXT,
    Json,
    list_of,
    object_of,
    or_null,
    page_of,
)
from consent_service.services.access.client import SCOPES

_JWK: Json = {"type": "object", "required": ["kty", "kid", "alg"]}

ANSWERS: dict[str, Json] = {
    "Client": object_of(
        {
            "id": TEXT,
            "organisation": TEXT,
            "scopes": list_of({"enum": list(SCOPES)}),
            "auth_method": {"enum": list(AUTH_METHODS)},
            "created_at": INSTANT,
            "revoked_at": or_null(INSTANT),
            "suspended_at": or_null(INSTANT),
            "jwks": object_of({"keys": list_of(_JWK)}),
            "secrets": list_of(object_of({"id": TEXT, "created_at": INSTANT})),
        },
        {"client_secret": TEXT},
    ),
    "ClientPage": page_of("Client"),
    "NewClientSecret": object_of({"id": TEXT}, {"client_secret": TEXT}),
    "ClientRevocation": object_of({"client": TEXT, "issuer": or_null(TEXT), "organisation": TEXT}),
}
