"""`/oauth/token` and the server's metadata over HTTP (RFC 6749, RFC 8414)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from consent_service.edge.access_log import note_caller
from consent_service.identity.attempts import Attempts
from consent_service.identity.token_endpoint import (
    PATH,
    TokenAnswer,
    TokenSettings,
    answer_token_request,
    metadata,
    refusal,
)
from consent_service.services.units import Units

LARGEST_FORM = 16 * 1024
MOST_FIELDS = 20


def register_oauth(
    app: Flask, units: Units, attempts: Attempts, settings: TokenSettings, base_url: str
) -> None:
    """Add the token endpoint and the metadata.

    Tokens carry this machine's real time, as those who verify them read it.
    """
    described = json.dumps(metadata(settings, base_url))

    def oauth_token() -> Response:
        form = _form()
        if form is None:
            return _response(refusal("invalid_request"))
        authorization = request.headers.get("Authorization", "")
        with units.writing() as uow:
            now = datetime.now(UTC)
            answer = answer_token_request(settings, uow.clients, form, authorization, now)
            uow.commit()
        if answer.caller is not None:
            note_caller(request.environ, answer.caller)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            attempts.failed("client", request.remote_addr or "")
        return _response(answer)

    def oauth_metadata() -> Response:
        return Response(described, mimetype="application/json")

    _add(app, PATH, oauth_token, "public: the client proves itself in the request", "POST")
    path = "/.well-known/oauth-authorization-server"
    _add(app, path, oauth_metadata, "public: names nobody", "GET")


def _add(app: Flask, path: str, view: Callable[[], Response], auth: str, method: str) -> None:
    view.declared_auth = auth  # type: ignore[attr-defined]  # what the route walk looks for
    app.add_url_rule(path, view.__name__, view, methods=[method], provide_automatic_options=False)


def _form() -> dict[str, str] | None:
    """The form, each parameter once (RFC 6749 § 3.2); None for anything else."""
    if request.mimetype != "application/x-www-form-urlencoded" or request.args:
        return None
    request.max_content_length = LARGEST_FORM
    try:
        form = request.form
    except RequestEntityTooLarge:
        return None
    if len(form) > MOST_FIELDS or any(len(form.getlist(name)) > 1 for name in form):
        return None
    return form.to_dict()


def _response(answer: TokenAnswer) -> Response:
    response = Response(
        json.dumps(answer.content), status=answer.status, mimetype="application/json"
    )
    response.headers.extend(dict(answer.headers))
    # RFC 6749 § 5.1, whatever anybody sets for the rest.
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
