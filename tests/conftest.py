"""What every suite shares: real databases, a real browser, and plain words about what is missing.

A suite whose programs are not on this machine is skipped and named at the end of the run; with
CONSENT_REQUIRE_ALL_SUITES=1, as in CI, what is missing is a failure.
"""

import logging
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.postgres_cluster import Cluster, find_binaries, running_cluster
from tests.privacy import WATCH
from tests.softhsm import SoftToken, find_library

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REQUIRE_ALL_SUITES = os.environ.get("CONSENT_REQUIRE_ALL_SUITES") == "1"

# As root Chromium runs only without its sandbox; the rest keeps it from calling home.
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

SUITE_FIXTURES = {
    "postgres_cluster": "postgres",
    "chromium_path": "browser",
    "broker_packages": "brokers",
    "soft_token": "pkcs11",
}
_missing = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_missing] = {}
    # Whatever the service can say is collected, for the test that greps it.
    logging.getLogger("consent_service").setLevel(logging.DEBUG)
    # A polite kill (a timeout, a CI that gives up) ends like Ctrl-C: servers are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    return [
        f"PostgreSQL: {find_binaries() or 'none'}",
        f"Chromium: {_find_chromium() or 'none'}",
        f"SoftHSM: {find_library() or 'none'}",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a suite's programs by the fixtures it asks for."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if mark := SUITE_FIXTURES.get(fixture):
                item.add_marker(mark)
    # Last, because it looks at what all the others logged and printed.
    items.sort(key=lambda item: item.path.name == "test_privacy.py")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    WATCH.sections += [(f"{report.nodeid}: {title}", text) for title, text in report.sections]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for suite, why in config.stash[_missing].items():
        terminalreporter.write_line(f"SUITE SKIPPED: {suite}: {why}", yellow=True, bold=True)


def _not_here(request: pytest.FixtureRequest, suite: str, why: str) -> NoReturn:
    """Skip, and say so at the end; a failure where every suite is required."""
    if REQUIRE_ALL_SUITES:
        pytest.fail(f"{suite}: {why}", pytrace=False)
    request.config.stash[_missing][suite] = why
    pytest.skip(f"{suite}: {why}")


# -- databases ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A PostgreSQL server of our own for the whole run, with durability on."""
    binaries = find_binaries()
    if binaries is None:
        _not_here(request, "PostgreSQL", "no server binaries; install Debian's postgresql package")
    with running_cluster(binaries) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: Cluster) -> str:
    """The name of a migrated database, closed to connections, to copy the others from."""
    from consent_service.persistence.kernel.migrate import upgrade

    name = postgres_cluster.create_database()
    upgrade(postgres_cluster.url(name))
    postgres_cluster.freeze(name)
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy the others from."""
    from consent_service.persistence.kernel.migrate import upgrade

    path = tmp_path_factory.mktemp("template") / "consent.db"
    upgrade(f"sqlite:///{path}")
    # Whatever is still in the write-ahead log goes into the file, so that the file is all.
    connection = sqlite3.connect(path)
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    assert not busy, "the migration left a connection open in the middle of a transaction"
    return path


@pytest.fixture(scope="module")
def postgres_url(postgres_cluster: Cluster, postgres_template: str) -> Iterator[str]:
    """One migrated PostgreSQL database for all the tests of a module."""
    name = postgres_cluster.create_database(template=postgres_template)
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of the test's own."""
    path = tmp_path / "consent.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def fresh_postgres_url(postgres_cluster: Cluster, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    name = postgres_cluster.create_database(template=postgres_template)
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own, once on SQLite and once on PostgreSQL."""
    own = "sqlite_url" if request.param == "sqlite" else "fresh_postgres_url"
    url: str = request.getfixturevalue(own)
    return url


@dataclass(frozen=True)
class Furnished:
    """A service that was filled and closed: its keys, and what its database is copied from.

    The log's anchor lies beside its keys.
    """

    folder: Path
    database: str

    def copy_keys(self, folder: Path) -> None:
        for file in self.folder.glob("keys.json*"):
            shutil.copy(file, folder)


@pytest.fixture(scope="session")
def furnished_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    folder = tmp_path_factory.mktemp("furnished-sqlite")
    database = folder / "consent.db"
    shutil.copyfile(sqlite_template, database)
    # The last connection to close brings the write-ahead log home.
    _furnish(f"sqlite:///{database}", folder)
    return Furnished(folder, str(database))


@pytest.fixture(scope="session")
def furnished_postgres(
    postgres_cluster: Cluster, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Furnished:
    folder = tmp_path_factory.mktemp("furnished-postgres")
    name = postgres_cluster.create_database(template=postgres_template)
    _furnish(postgres_cluster.url(name), folder)
    postgres_cluster.freeze(name)
    return Furnished(folder, name)


def _furnish(database_url: str, folder: Path) -> None:
    """A minute before the clock of the tests starts."""
    from tests.deployment import NOW, SettableClock, deploy

    deploy(database_url, folder, clock=SettableClock(NOW - timedelta(minutes=1))).furnish().close()


@pytest.fixture
def furnished_sqlite_url(furnished_sqlite: Furnished, tmp_path: Path) -> str:
    """As `sqlite_url`, with the organisations and templates, and its keys in the test's folder."""
    path = tmp_path / "consent.db"
    shutil.copyfile(furnished_sqlite.database, path)
    furnished_sqlite.copy_keys(tmp_path)
    return f"sqlite:///{path}"


