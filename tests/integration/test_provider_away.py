"""A provider that is away keeps no thread waiting for long, however often we are made to ask."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from consent_service.identity.openid_provider import RETRY_PAUSE, LoginRefused, OpenIdProvider

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + RETRY_PAUSE


class Address:
    """The provider's discovery document: away until it is told to be back."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()
        self.answers.set()
        self.is_back = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.release()
                outer.answers.wait(10)
                body = json.dumps(outer.document).encode() if outer.is_back else b""
                self.send_response(200 if outer.is_back else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        self.document = {"issuer": self.issuer} | dict.fromkeys(names, f"{self.issuer}/x")

    def times(self) -> int:
        """How often it was asked since."""
        count = 0
        while self.asked.acquire(blocking=False):
            count += 1
        return count


@pytest.fixture
def address() -> Iterator[Address]:
    found = Address()
    threading.Thread(target=found.server.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.answers.set()
    found.server.shutdown()
    found.server.server_close()


def is_refused(provider: OpenIdProvider, now: datetime) -> bool:
    try:
        provider.endpoints(now)
    except LoginRefused as refused:
        return refused.code == "provider_unreachable"
    return False


def test_it_is_asked_again_after_a_pause_alone(address: Address) -> None:
    provider = OpenIdProvider(address.issuer, 5.0)
    moments = [NOW + timedelta(seconds=number) for number in range(10)]
    assert all(is_refused(provider, moment) for moment in moments)
    assert address.times() == 1
    assert is_refused(provider, LATER)
    assert address.times() == 1
    address.is_back = True
    assert not is_refused(provider, LATER + RETRY_PAUSE)
    assert not is_refused(provider, LATER + RETRY_PAUSE + timedelta(minutes=59))
    assert address.times() == 1


def test_one_thread_tries_again_and_the_others_do_not_wait(address: Address) -> None:
    provider = OpenIdProvider(address.issuer, 5.0)
    assert is_refused(provider, NOW)
    assert address.times() == 1
    address.answers.clear()
    with ThreadPoolExecutor(1) as pool:
        trying = pool.submit(is_refused, provider, LATER)
        assert address.asked.acquire(timeout=5)
        assert is_refused(provider, LATER)
        assert not trying.done()
        assert address.times() == 0
        address.is_back = True
        address.answers.set()
        assert trying.result(5) is False
    assert not is_refused(provider, LATER)
