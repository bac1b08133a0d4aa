"""Every error as a problem document (RFC 9457): the one place that knows HTTP statuses."""

import json
import logging
from typing import Any

from flask import Flask, Response
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException

from consent_service.domain.kernel.cpr import InvalidCpr
from consent_service.errors import (
    ClientsNotVouchedFor,
    Conflict,
    ConsentServiceError,
    InsufficientScope,
    InvalidInput,
    LimitReached,
    LogContradicted,
    Malformed,
    NotAllowed,
    NotFound,
    NotVouchedFor,
    TooManyAttempts,
    Unauthenticated,
    Unavailable,
    Unreadable,
)
from consent_service.logs import place_of

STATUSES: dict[type[ConsentServiceError], int] = {
    Malformed: 400,
    Unauthenticated: 401,
    InsufficientScope: 403,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    InvalidInput: 422,
    InvalidCpr: 422,
    TooManyAttempts: 429,
    LimitReached: 429,
    Unavailable: 503,
    Unreadable: 503,
    ConsentServiceError: 500,
}

TITLES = {
    400: "The body is not readable",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "The state of things forbids this",
    413: "The body is too large",
    415: "The media type must be application/json",
    422: "The input breaks a rule",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available now",
}

CODES = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}

_UNREADABLE = {Unreadable.code, NotVouchedFor.code, LogContradicted.code}

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


def status_of(error: ConsentServiceError) -> int:
    """The HTTP status of an error: its own kind's, or the nearest ancestor's."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def problem(status: int, code: str, detail: str = "", **extra: Any) -> dict[str, Any]:
    """The members of a problem document."""
    members = {
        "type": f"/problems/{code}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
    }
    return members | extra


def problem_of(error: ConsentServiceError) -> dict[str, Any]:
    """The problem document of an error."""
    status = status_of(error)
    extra: dict[str, Any] = {}
    if isinstance(error, InvalidInput):
        extra["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in error.errors]
    if isinstance(error, Conflict | LimitReached):
        extra |= error.extra
    if isinstance(error, Unreadable):
        return problem(status, error.code, error.public)
    if status >= 500 and not isinstance(error, Unavailable):
        return problem(status, "internal_error", "The error has been reported to the operator.")
    detail = "One or more fields are refused." if isinstance(error, InvalidInput) else error.detail
    return problem(status, error.code, detail, **extra)


def respond(members: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem document as a response; without Retry-After where trying again does not help."""
    response = Response(json.dumps(members), status=members["status"], mimetype=MEDIA_TYPE)
    if members["status"] == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="consent-service"'
    if members["status"] == 503 and members["code"] not in _UNREADABLE:
        response.headers["Retry-After"] = str(Unavailable.retry_after_seconds)
    response.headers.extend(headers or {})
    return response


def _report(error: ConsentServiceError) -> None:
    """Tell the operator of what is no answer to somebody's mistake."""
    if isinstance(error, ClientsNotVouchedFor):
        return
    if isinstance(error, Unreadable):
        # Its detail is a place: what is there has to be mended by somebody.
        log.critical("%s: %s", error.code, error.detail)
    elif status_of(error) >= 500:
        log.error("%s: %s", type(error).__name__, error.code)


def install(app: Flask) -> None:
    """Answer every error of the application with a problem document."""

    @app.errorhandler(ConsentServiceError)
    def _known(error: ConsentServiceError) -> Response:
        _report(error)
        if isinstance(error, TooManyAttempts | LimitReached):
            return respond(problem_of(error), {"Retry-After": str(error.retry_after_seconds)})
        return respond(problem_of(error))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        headers = {
            name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")
        }
        return respond(problem(status, CODES.get(status, "error"), TITLES.get(status, "")), headers)

    @app.errorhandler(ParseException)
    def _broken_off(_: Exception) -> Response:
        # The server finds out while the body is read that its chunks are none.
        return respond(problem(400, CODES[400], TITLES[400]))

    @app.errorhandler(DBAPIError)
    def _database(error: Exception) -> Response:
        cause = getattr(error, "orig", error)
        log.error("database: %s %s", type(cause).__name__, getattr(cause, "sqlstate", ""))
        if isinstance(error, IntegrityError):
            # The rules were checked before: somebody else wrote the same thing at this moment.
            return respond(problem(503, "contention", "Another request was faster: try again."))
        if isinstance(error, OperationalError):
            detail = "The database cannot be reached now."
            return respond(problem(503, "database_unavailable", detail))
        return respond(problem(500, "internal_error", "Reported to the operator."))

    @app.errorhandler(Exception)
    def _unknown(error: Exception) -> Response:
        # The class and the place, never the message: it may hold personal data.
        log.error("unexpected %s at %s", type(error).__name__, place_of(error))
        return respond(problem(500, "internal_error", "Reported to the operator."))
