"""Serving the provider, on this machine alone."""

import ipaddress
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from mitid_stand_in.provider import Claims, Config, Person, create_app


class NotLoopback(ValueError):
    """The address could be reached from elsewhere: a login for everybody must not be."""


class _Quiet(WSGIRequestHandler):
    """Writes no access log, because codes and states are in the addresses."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


def load_people(path: Path) -> tuple[Person, ...]:
    """The people of a JSON file: [{"cpr": …, "name": …, "description": …}, …].

    Staff have no `cpr`, and may have `claims`: {"roles": […]}.
    """
    return tuple(
        Person(
            entry.get("cpr"), entry["name"], entry.get("description", ""), entry.get("claims", {})
        )
        for entry in json.loads(path.read_text(encoding="utf-8"))
    )


def bind(
    people: Sequence[Person],
    client_id: str,
    client_secret: str,
    redirect_uri: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    make_app: Callable[[Config], Flask] = create_app,
) -> tuple[BaseWSGIServer, str]:
    """A server that listens, and its issuer; port 0 takes a free one. Raises NotLoopback."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise NotLoopback(f"{host} is not an IP address") from None
    if not address.is_loopback:
        raise NotLoopback(f"{host} is not a loopback address")
    # The issuer is known only once the port is, so the application comes after its server.
    server = make_server(host, port, Flask(__name__), threaded=True, request_handler=_Quiet)
    issuer = f"http://{f'[{host}]' if address.version == 6 else host}:{server.server_port}"
    config = Config(issuer, client_id, client_secret, redirect_uri, tuple(people))
    server.app = make_app(config)
    return server, issuer


@contextmanager
def running(
    people: Sequence[Person],
    client_id: str,
    client_secret: str,
    redirect_uri: str,
    *,
    port: int = 0,
    tamper: Callable[[Claims], Claims] = dict,
    forge: Callable[[str], str] = str,
) -> Iterator[str]:
    """The provider in a thread of this process; gives its issuer. For tests."""
    server, issuer = bind(
        people,
        client_id,
        client_secret,
        redirect_uri,
        port=port,
        make_app=lambda config: create_app(config, tamper, forge),
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
