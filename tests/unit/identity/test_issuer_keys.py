"""The keys of an external issuer: fetched with care, kept for a while, and never a way in."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from consent_service.errors import Unauthenticated
from consent_service.identity import issuer_keys
from consent_service.identity.bearer import TokenVerifier, TrustedIssuer
from consent_service.identity.external_issuers import CallerMap, ClaimMap
from consent_service.identity.issuer_keys import FetchedKeys, NoKeys, fetch_jwks, usable_keys
from tests.unit.identity.token_forge import (
    EC,
    HERE,
    KEYCLOAK,
    OTHER_RSA,
    RSA,
    ec_jwk,
    keycloak_token,
    rsa_jwk,
)

OLD = {"keys": [rsa_jwk(RSA, "rsa")]}
NEW = {"keys": [rsa_jwk(OTHER_RSA, "next"), ec_jwk(EC, "ec")]}
ALGORITHMS = ["RS256", "ES256"]


@dataclass
class Address:
    """A JWKS address under the test's control, and a clock that stands still."""

    now: float = 1000.0
    content: Any = field(default_factory=lambda: OLD)
    asked: int = 0

    def fetch(self, _url: str) -> Any:
        self.asked += 1
        if self.content is None:
            raise NoKeys("no answer")
        return self.content

    def keys(self) -> FetchedKeys:
        return FetchedKeys("https://x.example", ALGORITHMS, lambda: self.now, self.fetch)


@pytest.fixture
def address() -> Address:
    return Address()


def test_known_keys_are_asked_for_once(address: Address) -> None:
    keys = address.keys()
    for _ in range(50):
        assert keys.get("rsa") is not None
    assert address.asked == 1


def test_an_unknown_kid_is_asked_for_at_most_every_30_seconds(address: Address) -> None:
    keys = address.keys()
    assert keys.get("rsa") is not None
    address.content = NEW
    for number in range(50):
        assert keys.get(f"x{number}") is None
    assert (address.asked, keys.get("next")) == (1, None)
    address.now += issuer_keys.PAUSE_SECONDS
    assert keys.get("next") is not None
    assert address.asked == 2
    # What the issuer took back counts no more.
    assert keys.get("rsa") is None


def test_a_key_taken_back_counts_for_an_hour_at_most(address: Address) -> None:
    keys = address.keys()
    assert keys.get("rsa") is not None
    address.content = NEW
    address.now += issuer_keys.REFRESH_SECONDS - 1
    assert keys.get("rsa") is not None
    address.now += 1
    assert keys.get("rsa") is None


def test_a_dead_address_keeps_known_keys_for_a_day_and_no_longer(address: Address) -> None:
    keys = address.keys()
    assert keys.get("rsa") is not None
    address.content = None
    address.now += issuer_keys.KEPT_SECONDS - 1
    assert keys.get("rsa") is not None
    assert keys.get("next") is None
    address.now += 1
    assert keys.get("rsa") is None
    asked = address.asked
    assert keys.get("rsa") is None
    assert address.asked == asked
    address.content = OLD
    address.now += issuer_keys.PAUSE_SECONDS
    assert keys.get("rsa") is not None


def test_an_address_that_was_never_alive_opens_nothing(address: Address) -> None:
    address.content = None
    keys = address.keys()
    for _ in range(5):
        assert keys.get("rsa") is None
    assert address.asked == 1


@pytest.mark.parametrize("content", [[], {}, {"keys": 7}, {"keys": []}, {"keys": ["x"]}, 7])
def test_nonsense_does_not_replace_what_is_known(address: Address, content: Any) -> None:
    keys = address.keys()
    assert keys.get("rsa") is not None
    address.content = content
    address.now += issuer_keys.REFRESH_SECONDS
    assert keys.get("rsa") is not None


def test_which_keys_of_a_set_count() -> None:
    short = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "short"}
    members = [
        rsa_jwk(RSA, "good", use="sig"),
        rsa_jwk(RSA, "for encryption", use="enc"),
        rsa_jwk(RSA, "another algorithm", alg="RS512"),
        rsa_jwk(RSA, "not allowed here", alg="PS256"),
        {"kty": "oct", "k": "AAAA", "kid": "shared secret", "alg": "HS256"},
        short,
        rsa_jwk(RSA, "twice"),
        rsa_jwk(OTHER_RSA, "twice"),
        {k: v for k, v in rsa_jwk(RSA, "x").items() if k != "kid"},
        "no object",
    ]
    assert set(usable_keys({"keys": members}, ALGORITHMS)) == {"good"}


def test_threads_that_come_together_ask_once(address: Address) -> None:
    slow = address.fetch

    def fetch(url: str) -> Any:
        time.sleep(0.2)
        return slow(url)

    keys = FetchedKeys("https://x.example", ALGORITHMS, lambda: address.now, fetch)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(keys.get, ["rsa"] * 8))
    assert all(key is not None for key in found)
    assert address.asked == 1


def test_a_remembered_token_ends_when_its_key_is_taken_back(address: Address) -> None:
    caller = CallerMap(
        KEYCLOAK,
        "azp",
        ClaimMap(("azp",), {"case-system": "municipality-x"}),
        ClaimMap(("realm_access", "roles"), {"caseworker": ["consents:read"]}),
    )
    issuer = TrustedIssuer(KEYCLOAK, HERE, address.keys(), caller, "jwt")
    tokens = TokenVerifier({KEYCLOAK: issuer})
    token = keycloak_token()
    assert tokens.verify(token) == tokens.verify(token)
    address.content = NEW
    address.now += issuer_keys.REFRESH_SECONDS
    with pytest.raises(Unauthenticated):
        tokens.verify(token)


# -- over HTTP ----------------------------------------------------------------------------------

Answering = Callable[[BaseHTTPRequestHandler], None]


def answering(status: int, body: bytes, **headers: str) -> Answering:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def never(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Each byte comes in time; all of them take longer than anybody should wait."""
    body = b" " * 60 + b"{}"
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    with suppress(OSError):
        for byte in body:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.1)


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answering) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *_args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/jwks"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_set_is_fetched(serve: Callable[[Answering], str]) -> None:
    assert fetch_jwks(serve(answering(200, json.dumps(OLD).encode()))) == OLD


UNUSABLE: dict[str, Answering] = {
    "an error": answering(500, json.dumps(OLD).encode()),
    "a redirect": answering(302, json.dumps(OLD).encode(), Location="http://127.0.0.1:9/"),
    "a page": answering(200, b"<html>"),
    "nothing": answering(200, b""),
    "too much": answering(200, b" " * (300 * 1024) + b"{}"),
    "endless nesting": answering(200, b"[" * 100_000),
    "silence": never,
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_no_set(
    serve: Callable[[Answering], str], answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "TIMEOUT_SECONDS", 0.3)
    with pytest.raises(NoKeys):
        fetch_jwks(serve(answer))


def test_a_byte_now_and_then_is_not_waited_for(
    serve: Callable[[Answering], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "TIMEOUT_SECONDS", 0.3)
    begun = time.monotonic()
    with pytest.raises(NoKeys, match="too long"):
        fetch_jwks(serve(dripping))
    assert time.monotonic() - begun < 4, "all of it takes six seconds"


def test_nobody_listens() -> None:
    with pytest.raises(NoKeys):
        fetch_jwks("http://127.0.0.1:9/jwks")