@pytest.fixture
def furnished_postgres_url(
    postgres_cluster: Cluster, furnished_postgres: Furnished, tmp_path: Path
) -> Iterator[str]:
    """The same on PostgreSQL."""
    name = postgres_cluster.create_database(template=furnished_postgres.database)
    furnished_postgres.copy_keys(tmp_path)
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def furnished_url(request: pytest.FixtureRequest) -> str:
    """As `database_url`, with the organisations and templates, and its keys in `tmp_path`.

    What `deploy(...).furnish()` makes of an empty one, made once per run and copied for each test.
    """
    url: str = request.getfixturevalue(
        "furnished_sqlite_url" if request.param == "sqlite" else "furnished_postgres_url"
    )
    return url


@pytest.fixture
def _blank_postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    name = postgres_cluster.create_database()
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def blank_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a single table, on both: for the tests of the migrations."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'blank.db'}"
    url: str = request.getfixturevalue("_blank_postgres_url")
    return url


# -- programs -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium_path(request: pytest.FixtureRequest) -> Path:
    """Chromium's or Chrome's executable; CHROMIUM overrules."""
    path = _find_chromium()
    if path is None:
        _not_here(request, "browser", "no Chromium; install Debian's chromium, or set CHROMIUM")
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator["Browser"]:
    """A headless Chromium for the tests of a module, each of which opens a context of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path, args=list(CHROMIUM_ARGUMENTS)
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def broker_packages(request: pytest.FixtureRequest) -> None:
    """Node.js, and the certified OpenID provider that the tests of the brokers start."""
    from tests.brokers.certified_provider import why_not_here

    if why := why_not_here():
        _not_here(request, "brokers", why)


@pytest.fixture(scope="session")
def soft_token(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SoftToken:
    """A token of SoftHSM for the whole run, which every deployment of the tests may share."""
    library = find_library()
    if library is None:
        _not_here(request, "hardware module", "no SoftHSM 2; install Debian's softhsm2 package")
    return SoftToken.make(library, tmp_path_factory.mktemp("softhsm"))


@pytest.fixture(scope="session")
def faketime_library(request: pytest.FixtureRequest) -> Path:
    """The library to preload (LD_PRELOAD, with FAKETIME=+1y) into a process under another clock."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        _not_here(request, "clock", "no libfaketime; install Debian's libfaketime package")
    return found[0]


def _find_chromium() -> Path | None:
    # First the one without windows: it draws the same pages with half of the processor time.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    wanted = (os.environ.get("CHROMIUM"), *names)
    found = (shutil.which(name) for name in wanted if name)
    return next((Path(path) for path in found if path), None)
