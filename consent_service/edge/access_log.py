"""The access log: one line of JSON for each request, with the route's template, never the path.

Paths hold link tokens, queries one-time codes, and addresses are personal data. An employee's
question "who asked what" is answered by the transparency log; this one is for the operator.
"""

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from consent_service.logs import ACCESS_LOG
from consent_service.services.kernel.model import Caller

Environ = dict[str, Any]

CALLER = "consent_service.caller"
UNROUTED = "-"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
log = logging.getLogger(ACCESS_LOG)


def note_caller(environ: Environ, caller: Caller) -> None:
    """Remember which organisation's system this request turned out to come from."""
    environ[CALLER] = caller


@dataclass
class Line:
    """The line of one request; `begun` is a reading of `time.perf_counter`."""

    request_id: str
    begun: float
    status: int = 500
    route: str = UNROUTED

    def write(self, environ: Environ, *, with_address: bool) -> None:
        """Write it, once the request is over."""
        method = environ.get("REQUEST_METHOD", "")
        caller = environ.get(CALLER)
        members: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": method if method in _METHODS else "other",
            "route": self.route,
            "status": self.status,
            "ms": round((time.perf_counter() - self.begun) * 1000, 1),
            "request_id": self.request_id,
        }
        if isinstance(caller, Caller):
            members |= {"organisation": caller.organisation, "client": caller.client}
        if with_address:
            members["address"] = environ.get("REMOTE_ADDR", "")
        log.info("%s", json.dumps(members))


def route_of(environ: Environ) -> str:
    """The template of the route that serves a request.

    Werkzeug leaves the request there, with the rule that matched, until the answer has begun.
    """
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return UNROUTED if rule is None else str(rule.rule)
