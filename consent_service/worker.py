"""What runs beside the requests: the sequencer, and forgetting what has had its time."""

import logging
import threading
import time
from datetime import timedelta

from consent_service.persistence.access.attempt_store import forget_old_attempts
from consent_service.persistence.access.client_store import forget_used_assertions
from consent_service.persistence.access.staff_store import forget_old_staff_logins
from consent_service.persistence.idempotency.answer_store import forget_old_answers
from consent_service.persistence.log.sequencer import TAKE_OVER_AFTER
from consent_service.persistence.signatures.session_store import forget_old_sessions
from consent_service.wiring import Parts, utc_now

SEQUENCE_EVERY_SECONDS = 0.25
LOOK_EVERY_SECONDS = 1.0
CLEAN_EVERY = timedelta(minutes=10)
SESSION_KEPT_FOR = timedelta(hours=2)
STAFF_LOGIN_KEPT_FOR = timedelta(hours=1)
STAFF_SESSION_KEPT_FOR = timedelta(days=30)
LAG_ALARM = timedelta(seconds=60)

log = logging.getLogger(__name__)


def run_worker(parts: Parts, stop: threading.Event) -> None:
    """The worker's loop: integrate and sign a few times a second until told to stop."""
    cleaned = parts.context.clock() - CLEAN_EVERY
    looked = time.monotonic() - LOOK_EVERY_SECONDS
    while not stop.is_set():
        now = parts.context.clock()
        if time.monotonic() - looked >= LOOK_EVERY_SECONDS:
            _look(parts)
            looked = time.monotonic()
        _sequence(parts)
        if now - cleaned >= CLEAN_EVERY:
            _clean(parts)
            cleaned = now
        stop.wait(SEQUENCE_EVERY_SECONDS)


def _look(parts: Parts) -> None:
    try:
        parts.guard.look()
    except Exception as error:  # noqa: BLE001 - the loop must outlive a lost database
        log.error("guard: %s", type(error).__name__)


def watch_over_the_worker(parts: Parts) -> threading.Thread:
    """In a web process: compare the database with the anchor every second, and stand in.

    On PostgreSQL for a worker that leaves entries or heads for over five seconds, or where this
    process is the one that signs. On SQLite, where nothing is ever pending and there need be no
    worker, the newest head is signed as soon as a commit made it.
    """

    def watch() -> None:
        while True:
            parts.units.has_grown.wait(LOOK_EVERY_SECONDS)
            parts.units.has_grown.clear()
            _look(parts)
            try:
                if embedded or parts.signer.is_the_one or _is_left(parts):
                    _sequence(parts)
            except Exception as error:  # noqa: BLE001 - the thread must outlive a lost database
                log.error("sequencer: %s", type(error).__name__)

    embedded = parts.units.engine.dialect.name == "sqlite"
    thread = threading.Thread(target=watch, name="sequencer", daemon=True)
    thread.start()
    return thread


def _is_left(parts: Parts) -> bool:
    return max(parts.sequencer.lag(), parts.signer.lag()) > TAKE_OVER_AFTER


def _sequence(parts: Parts) -> None:
    try:
        parts.grow()
        lag = parts.sequencer.lag()
        if lag > LAG_ALARM:
            log.critical("log_lag_seconds %d", lag.total_seconds())
    except Exception as error:  # noqa: BLE001 - whatever happened, the next turn starts afresh
        log.error("sequencer: %s", type(error).__name__)


def _clean(parts: Parts) -> None:
    now = parts.context.clock()
    with parts.units.engine.connect().execution_options(writes=True) as connection:
        forget_old_answers(connection, now)
        forget_used_assertions(connection, now)
        forget_old_sessions(connection, now - SESSION_KEPT_FOR)
        forget_old_staff_logins(
            connection, now - STAFF_LOGIN_KEPT_FOR, now - STAFF_SESSION_KEPT_FOR
        )
        # Attempts are counted by the machine's clock, whatever the service's own says.
        forget_old_attempts(connection, utc_now())
        connection.commit()
