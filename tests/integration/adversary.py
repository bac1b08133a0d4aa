"""An adversary with the database and no key, against two processes that are killed.

In each round two processes record, integrate and sign; whichever signs may be killed (SIGKILL)
between head, anchor and note. Then, in some rounds, the adversary cuts entries out of the tail,
grows the tree anew and may delete the checkpoints. Afterwards: no two checkpoints of one size with
different roots were ever released, whatever was answered and not taken out by the adversary is in
the log, and a start is refused only where the adversary was.

`python -m tests.integration.adversary 100 [seed]` plays rounds on an SQLite file of its own.
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.audit.checkpoint import parse_checkpoint
from consent_service.commands.assembled import assembled_parts
from consent_service.errors import Misconfigured
from consent_service.persistence.kernel.migrate import upgrade
from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.signer import Signer
from consent_service.persistence.log.tables import log_checkpoint, log_header, log_leaf
from consent_service.services.catalogue.model import Organisation
from consent_service.services.catalogue.register_organisation import register_organisation
from consent_service.services.kernel.model import Caller
from tests.deployment import Deployment, deploy, deploy_with
from tests.integration.forged_logs import as_owner, rewrite_without
from tests.service_process import RealClock, ServiceProcess

ROOT = Path(__file__).resolve().parent.parent.parent
ENTRIES = 3
"""So many each process records in a round."""


class Mortal(Anchor):
    """Ends its process at one of the points between head, anchor and note; else it is an anchor."""

    point = "nowhere"

    def write(self, note: str) -> None:
        if self.point == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(note)
        if self.point == "after":
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Game:
    """A deployment through many rounds, and every checkpoint that anybody could have fetched."""

    deployment: Deployment
    folder: Path
    dice: random.Random
    released: dict[int, bytes] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    attacks: int = 0
    refusals: int = 0
    kills: int = 0

    def round(self, number: int) -> None:
        """Two processes that may die while they sign; then perhaps the adversary; then a start."""
        points = [self.dice.choice(["before", "after", "nowhere"]) for _ in range(2)]
        processes = [self._process(f"{number}-{n}", point) for n, point in enumerate(points)]
        for process, point in zip(processes, points, strict=True):
            said, errors = process.communicate(timeout=120)
            self.answered |= set(said.split())
            killed = process.returncode == -signal.SIGKILL
            assert killed or process.returncode == 0, errors
            assert point != "nowhere" or not killed
            self.kills += killed
        self.look()
        if self.dice.random() < 0.5:
            self.attack()
        else:
            # Nobody was here: a start is not refused.
            self._started()
            self.look()
            assert self.answered <= self._headers()

    def attack(self) -> None:
        """Rewrite the tail. Who then starts refuses it, or it is only what nobody had signed yet.

        A refused database is put back as it was; one that was signed is the log from here on.
        """
        self.attacks += 1
        self._keep_aside()
        before = self.deployment.parts.anchor.read()
        keeps_notes = self.dice.random() < 0.5

        def rewrite(connection: Connection) -> None:
            newest = sa.select(log_leaf.c.entry_id).order_by(log_leaf.c.index.desc()).limit(8)
            entries = connection.scalars(newest).all()
            gone = self.dice.sample(list(entries), self.dice.randint(1, 4))
            kept = connection.execute(sa.select(log_checkpoint)).mappings().all()
            size = rewrite_without(connection, gone)
            fitting = [dict(row) for row in kept if row["size"] <= size]
            if keeps_notes and fitting:
                connection.execute(sa.insert(log_checkpoint), fitting)

        as_owner(self.deployment.parts.units.engine, rewrite)
        with suppress(Misconfigured):
            self._started()
        self.look()
        if self.deployment.parts.anchor.read() == before:
            self.refusals += 1
            self._put_back()
        else:
            self.answered &= self._headers()

    def look(self) -> None:
        """Whatever is released now agrees with everything that ever was."""
        with self.deployment.parts.units.engine.connect() as connection:
            notes = connection.scalars(sa.select(log_checkpoint.c.note)).all()
        for note in notes:
            one = parse_checkpoint(note)
            assert self.released.setdefault(one.size, one.root) == one.root, one.size

    def _started(self) -> None:
        """Raises Misconfigured."""
        again = deploy_with(self.deployment.settings, self.deployment.clock)
        again.parts.grow()
        again.close()

    def _headers(self) -> set[str]:
        with self.deployment.parts.units.engine.connect() as connection:
            return set(connection.scalars(sa.select(log_header.c.entry_id)))

    def _process(self, name: str, point: str) -> subprocess.Popen[str]:
        environment = ServiceProcess(self.deployment, self.folder).settings_in_environment()
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.adversary", "process", name, point],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def _paths(self) -> tuple[Path, Path]:
        """The database's file, and where it is kept aside."""
        path = Path(str(self.deployment.parts.units.engine.url.database))
        return path, self.folder / "aside.db"

    def _keep_aside(self) -> None:
        path, aside = self._paths
        aside.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(aside),))

    def _put_back(self) -> None:
        path, aside = self._paths
        self.deployment.parts.units.dispose()
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        shutil.copyfile(aside, path)


def play(rounds: int, seed: int, folder: Path) -> Game:
    """So many rounds; the same seed makes the same choices."""
    url = f"sqlite:///{folder / 'consent.db'}"
    upgrade(url)
    deployment = deploy(url, folder, clock=RealClock(datetime.now(UTC)))
    game = Game(deployment, folder, random.Random(seed))
    try:
        for number in range(rounds):
            game.round(number)
    finally:
        deployment.close()
    return game


def process(name: str, point: str) -> None:
    """Record, integrate and sign, and say what was answered."""
    Mortal.point = point
    with assembled_parts() as parts:
        anchor = Mortal(parts.anchor.path)
        engine, clock = parts.units.engine, parts.context.clock
        signer = Signer(engine, anchor, parts.guard, parts.log_identity, clock)
        for entry in range(ENTRIES):
            with parts.units.writing() as uow:
                added = Organisation(f"o-{name}-{entry}", "Made up", "other", {}, {}, {})
                register_organisation(uow, parts.context, Caller("operator", "test"), added)
                ids = list(uow.log.appended)
                uow.commit()
            sys.stdout.write("".join(f"{id_}\n" for id_ in ids))
            sys.stdout.flush()
            parts.sequencer.run_once()
            signer.run_once()
        signer.close()


def main() -> None:
    if sys.argv[1] == "process":
        process(sys.argv[2], sys.argv[3])
        return
    rounds, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory(prefix="consent-adversary-") as folder:
        game = play(rounds, seed, Path(folder))
    sys.stdout.write(
        f"{rounds} rounds, {game.kills} kills, {game.attacks} attacks ({game.refusals} refused), "
        f"{len(game.released)} "
        f"checkpoints, {len(game.answered)} entries: no two of one size, nothing lost\n"
    )


if __name__ == "__main__":
    main()
