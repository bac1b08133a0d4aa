"""What goes wrong on a page, as a page: what happened, and what to do. No codes, no traces."""

import logging
import time
from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, request
from flask_babel import gettext
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from consent_service.edge.door import BEGUN
from consent_service.errors import (
    Conflict,
    ConsentServiceError,
    InvalidInput,
    NotFound,
    TooManyAttempts,
    Unavailable,
    Unreadable,
)
from consent_service.identity.attempts import Attempts
from consent_service.logs import place_of
from consent_service.web.frame.language import speak
from consent_service.web.frame.rendering import SIGN, Section, render

Words = Callable[[int], tuple[str, list[str], bool]]
ErrorPage = Callable[[int], Response]

BUSY_PAUSE_SECONDS = 5
DEAD_END_SECONDS = 0.1
FLOOD_SECONDS = 0.02
"""A dead end is answered at a multiple of the first after it was asked, past the limit at one of
the second: each wait keeps a thread, and of those a flood must not have all."""

_BUSY = (Unavailable, OperationalError, IntegrityError)
_KEPT_HEADERS = frozenset({"Allow", "Retry-After"})
log = logging.getLogger(__name__)


def install(
    blueprint: Blueprint,
    section: Section = SIGN,
    words: Words | None = None,
    attempts: Attempts | None = None,
) -> None:
    """Answer every error of the blueprint with a page.

    `words` are a section's own. With `attempts` a page that is not there counts as a failed one.
    """
    page = partial(_error_page, section, words or _words)

    def answer(error: Exception) -> Response:
        if isinstance(error, Unreadable):
            return _unreadable(section, error)
        found = _http(page, error) if isinstance(error, HTTPException) else _other(page, error)
        if found.status_code == 404 and attempts is not None:
            return _dead_end(found, page, attempts)
        return found

    # Two registrations: Flask prefers the application's handler of a nearer class.
    blueprint.register_error_handler(HTTPException, answer)
    blueprint.register_error_handler(Exception, answer)


def _dead_end(found: Response, page: ErrorPage, attempts: Attempts) -> Response:
    """The page of a link that leads nowhere, counted as an attempt.

    Past the limit only its status changes: whoever has an old link still reads what to do. The
    answer waits for the next tick of a clock that began with the request, so that its time does
    not tell a wrong link from one whose holder lost their standing.
    """
    tick = DEAD_END_SECONDS
    try:
        attempts.failed("link", request.remote_addr or "")
    except TooManyAttempts as refusal:
        tick = FLOOD_SECONDS
        found.status_code = 429
        found.headers["Retry-After"] = str(refusal.retry_after_seconds)
    except SQLAlchemyError as error:
        found = _other(page, error)
    gone = time.perf_counter() - request.environ[BEGUN]
    time.sleep(tick - gone % tick)
    return found


def _http(page: ErrorPage, error: HTTPException) -> Response:
    found = page(error.code or 500)
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            found.headers[name] = value
    return found


def _unreadable(section: Section, error: Unreadable) -> Response:
    """Told apart from a page that is busy: trying again does not help."""
    # Its detail is a place: what is there has to be mended by somebody.
    log.critical("%s: %s", error.code, error.detail)
    sentences = [
        gettext("What is kept for this page cannot be read. Nothing of it is shown or used."),
        gettext("You have done nothing wrong, and trying again does not help."),
    ]
    if section == SIGN:
        sentences.append(gettext("Ring the municipality that sent you the message."))
    return render(
        "error.html",
        status=503,
        section=section,
        title=gettext("Something cannot be read"),
        sentences=sentences,
        go_on=False,
    )


def _other(page: ErrorPage, error: Exception) -> Response:
    if isinstance(error, TooManyAttempts):
        found = page(429)
        found.headers["Retry-After"] = str(error.retry_after_seconds)
        return found
    if isinstance(error, _BUSY):
        log.error("unavailable: %s", type(error).__name__)
        return page(503)
    if isinstance(error, NotFound):
        return page(404)
    if isinstance(error, InvalidInput | Conflict | ParseException):
        return page(400)
    # The class and the place, never the message: it may hold personal data.
    code = error.code if isinstance(error, ConsentServiceError) else ""
    log.error("unexpected %s %s at %s", type(error).__name__, code, place_of(error))
    return page(500)


def _error_page(section: Section, words: Words, status: int) -> Response:
    """The page of a status."""
    if status == 404:
        # One and the same page for whatever is wrong with a link, so nothing of a session shows.
        speak(None)
    title, sentences, may_go_on = words(status)
    page = render(
        "error.html",
        status=status,
        section=section,
        title=title,
        sentences=sentences,
        go_on=may_go_on,
    )
    if status == 503:
        page.headers["Retry-After"] = str(BUSY_PAUSE_SECONDS)
    return page


def _words(status: int) -> tuple[str, list[str], bool]:
    """A title, what happened and what to do, and whether to offer the way back."""
    if status == 404:
        return (
            gettext("The link does not work"),
            [
                gettext("It may be old, or the page may have been open for too long."),
                gettext("Go back to the message you were sent, and open the link again."),
                gettext(
                    "If it still does not work, ring the municipality that sent you the message. "
                    "They can send you a new link."
                ),
            ],
            False,
        )
    if status == 429:
        return (
            gettext("Wait a moment"),
            [
                gettext("The login has failed many times in a short while."),
                gettext("Wait a minute, and try again. Nothing is lost."),
            ],
            True,
        )
    if status in (500, 503):
        return (
            gettext("Something is not working on our side"),
            [
                gettext("You have done nothing wrong."),
                gettext(
                    "Try again in a little while. Then you can see on the page whether your answer "
                    "was saved."
                ),
            ],
            True,
        )
    return (
        gettext("The page was out of date"),
        [
            gettext("Nothing was saved and nothing was changed."),
            gettext("It can happen when the page has been open in more than one place."),
            gettext("Go on to the page and try again, or open the link in your message again."),
        ],
        True,
    )
