"""Judges every case on SQLite and PostgreSQL: `python -m tests.tamper.every_case [database]`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from consent_service.persistence.kernel.migrate import upgrade
from tests.postgres_cluster import find_binaries, running_cluster
from tests.tamper.judge import a_judge

DATABASES = ("sqlite", "postgresql")


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main(names: list[str]) -> int:
    """0 where the list is true of every case; a database that is not here is named."""
    wrong = 0
    for name in names or DATABASES:
        with TemporaryDirectory() as folder, _database(name, Path(folder)) as url:
            if url is None:
                say(f"{name}: not here")
                continue
            wrong += _judge(name, url, Path(folder))
    return 1 if wrong else 0


def _judge(name: str, url: str, folder: Path) -> int:
    began, spent, wrong, count = time.monotonic(), time.process_time(), 0, 0
    with a_judge(url, folder) as judge:
        for cases in judge.cases.values():
            for case in cases:
                count += 1
                if why := judge.wrong(case):
                    wrong += 1
                    say(f"{name}: {case.name}: {why}")
        assert judge.verify().findings == ()
    seen = ", ".join(f"{number} {what}" for what, number in sorted(judge.seen.items()))
    say(
        f"{name}: {count} cases: {seen}; {wrong} wrong;"
        f" {time.monotonic() - began:.0f} s, {time.process_time() - spent:.0f} s of this processor"
    )
    return wrong


@contextmanager
def _database(name: str, folder: Path) -> Iterator[str | None]:
    """A migrated database."""
    if name == "sqlite":
        url = f"sqlite:///{folder / 'consent.db'}"
        upgrade(url)
        yield url
        return
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    with running_cluster(binaries) as cluster:
        url = cluster.url(cluster.create_database())
        upgrade(url)
        yield url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
