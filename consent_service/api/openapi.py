"""The OpenAPI 3.1 document, made from the declarations of the endpoints."""

import re
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

import consent_service
from consent_service.api.access import answers as access
from consent_service.api.catalogue import answers as catalogue
from consent_service.api.consents import answers as consents
from consent_service.api.disclosures import answers as disclosures
from consent_service.api.http.endpoint import Endpoint
from consent_service.api.http.idempotency import HEADER
from consent_service.api.http.shapes import PROBLEM, Json
from consent_service.api.log import answers as log
from consent_service.api.rights import answers as rights
from consent_service.api.signatures import answers as signatures
from consent_service.identity.token_endpoint import PATH as TOKEN_PATH
from consent_service.services.access.client import SCOPES

_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")

ANSWERS: dict[str, Json] = {
    "Problem": PROBLEM,
    **consents.ANSWERS,
    **signatures.ANSWERS,
    **catalogue.ANSWERS,
    **disclosures.ANSWERS,
    **log.ANSWERS,
    **rights.ANSWERS,
    **access.ANSWERS,
}
"""Every answer by the name it has in the document."""

_ALWAYS = {
    401: "No token, or one that does not verify.",
    403: "The token lacks the scope, or its organisation may not do this.",
    422: "The input breaks a rule; `errors` names each field.",
    503: "The database is away or a clock is wrong: try again later. Or, without `Retry-After`, "
    "what is stored for this cannot be read (`unreadable`), or no entry of the log vouches for it "
    "(`not_vouched_for`).",
}


def document(endpoints: list[Endpoint], base_url: str) -> dict[str, Any]:
    """The whole document as JSON."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="Consent service",
        version=consent_service.__version__,
        openapi_version="3.1.0",
        info={
            "description": "Consent and data sharing about a child in distress.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        servers=[{"url": base_url}],
        plugins=[plugin],
    )
    spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )
    spec.components.security_scheme(
        "oauth2",
        {
            "type": "oauth2",
            "description": "A token of this service's own. Others: see the guide.",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": base_url + TOKEN_PATH,
                    "scopes": dict(SCOPES),
                }
            },
        },
    )
    for name, schema in ANSWERS.items():
        spec.components.schema(name, schema)
    for endpoint in endpoints:
        path = _PARAMETER.sub(r"{\2}", endpoint.path)
        spec.path(path=path, operations={endpoint.method.lower(): _operation(endpoint)})
    return spec.to_dict()


def _schema_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "description": f"Needs the scope `{endpoint.scope}`. {endpoint.description}".rstrip(),
        "security": [{"bearer": [endpoint.scope]}, {"oauth2": [endpoint.scope]}],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": endpoint.body}},
        }
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "in": "path",
            "name": name,
            "required": True,
            "schema": {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string"},
        }
        for kind, name in _PARAMETER.findall(endpoint.path)
    ]
    if endpoint.query is not None:
        parameters.append({"in": "query", "schema": endpoint.query})
    if endpoint.idempotency != "ignored":
        parameters.append(
            {
                "in": "header",
                "name": HEADER,
                "required": endpoint.idempotency == "required",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return parameters


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    responses: dict[str, Any] = {str(status): _problem(words) for status, words in _ALWAYS.items()}
    if endpoint.takes_body:
        responses["400"] = _problem("The body is not JSON this service reads.")
        responses["413"] = _problem("The body is too large.")
        responses["415"] = _problem("The body is not application/json.")
    if endpoint.idempotency != "ignored" or endpoint.method == "POST":
        responses["409"] = _problem("The state forbids it, or the first request still runs.")
    for status, name in endpoint.answers.items():
        if name in (None, "Problem"):
            words = "JSON Lines." if name is None else "Refused."
            content = {"application/jsonl": {"schema": {"type": "string"}}}
            responses[str(status)] = (
                {"description": words, "content": content} if name is None else _problem(words)
            )
            continue
        media_type = "application/json" if status < 400 else "application/problem+json"
        responses[str(status)] = {
            "description": endpoint.summary,
            "content": {media_type: {"schema": name}},
        }
    return responses


def _problem(words: str) -> dict[str, Any]:
    return {
        "description": words,
        "content": {"application/problem+json": {"schema": "Problem"}},
    }
