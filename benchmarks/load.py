"""Sends one kind of request about random children as fast as it is answered, and counts.

With wrk where it is installed. Else with processes of our own over plain sockets, which take more
of the machine and so bring every ratio nearer to one.
"""

import json
import multiprocessing
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

CONNECTIONS = 8
_CPR = "@CPR@"
_REQUEST_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_LUA = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """A request to repeat; `body` has a placeholder for the child's number."""

    port: int
    path: str
    token: str
    body: str
    cprs: tuple[str, ...]

    @classmethod
    def about(
        cls, port: int, path: str, token: str, body: Mapping[str, Any], cprs: tuple[str, ...]
    ) -> "Load":
        """A request about any of these children."""
        return cls(port, path, token, json.dumps({**body, "child": {"cpr": _CPR}}), cprs)

    def body_about(self, cpr: str) -> bytes:
        """The body for one child."""
        return self.body.replace(_CPR, cpr).encode()


def rate(load: Load, seconds: float) -> float:
    """Requests answered with a 2xx each second. Raises RuntimeError when any other came."""
    return _rate_by_wrk(load, seconds) if shutil.which("wrk") else _rate_by_sockets(load, seconds)


def generator() -> str:
    """What sends the requests, for the report."""
    return "wrk" if shutil.which("wrk") else "sockets"


def _rate_by_wrk(load: Load, seconds: float) -> float:
    with TemporaryDirectory() as folder:
        numbers = Path(folder, "cprs")
        numbers.write_text("\n".join(load.cprs))
        before, after = load.body.split(_CPR)
        environment = {
            "LOAD_CPRS": str(numbers),
            "LOAD_TOKEN": load.token,
            "LOAD_BEFORE": before,
            "LOAD_AFTER": after,
            "LOAD_RUN": str(uuid4()),
        }
        answer = subprocess.run(
            [
                *("wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{max(1, round(seconds))}s"),
                *("-s", str(_LUA), f"http://127.0.0.1:{load.port}{load.path}"),
            ],
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
    found = _REQUEST_RATE.search(answer)
    if found is None or "Non-2xx" in answer or "Socket errors" in answer:
        raise RuntimeError(f"not every request to {load.path} was answered:\n{answer}")
    return float(found[1])


def _rate_by_sockets(load: Load, seconds: float) -> float:
    with multiprocessing.get_context("fork").Pool(CONNECTIONS) as pool:
        return sum(pool.starmap(_send, [(load, seconds)] * CONNECTIONS, chunksize=1))


def _send(load: Load, seconds: float) -> float:
    run, chosen = uuid4(), random.Random()
    with socket.create_connection(("127.0.0.1", load.port)) as connection:
        count, began = 0, time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            body = load.body_about(chosen.choice(load.cprs))
            head = (
                f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {load.token}\r\nContent-Type: application/json\r\n"
                f"Idempotency-Key: {run}-{count}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + body)
            _read_answer(connection)
            count += 1
    return count / elapsed


def _read_answer(connection: socket.socket) -> None:
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _receive(connection)
    if not answer.startswith(b"HTTP/1.1 2"):
        raise RuntimeError(answer.decode("utf-8", "replace"))
    length = re.search(rb"(?i)content-length: *(\d+)", answer)
    if length is None:
        raise RuntimeError("an answer without a length")
    while len(answer) < end + 4 + int(length[1]):
        answer += _receive(connection)


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise RuntimeError("the connection was closed")
    return received
