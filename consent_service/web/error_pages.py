"""What goes wrong on a page, as a page: what happened, and what to do. No codes, no traces."""

import logging
from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response
from flask_babel import gettext
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from consent_service.errors import (
    Conflict,
    ConsentServiceError,
    InvalidInput,
    NotFound,
    Unavailable,
)
from consent_service.web.language import speak
from consent_service.web.rendering import SIGN, Section, render

Words = Callable[[int], tuple[str, list[str], bool]]
ErrorPage = Callable[[int], Response]

ATTEMPTS_PAUSE_SECONDS = 60
BUSY_PAUSE_SECONDS = 5

_BUSY = (Unavailable, OperationalError, IntegrityError, PoolTimeout)
_KEPT_HEADERS = frozenset({"Allow", "Retry-After"})
log = logging.getLogger(__name__)


def install(blueprint: Blueprint, section: Section = SIGN, words: Words | None = None) -> None:
    """Answer every error of the blueprint with a page; `words` are a section's own."""
    page = partial(_error_page, section, words or _words)
    blueprint.register_error_handler(HTTPException, partial(_http, page))
    blueprint.register_error_handler(Exception, partial(_other, page))


def _http(error_page: ErrorPage, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    page = error_page(error.code or 500)
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            page.headers[name] = value
    return page


def _other(error_page: ErrorPage, error: Exception) -> Response:
    if isinstance(error, _BUSY):
        log.error("unavailable: %s", type(error).__name__)
        return error_page(503)
    if isinstance(error, NotFound):
        return error_page(404)
    if isinstance(error, InvalidInput | Conflict):
        return error_page(400)
    # The class and the place, never the message: it may hold personal data.
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
    code = error.code if isinstance(error, ConsentServiceError) else ""
    log.error("unexpected %s %s at %s", type(error).__name__, code, place)
    return error_page(500)


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
    if status == 429:
        page.headers["Retry-After"] = str(ATTEMPTS_PAUSE_SECONDS)
    elif status == 503:
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
                gettext("The link has been opened many times in a short while."),
                gettext("Wait a minute, and open it again. Nothing is lost."),
            ],
            False,
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
