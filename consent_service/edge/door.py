"""The door: the outermost layer of the application, which every request goes in and out through.

It names the request, refuses one that was sent to another host, puts the security headers on
every answer, answers by itself where all else failed, and writes the access log.
"""

import logging
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from consent_service.config import Settings
from consent_service.edge.access_log import Environ, Line, route_of
from consent_service.edge.headers import Headers, harden, plain_problem
from consent_service.logs import current_request, place_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::[0-9]{1,5})?", re.ASCII)
_SCHEMES = frozenset({"http", "https"})
BEGUN = "consent_service.begun"
log = logging.getLogger(__name__)

Start = Callable[..., Any]


class Door:
    """WSGI middleware around the whole application."""

    def __init__(self, application: "WSGIApplication", settings: Settings) -> None:
        self._application = application
        self._hosts = settings.trusted_hosts
        self._is_https = settings.is_https
        self._with_address = settings.log_addresses

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request."""
        begun = environ[BEGUN] = time.perf_counter()
        request_id = secrets.token_hex(8)
        current_request.set(request_id)
        line = Line(request_id, begun)

        has_begun = False

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            nonlocal has_begun
            replaces, has_begun = has_begun, True
            line.status, line.route = int(status[:3]), route_of(environ)
            hardened = harden(headers, request_id, is_https=self._is_https)
            return start_response(status, hardened, *([exc_info] if exc_info and replaces else []))

        def write() -> None:
            line.write(environ, with_address=self._with_address)

        return _Body(self._serve(environ, start), write)

    def _serve(self, environ: Environ, start: Start) -> Iterable[bytes]:
        if not all(map(self._is_for_us, _named_hosts(environ))):
            return _answer(start, HTTPStatus.BAD_REQUEST, "The host is unknown", "unknown_host")
        try:
            return self._application(environ, start)
        except Exception as error:  # noqa: BLE001 - whatever it was, the answer is ours
            log.error("unexpected %s at %s", type(error).__name__, place_of(error))
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            return _answer(start, status, "Something went wrong here", "internal_error")

    def _is_for_us(self, host: str) -> bool:
        """Nothing builds an address from the Host header; it must be one of ours all the same."""
        named = _HOST.fullmatch(host.lower())
        return named is not None and (named[1] or named[2]) in self._hosts


def _named_hosts(environ: Environ) -> Iterator[str]:
    """Every host that a request says it is for.

    Beside the header that is its target, where that is a whole address, as it is to a proxy: then
    the header counts for nothing (RFC 9112 §§ 3.2.2 and 3.2.3), so neither may be another's.
    """
    yield environ.get("HTTP_HOST", "")
    target = environ.get("RAW_URI", "/")
    if not target.startswith("/") and target != "*":
        scheme, found, rest = target.partition("://")
        # What names no host is nobody's: the empty one is none of ours.
        yield re.split(r"[/?#]", rest)[0] if found and scheme.lower() in _SCHEMES else ""


def _answer(start: Start, status: HTTPStatus, title: str, code: str) -> Iterable[bytes]:
    headers, body = plain_problem(status, title, code)
    # Where the application had begun an answer, this tells the server to take ours instead.
    failure = sys.exc_info() if sys.exc_info()[0] else None
    start(f"{status} {status.phrase}", headers, failure)
    return [body]


class _Body:
    """A body that says when the server has let go of it."""

    def __init__(self, body: Iterable[bytes], when_closed: Callable[[], None]) -> None:
        self._body = body
        self._when_closed = when_closed

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close what is inside, then say so."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._when_closed()
