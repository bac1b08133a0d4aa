"""Whether the list of vouchers is true of a change: it is found, refused where it is used, or told.

Told: the list says that it does not matter, and every answer is what it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sqlalchemy.engine import Engine

from consent_service.audit.finding import VerifyReport
from consent_service.audit.tree_checks import Claims
from consent_service.persistence.schema import metadata
from consent_service.persistence.verification.log_reader import verify_database
from consent_service.persistence.verification.vouchers import (
    GONE,
    MORE,
    VOUCHERS,
    Voucher,
)
from consent_service.signing.own_keys import own_keys
from tests.tamper.answers import Answers, answers_of, differences, is_refused
from tests.tamper.cases import Case, cases_of
from tests.tamper.damage import damaged, owner_of
from tests.tamper.world import World, a_world


@dataclass
class Judge:
    """One world, whose database is changed and changed back; `seen` counts what became of it."""

    world: World
    owner: Engine
    before: Answers
    seen: dict[str, int] = field(default_factory=dict)

    def verify(self) -> VerifyReport:
        parts = self.world.service.parts
        return verify_database(
            parts.units.engine,
            parts.units.ring,
            parts.index,
            own_keys(parts.keys.published, parts.keys.schedules.values()),
            parts.settings.log_origin,
            self.world.service.clock.now,
            Claims((), parts.anchor.read()),
        )

    @cached_property
    def cases(self) -> Mapping[str, Sequence[Case]]:
        """Every case, by table."""
        return {
            table.name: list(cases_of(table, self.world.moments))
            for table in metadata.sorted_tables
        }

    def wrong(self, case: Case) -> str | None:
        """What the list is wrong about, or None."""
        with damaged(self.owner, case) as was_written:
            if not was_written:
                return self._saw("refused by the schema")
            report = self.verify()
            # A checkpoint that is missing is said, and is no lie: a crash leaves the same.
            if report.findings or report.notices:
                return self._saw("found")
            vouchers = vouchers_of(case)
            if not all(voucher.may_pass for voucher in vouchers):
                return "nobody notices"
            after = answers_of(self.world)
        told = differences(self.before, after)
        if any(voucher.kind == "at use" for voucher in vouchers):
            told = [name for name in told if not is_refused(name, after[name])]
        if told:
            return f"answered otherwise: {', '.join(told[:5])}"
        return self._saw("harmless, or refused at use")

    def _saw(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1


@contextmanager
def a_judge(database_url: str, folder: Path) -> Iterator[Judge]:
    """Of a world of its own, in a migrated database."""
    with a_world(database_url, folder) as world:
        owner = owner_of(database_url)
        try:
            judge = Judge(world, owner, answers_of(world))
            report = judge.verify()
            assert (report.findings, report.notices) == ((), ())
            yield judge
        finally:
            owner.dispose()


def touched(case: Case) -> set[str]:
    """The columns of the list that a case changes something of."""
    if case.column is not None:
        return {case.column}
    found: set[str] = set()
    for old, new in case.changes:
        if old is None or new is None:
            found.add(MORE if old is None else GONE)
        else:
            found |= {name for name, value in old.items() if new[name] != value}
    return found


def vouchers_of(case: Case) -> list[Voucher]:
    return [VOUCHERS[case.table.name][column] for column in sorted(touched(case))]
