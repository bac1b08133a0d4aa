"""Logging: one line an event to standard error; never a path, a body or a database's words."""

import logging
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any

ACCESS_LOG = "consent_service.access"
NO_REQUEST = "-"

current_request: ContextVar[str] = ContextVar("current_request", default=NO_REQUEST)
"""The id of the request this thread is serving."""


class QuietFormatter(logging.Formatter):
    """Names an exception's class and place, never its message: that may hold personal data."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        return f"{ei[0].__name__} at {place_of(ei[1])}"


class _WithRequest(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request.get()
        return True


def configure_logging() -> None:
    """Send what the service has to say to standard error, and the access log to standard output."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithRequest())
    handler.setFormatter(
        QuietFormatter("%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s")
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    access = logging.getLogger(ACCESS_LOG)
    access.handlers = [logging.StreamHandler(sys.stdout)]
    access.propagate = False
    # Alembic and the HTTP client of the login name addresses that hold one-time codes.
    for name in ("alembic", "urllib3", "werkzeug", "authlib", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


class Alarm:
    """Says what is wrong at level CRITICAL, and again every minute for as long as it is."""

    every_seconds = 60.0

    def __init__(
        self, log: logging.Logger, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._monotonic = monotonic
        self._said = ""
        self._next = monotonic()

    def sound(self, message: str, *arguments: object) -> None:
        """At once where it is something else than the last time."""
        said = message % arguments if arguments else message
        if said != self._said or self._monotonic() >= self._next:
            self._log.critical(message, *arguments)
            self._said = said
            self._next = self._monotonic() + self.every_seconds


def place_of(error: BaseException) -> str:
    """Where in the code an error was raised."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
