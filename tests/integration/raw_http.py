"""Bytes to a server and what comes back, without an HTTP client that would mend either."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class RawAnswer:
    """An answer as it stood on the wire; status 0: the connection ended without one."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str:
        """The first header of this name, or nothing."""
        return next((value for one, value in self.headers if one.lower() == name.lower()), "")


def request(method: str, path: str, host: str, *more: str) -> bytes:
    """A request's bytes, without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *more, "", ""]).encode()


def exchange(port: int, sent: bytes, *, seconds: float = 20) -> RawAnswer:
    """Send bytes on a connection of their own and read until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
    return read(received)


def read(received: bytes) -> RawAnswer:
    """An answer, read as leniently as possible."""
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1."):
        return RawAnswer(0, [], received.decode("latin-1"))
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return RawAnswer(int(first.split()[1]), headers, body.decode("utf-8", "replace"))
