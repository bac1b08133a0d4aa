"""How gunicorn serves us: `-c python:consent_service.gunicorn_settings`, wherever it is started.

Every name in small letters is a setting of gunicorn's; `bind`, `workers` and `threads` come from
the command line. The worker and the logger are gunicorn's own, made to answer and to log as the
application does: what cannot be read as HTTP never reaches the application, and gunicorn would
repeat it in its answer and in its log.
"""

import os
import secrets
import socket
import struct
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors, wsgi
from gunicorn.util import http_date, write_nonblock
from gunicorn.workers import gthread

from consent_service.edge.access_log import Line
from consent_service.edge.headers import harden, plain_problem
from consent_service.logs import QuietFormatter, place_of

# gunicorn always sends a `Server` header: it names nothing.
wsgi.SERVER = "web"

REFUSED: dict[type[Exception], HTTPStatus] = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ConfigurationProblem: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ParseException: HTTPStatus.BAD_REQUEST,
    Exception: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """A threaded worker on which slow clients do not sit for long, with plain answers of ours."""

    arrives_within_seconds = 20.0
    """From its first byte to its last, a request; afterwards nothing more of it is read."""

    taken_within_seconds = 20
    """How long a client may leave an answer's bytes lying about."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[gthread.TConn, float] = {}

    def handle(self, conn: gthread.TConn) -> Any:
        """Serve a connection's next request, in a thread."""
        if not conn.initialized and not conn.wait_for_data(0):
            # Connected and silent: the poller waits for it, not one of the few threads.
            return gthread._DEFER
        patience = struct.pack("ll", self.taken_within_seconds, 0)
        with suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        self._arriving[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            self._arriving.pop(conn, None)

    def notify(self) -> None:
        """In the main thread, at least once a second: hang up on who dawdles.

        Only the reading side is closed: an answer that is being written is not cut off.
        """
        super().notify()
        now = time.monotonic()
        for conn, since in list(self._arriving.items()):
            if now - since > self.arrives_within_seconds:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)

    def handle_error(self, _req: Any, client: socket.socket, _address: Any, error: Any) -> None:
        """Answer what never became a request; gunicorn's own answer would repeat what was sent."""
        status = next(REFUSED[kind] for kind in type(error).__mro__ if kind in REFUSED)
        if status >= 500 and not isinstance(error, errors.ParseException):
            self.log.error("unexpected %s at %s", type(error).__name__, place_of(error))
        request_id = secrets.token_hex(8)
        Line(request_id, time.perf_counter(), status).write({}, with_address=False)
        with suppress(OSError):
            write_nonblock(client, _refusal(status, request_id))


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's log without the messages of exceptions, which may hold anything."""

    def setup(self, cfg: Any) -> None:
        """Set up the handlers, at the start and at every reload."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(QuietFormatter(self.error_fmt, self.datefmt))


def _refusal(status: HTTPStatus, request_id: str) -> bytes:
    headers, body = plain_problem(status, "The request is not readable", "malformed_request")
    headers += [("Server", wsgi.SERVER), ("Date", http_date()), ("Connection", "close")]
    is_https = os.environ.get("CONSENT_BASE_URL", "").startswith("https://")
    lines = [f"{name}: {value}" for name, value in harden(headers, request_id, is_https=is_https)]
    head = "\r\n".join([f"HTTP/1.1 {status.value} {status.phrase}", *lines, "", ""])
    return head.encode("latin-1") + body


wsgi_app = "consent_service.app:create_app_from_environment()"
worker_class = Worker
logger_class = QuietLogger

# A worker whose main loop is silent for so long is replaced; then requests under way may end.
timeout = 60
graceful_timeout = 20
keepalive = 15
worker_connections = 1000

# One line, one field, and how many fields: in bytes. A token (8 KiB at most) must fit a field.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190 + len("Authorization: Bearer ")

# Over TLS or not is what CONSENT_BASE_URL says, never a header.
secure_scheme_headers: dict[str, str] = {}

# A worker's heartbeat is a file, and a slow disk would look like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True
