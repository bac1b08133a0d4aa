"""How an endpoint is declared, and the one way through for every request.

A declaration names the method, path, scope, body, answers and what it does to the database;
routing, authentication, parsing, idempotency, the commit and the OpenAPI document all come from
it. An endpoint that declares no scope and no reason to be public cannot be registered.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Flask, Response, request
from marshmallow import Schema
from werkzeug.exceptions import HTTPException

from consent_service.api.http.body import load, parse_body, read_body, same_text
from consent_service.api.http.cursors import Cursors
from consent_service.api.http.idempotency import Repeat, key_of
from consent_service.api.http.problems import problem_of, respond
from consent_service.edge.access_log import note_caller
from consent_service.errors import (
    ConsentServiceError,
    InsufficientScope,
    NotFound,
    Unauthenticated,
    UnknownOrganisation,
)
from consent_service.identity.attempts import Attempts
from consent_service.identity.bearer import TokenVerifier
from consent_service.identity.standing import verify_standing
from consent_service.persistence.access.epoch import EpochPassed
from consent_service.persistence.keys.sealing import Index
from consent_service.services.access.client import OPERATOR_SCOPE
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.model import Caller
from consent_service.services.units import UnitOfWork, Units

ATTEMPTS = 4
"""How often a request is served anew because clients were changed meanwhile."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_SCOPE = re.compile(r"[a-z]+:[a-z]+", re.ASCII)


@dataclass(frozen=True)
class Runtime:
    """What requests are served with."""

    units: Units
    context: Context
    tokens: TokenVerifier
    index: Index
    attempts: Attempts


@dataclass(frozen=True)
class Asked:
    """What a request asks, parsed."""

    body: Mapping[str, Any]
    query: Mapping[str, Any]
    path: Mapping[str, Any]
    repeat: Repeat | None


@dataclass(frozen=True)
class Call:
    """One authenticated request, inside its unit of work."""

    uow: UnitOfWork
    context: Context
    caller: Caller
    body: Mapping[str, Any]
    query: Mapping[str, Any]
    path: Mapping[str, Any]
    repeat: Repeat | None
    cursors: Cursors


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its JSON, and what of it may not be kept for a repeated request."""

    status: int
    content: Any
    kept: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Endpoint:
    """A declared endpoint. `path` is Flask's spelling; `answers` maps a status to its schema."""

    method: Literal["GET", "POST", "PATCH"]
    path: str
    scope: str
    summary: str
    handler: Handler
    answers: Mapping[int, type[Schema] | str | None]
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    idempotency: Literal["required", "optional", "ignored"] = "ignored"
    stepwise: bool = False
    tag: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """The operation's unique name."""
        return self.handler.__name__

    @property
    def takes_body(self) -> bool:
        """Whether a request brings content, read or not."""
        return self.method != "GET"


def register(app: Flask, runtime: Runtime, endpoints: list[Endpoint]) -> None:
    """Route every endpoint through authentication, parsing, idempotency and one commit.

    Raises ValueError for one that does not declare one scope.
    """
    for endpoint in endpoints:
        if _SCOPE.fullmatch(endpoint.scope) is None:
            raise ValueError(f"{endpoint.method} {endpoint.path} declares no scope")
        view = _view(runtime, endpoint)
        # What the route walk in the tests looks for: nothing is served without it.
        view.declared_auth = f"scope {endpoint.scope}"  # type: ignore[attr-defined]  # own mark
        app.add_url_rule(
            endpoint.path,
            endpoint.name,
            view,
            methods=[endpoint.method],
            provide_automatic_options=False,
        )


def _view(runtime: Runtime, endpoint: Endpoint) -> Callable[..., Response]:
    body_schema = endpoint.body() if endpoint.body else None
    query_schema = endpoint.query() if endpoint.query else None

    def view(**path: Any) -> Response:
        caller = authenticate(runtime)
        with _welcome_first(runtime, caller):
            check_scope(caller, endpoint.scope)
            _check_path(path)
            raw = read_body() if endpoint.takes_body else b""
            content = parse_body(raw) if body_schema else {}
            # What nobody reads is compared as it is.
            compared = same_text(content) if body_schema else raw
            repeat = key_of(runtime.index, endpoint.idempotency, caller, compared)
        try:
            with _welcome_first(runtime, caller):
                body = load(body_schema, content) if body_schema else {}
                query = load(query_schema, request.args.to_dict()) if query_schema else {}
            return _serve(runtime, endpoint, caller, Asked(body, query, path, repeat))
        except ConsentServiceError as error:
            if repeat is None or not repeat.keeps(error):
                raise
            return _keep_error(runtime, endpoint, repeat, error)

    return view


