"""The service as gunicorn serves it: also what never reaches the application is answered well."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.deployment import Deployment
from tests.hardening import flaws
from tests.integration.raw_http import RawAnswer, exchange, request
from tests.postgres_cluster import Cluster
from tests.service_process import ServiceProcess, deploy_in_real_time, running_service

HOST = "localhost:8000"
CLOSE = "Connection: close"


@pytest.fixture
def deployment(sqlite_url: str, tmp_path: Path) -> Iterator[Deployment]:
    deployment = deploy_in_real_time(sqlite_url, tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def service(deployment: Deployment, tmp_path: Path) -> Iterator[ServiceProcess]:
    with running_service(deployment, tmp_path, workers=1) as service:
        yield service


def token_of(asked: dict, nth: int = 0) -> str:
    urls = [one["signing_url"] for one in asked["signatories"] if "signing_url" in one]
    return urls[nth].rpartition("/")[2]


def check(answer: RawAnswer, what: str, **kinds: bool) -> None:
    assert flaws(answer.headers, answer.body, **kinds) == [], what
    assert answer.header("Server") == "web", what


UNREADABLE = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "a link in a broken line": (b"GET /sign/{token} now HTTP/1.1\r\n\r\n", 400),
    "another version": (b"GET /sign/{token} HTTP/7.3\r\nHost: localhost\r\n\r\n", 400),
    "a broken header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon {token}\r\n\r\n", 400),
    "a broken header name": (b"GET / HTTP/1.1\r\nHo st {token}: localhost\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n {token}\r\n\r\n", 400),
    "a long line": (b"GET /sign/{token}" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
    "many headers": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: {token}\r\n" * 70 + b"\r\n",
        431,
    ),
    "a large header": (b"GET / HTTP/1.1\r\nX-A: {token}" + b"x" * 9000 + b"\r\n\r\n", 431),
    "an unknown coding": (
        b"POST /v1/consents HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {token}\r\n\r\n",
        501,
    ),
    "two lengths": (
        (
            b"POST /sign/{token} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
            b"Content-Length: 6\r\n\r\nhello"
        ),
        400,
    ),
    "length and chunks": (
        (
            b"POST /sign/{token} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        400,
    ),
    "an expectation": (b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: {token}\r\n\r\n", 417),
}


def test_what_is_no_http_is_answered_plainly_and_repeated_nowhere(
    deployment: Deployment, service: ServiceProcess
) -> None:
    token = token_of(deployment.ask())
    for what, (sent, status) in UNREADABLE.items():
        answer = exchange(service.port, sent.replace(b"{token}", token.encode()))
        assert answer.status == status, (what, answer)
        check(answer, what)
        assert token not in answer.body, what
    assert token not in service.log.read_text()
    assert "127.0.0.1" not in service.log.read_text()


# Where a body ends must not be a matter of opinion: a proxy's may be another (RFC 9112 § 11.2).
AMBIGUOUS = (
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: \x0bchunked",
    b"Content-Length: 0\r\nContent-Length: 5",
    b"Content-Length: 0, 5",
    b"Content-Length: +0",
    b"Content-Length: 0x0",
    b"Content-Length : 0",
    b"Content_Length: 5\r\nContent-Length: -0",
    b"X: y\n\nTransfer-Encoding: chunked",
)


def test_no_second_request_hides_in_a_body(service: ServiceProcess) -> None:
    hidden = b"0\r\n\r\n" + request("GET", "/openapi.json", HOST, CLOSE)
    first = b"POST /sign/ HTTP/1.1\r\nHost: localhost\r\n"
    for framing in AMBIGUOUS:
        answer = exchange(service.port, first + framing + b"\r\n\r\n" + hidden)
        assert answer.status in (400, 501), (framing, answer)
        assert "HTTP/1.1" not in answer.body, framing  # one answer, and the connection ends
        check(answer, repr(framing))
    # In the open it is served, so the above would have shown it.
    answer = exchange(service.port, first + b"Content-Length: 5\r\n\r\n" + hidden)
    assert (answer.status, answer.body.count("HTTP/1.1")) == (405, 1)


def test_a_body_that_breaks_off_is_the_callers_fault(service: ServiceProcess) -> None:
    bearer = f"Authorization: Bearer {service.token('municipality-x')}"
    json_ = ("Content-Type: application/json", "Idempotency-Key: k", bearer)
    chunked = request("POST", "/v1/consents", HOST, *json_, "Transfer-Encoding: chunked", CLOSE)
    for broken in (b"nonsense\r\n\r\n", b"5\r\nhelloXX", b"5;\x01\r\nhello\r\n", b"-1\r\n\r\n"):
        answer = exchange(service.port, chunked + broken)
        assert answer.status == 400, (broken, answer)
        check(answer, repr(broken))


def test_what_is_http_goes_by_the_same_rules(
    deployment: Deployment, service: ServiceProcess
) -> None:
    bearer = f"Authorization: Bearer {service.token('municipality-x')}"
    cases = {
        ("GET", "/healthz", HOST): 200,
        ("GET", "/readyz", "127.0.0.1"): 200,
        ("GET", "/readyz", "evil.example"): 400,
        ("GET", "/readyz", "localhost@evil.example"): 400,
        ("GET", "/sign/style.css", HOST): 200,
        ("HEAD", "/docs", HOST): 200,
        ("GET", "/sign", HOST): 404,
        ("GET", "//evil.example/..", HOST): 404,
        ("GET", "http://evil.example/sign/", HOST): 400,
        ("GET", "/v1/consents", HOST): 200,
        ("GET", "/v1/consents/x", HOST): 404,
        ("DELETE", "/v1/consents", HOST): 405,
        ("OPTIONS", "*", HOST): 404,
        ("TRACE", "/", HOST): 404,
    }
    for (method, path, host), status in cases.items():
        answer = exchange(service.port, request(method, path, host, bearer, CLOSE))
        assert answer.status == status, (method, path, answer.status)
        check(answer, path, may_be_kept=path.endswith(".css"))
    no_host = b"GET /healthz HTTP/1.0\r\n\r\n"
    assert exchange(service.port, no_host).status == 400


ELSEWHERE = [
    "http://evil.example/healthz",
    "https://evil.example/healthz",
    "HTTP://evil.example:8000/healthz",
    "http://evil.example",
    "http://evil.example?x",
    "http://localhost@evil.example/healthz",
    "http://localhost:8000@evil.example/healthz",
    "http://localhost.evil.example/healthz",
    "http:///healthz",
    "ftp://localhost/healthz",
    "evil.example:443",
    "localhost:8000",
    "healthz",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_a_target_that_names_another_host_is_refused_as_its_header_is(
    service: ServiceProcess, target: str
) -> None:
    answer = exchange(service.port, request("GET", target, HOST, CLOSE))
    assert answer.status == 400, answer
    assert "ok" not in answer.body


def test_a_target_may_name_us_and_the_header_must(service: ServiceProcess) -> None:
    for target in ("http://localhost:8000/healthz", "HTTP://LOCALHOST/healthz", "/healthz"):
        assert exchange(service.port, request("GET", target, HOST, CLOSE)).status == 200, target
        other = exchange(service.port, request("GET", target, "evil.example", CLOSE))
        assert (other.status, json.loads(other.body)["code"]) == (400, "unknown_host"), target
    named = exchange(service.port, request("GET", ELSEWHERE[0], HOST, CLOSE))
    assert json.loads(named.body)["code"] == "unknown_host"


def test_the_access_log_of_real_requests(deployment: Deployment, service: ServiceProcess) -> None:
    asked = deployment.ask()
    token = token_of(asked)
    exchange(service.port, request("GET", f"/sign/{token}?cpr=0101801112", HOST, CLOSE))
    exchange(service.port, request("GET", "/sign/AAAABBBBCCCC", HOST, CLOSE))
    exchange(service.port, f"GET /sign/{token} nonsense\r\n\r\n".encode())
    bearer = f"Authorization: Bearer {service.token('gp-y')}"
    exchange(service.port, request("GET", f"/v1/consents/{asked['id']}", HOST, bearer, CLOSE))
    time.sleep(0.2)
    written = service.log.read_text()
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    seen = [(one["route"], one["status"]) for one in lines if one["route"] != "/readyz"]
    assert seen == [
        ("/sign/<token>", 303),
        ("/sign/<token>", 404),
        ("-", 400),
        ("/v1/consents/<consent_id>", 404),
    ]
    assert (lines[-1]["organisation"], lines[-1]["client"]) == ("gp-y", "gp-y-system")
    assert all(0 <= one["ms"] < 60_000 for one in lines)
    for secret in (token, "AAAABBBB", asked["id"], "0101801112", "127.0.0.1"):
        assert secret not in written


# -- clients that dawdle ------------------------------------------------------------------------


@pytest.fixture
def hasty(deployment: Deployment, tmp_path: Path) -> Iterator[ServiceProcess]:
    """One worker of four threads that waits two seconds for a request."""
    settings = "tests.integration.hasty_gunicorn"
    with running_service(deployment, tmp_path, workers=1, gunicorn_settings=settings) as service:
        yield service


def _seconds_to_answer(port: int) -> float:
    begun = time.monotonic()
    assert exchange(port, request("GET", "/healthz", HOST, CLOSE)).status == 200
    return time.monotonic() - begun


def _dawdlers(stack: ExitStack, port: int, first: bytes, count: int = 12) -> list[socket.socket]:
    sockets = []
    for _ in range(count):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        stack.enter_context(connection)
        if first:
            connection.sendall(first)
        sockets.append(connection)
    time.sleep(0.3)
    return sockets


def test_who_connects_and_says_nothing_costs_no_thread(hasty: ServiceProcess) -> None:
    with ExitStack() as stack:
        _dawdlers(stack, hasty.port, b"")
        assert _seconds_to_answer(hasty.port) < 1


@pytest.mark.parametrize(
    "first",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        (
            b"POST /sign/grant HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\nform_token="
        ),
    ],
    ids=["header", "body"],
)
def test_who_dawdles_over_a_request_is_hung_up_on(hasty: ServiceProcess, first: bytes) -> None:
    """A byte now and then does not help: what counts is the whole request."""
    with ExitStack() as stack:
        sockets = _dawdlers(stack, hasty.port, first, count=4)
        begun = time.monotonic()
        while time.monotonic() - begun < 4.5:
            for connection in sockets:
                with suppress(OSError):
                    connection.sendall(b"x")
            time.sleep(0.3)
        assert _seconds_to_answer(hasty.port) < 1


def test_who_does_not_read_the_answer_is_hung_up_on(hasty: ServiceProcess) -> None:
    large = request("GET", "/docs/files/swagger-ui-bundle.js", HOST)
    with ExitStack() as stack:
        _dawdlers(stack, hasty.port, large, count=4)
        assert _seconds_to_answer(hasty.port) < 8


# -- without a database -------------------------------------------------------------------------


def test_without_a_database_nobody_enters(
    fresh_postgres_url: str, postgres_cluster: Cluster, tmp_path: Path
) -> None:
    deployment = deploy_in_real_time(fresh_postgres_url, tmp_path)
    asked = deployment.ask()
    with running_service(deployment, tmp_path, workers=1) as service:
        bearer = f"Authorization: Bearer {service.token('municipality-x')}"
        assert exchange(service.port, request("GET", "/v1/consents", HOST, bearer, CLOSE)).status
        deployment.close()
        postgres_cluster.freeze(urlsplit(fresh_postgres_url).path.removeprefix("/"))
        cases = {
            ("/healthz", ""): {200},
            ("/readyz", ""): {503},
            (f"/sign/{token_of(asked)}", ""): {503},
            ("/sign/wrong", ""): {503},
            ("/v1/consents", bearer): {503},
            ("/v1/consents", "Authorization: Bearer x.y.z"): {503},
            ("/v1/consents", "X-No: token"): {401},
        }
        for (path, header), statuses in cases.items():
            more = [header] if header else []
            answer = exchange(service.port, request("GET", path, HOST, *more, CLOSE))
            assert answer.status in statuses, (path, header, answer)
            assert answer.status != 503 or int(answer.header("Retry-After")) >= 1
            check(answer, path)
        assert postgres_cluster.url("x").split("@")[1].split("/")[0] not in service.log.read_text()