def _serve(runtime: Runtime, endpoint: Endpoint, caller: Caller, asked: Asked) -> Response:
    """Serve it in a unit of work; again when a client was changed while it was served."""
    if not endpoint.stepwise:
        return _serve_once(runtime, endpoint, caller, asked)
    for _ in range(ATTEMPTS):
        with suppress(EpochPassed), _welcome_first(runtime, caller):
            return _serve_once(runtime, endpoint, caller, asked)
    raise EpochPassed


def _serve_once(runtime: Runtime, endpoint: Endpoint, caller: Caller, asked: Asked) -> Response:
    unit = runtime.units.stepwise if endpoint.stepwise else runtime.units.writing
    with unit() as uow:
        verify_standing(uow.clients, caller)
        _check_organisation(uow, caller, endpoint.scope)
        cursors = Cursors(runtime.index, caller.organisation, endpoint.path)
        call = Call(
            uow,
            runtime.context,
            caller,
            asked.body,
            asked.query,
            asked.path,
            asked.repeat,
            cursors,
        )
        return _run(endpoint, call)


@contextmanager
def _welcome_first(runtime: Runtime, caller: Caller) -> Iterator[None]:
    """Whatever is wrong with a request, a revoked client hears that it is revoked.

    A sound request is asked in the unit of work that serves it, which costs no connection more.
    """
    try:
        yield
    except (ConsentServiceError, HTTPException):
        with runtime.units.reading() as uow:
            verify_standing(uow.clients, caller)
        raise


def _run(endpoint: Endpoint, call: Call) -> Response:
    if call.repeat is not None and not endpoint.stepwise:
        replayed = call.repeat.replay(call.uow)
        if replayed is not None:
            return replayed
    reply = endpoint.handler(call)
    if call.repeat is not None and not endpoint.stepwise:
        kept = reply.content if reply.kept is None else reply.kept
        call.uow.answers.keep(call.repeat.answer(reply.status, kept))
    call.uow.commit()
    return to_response(reply)


def to_response(reply: Reply) -> Response:
    """The HTTP response of a reply."""
    data = reply.content if isinstance(reply.content, str) else json.dumps(reply.content)
    response = Response(data, status=reply.status, mimetype=reply.media_type)
    response.headers.extend(dict(reply.headers))
    return response


def _keep_error(
    runtime: Runtime, endpoint: Endpoint, repeat: Repeat, error: ConsentServiceError
) -> Response:
    """Keep a refusal too, so that a repeated request is refused in the same words.

    A disclosure that was permitted once and is refused now is refused, whatever was kept.
    """
    members = problem_of(error)
    with runtime.units.writing() as uow:
        replayed = repeat.replay(uow)
        if replayed is not None and (not endpoint.stepwise or replayed.status_code >= 400):
            return replayed
        uow.answers.keep(repeat.answer(members["status"], members))
        uow.commit()
    return respond(members)


def authenticate(runtime: Runtime) -> Caller:
    """Whose token this request carries. Raises Unauthenticated or TooManyAttempts."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthenticated("Send an access token: Authorization: Bearer …")
    try:
        caller = runtime.tokens.verify(token)
    except Unauthenticated:
        runtime.attempts.failed("token", request.remote_addr or "")
        raise
    note_caller(request.environ, caller)
    return caller


def check_scope(caller: Caller, scope: str) -> None:
    """Raises InsufficientScope."""
    if scope not in caller.scopes:
        raise InsufficientScope(f"This needs the scope {scope}.")


def _check_organisation(uow: UnitOfWork, caller: Caller, scope: str) -> None:
    # The operator's organisation need not be a party of anything.
    if scope != OPERATOR_SCOPE and not uow.catalogue.has_organisation(caller.organisation):
        raise UnknownOrganisation("The token's organisation is not registered here.")


def _check_path(path: Mapping[str, Any]) -> None:
    """What cannot be an id is the id of nothing."""
    for value in path.values():
        if isinstance(value, str) and _ID.fullmatch(value) is None:
            raise NotFound("There is no such thing.")
