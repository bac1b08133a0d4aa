"""Children, the people around them, and the facts, read in one statement.

The overlaps of purposes are read along with the facts: whoever decides sees those of that moment,
and no process remembers any.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, NoReturn

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import History, Overlap
from consent_service.domain.kernel.records import DECIDE_NOTHING, FactRecord, read_fact
from consent_service.errors import NotFound, Unreadable
from consent_service.persistence.catalogue.tables import purpose_overlap
from consent_service.persistence.children.tables import child, fact, person, person_details
from consent_service.persistence.kernel.hot_statement import HotStatement
from consent_service.persistence.keys.data_keys import DataKeys, KeysOutOfDate
from consent_service.persistence.keys.index_slots import (
    IndexSlots,
    found_by,
    slot_column,
)
from consent_service.persistence.keys.sealing import SLOTS, Index, Place, Slot
from consent_service.persistence.keys.tables import data_key
from consent_service.services.children.model import PersonDetails
from consent_service.services.children.ports import Snapshot
from consent_service.services.kernel.model import ChildRef
from consent_service.signing.canonical import canonical_json

_other = fact.alias("other")
_DECIDES = sa.or_(
    fact.c.kind.not_in([sa.literal_column(f"'{kind}'") for kind in sorted(DECIDE_NOTHING)]),
    # The newest is read whatever it is: nothing is decided before it.
    fact.c.seq
    == sa.select(sa.func.max(_other.c.seq))
    .where(_other.c.child_id == child.c.id)
    .scalar_subquery(),
)
"""The facts that a decision can depend on."""


def _snapshot_query(
    condition: sa.ColumnElement[bool], wanted: sa.ColumnElement[bool] | None = None
) -> sa.sql.expression.CompoundSelect[Any]:
    """A child's facts, each controller's data key and details of it, and the purposes' overlaps.

    Those facts that are wanted; None: all.
    """
    of_child = fact.c.child_id == child.c.id
    facts = (
        sa.select(
            child.c.id.label("child"),
            child.c.version,
            fact.c.seq,
            fact.c.at,
            fact.c.kind,
            fact.c.controller_id,
            fact.c.consent_id,
            fact.c.person_id,
            fact.c.payload,
            sa.null().label("key_id"),
            sa.null().label("wrapped"),
            sa.null().label("details"),
            sa.null().label("one_purpose"),
            sa.null().label("other_purpose"),
        )
        .select_from(child.outerjoin(fact, of_child if wanted is None else of_child & wanted))
        .where(condition)
    )
    own_details = sa.and_(
        person_details.c.organisation_id == data_key.c.organisation_id,
        person_details.c.person_id == child.c.id,
    )
    keys = (
        sa.select(
            child.c.id,
            child.c.version,
            sa.null(),
            sa.null(),
            sa.null(),
            data_key.c.organisation_id,
            sa.null(),
            sa.null(),
            sa.null(),
            data_key.c.id,
            data_key.c.wrapped,
            person_details.c.sealed,
            sa.null(),
            sa.null(),
        )
        .select_from(
            child.join(data_key, data_key.c.child_id == child.c.id).outerjoin(
                person_details, own_details
            )
        )
        .where(condition)
    )
    overlaps = sa.select(
        *(sa.null() for _ in range(3)),
        purpose_overlap.c.since,
        *(sa.null() for _ in range(8)),
        purpose_overlap.c.one_id,
        purpose_overlap.c.other_id,
    )
    return sa.union_all(facts, keys, overlaps)


_BY_ID = HotStatement("snapshot_id", _snapshot_query(child.c.id == sa.bindparam("child_id")))


def _by_hash(slots: Iterable[Slot]) -> sa.sql.expression.CompoundSelect[Any]:
    """By the child's keyed hash, in whichever of these slots."""
    columns = [slot_column("cpr_hash", slot) for slot in slots]
    condition = sa.or_(*(child.c[name] == sa.bindparam(name) for name in columns))
    return _snapshot_query(condition, _DECIDES)


# Two slots only while the index key is rotated.
_BY_HASH = {
    frozenset(slots): HotStatement(f"snapshot_{''.join(slots)}", _by_hash(slots))
    for slots in (("a",), ("b",), SLOTS)
}


class _SnapshotRow(NamedTuple):
    """One row of a snapshot.

    It is a fact, a controller's data key with its details of the child, or an overlap of two
    purposes, `at` since when, which is of no child. The members of the other kinds are None.
    """

    child: Any
    version: Any
    seq: Any
    at: Any
    kind: Any
    controller_id: str
    consent_id: str | None
    person_id: str | None
    payload: Any
    key_id: Any
    wrapped: Any
    details: bytes | None
    one_purpose: str | None
    other_purpose: Any


class ChildrenStore:
    """The children of the deployment (`services.children.ports.Children`).

    `restores` is when the database was put back from an older copy.
    """

    def __init__(
        self,
        connection: Connection,
        keys: DataKeys,
        index: Index,
        slots: IndexSlots,
        new_id: Callable[[], str],
        restores: Sequence[datetime] = (),
    ) -> None:
        self._connection = connection
        self.restores = restores
        self._keys = keys
        self._index = index
        self._slots = slots
        self._new_id = new_id

    def find(self, cpr: CprNumber) -> ChildRef | None:
        found = self._row(cpr)
        if found is None:
            self._slots.check_nothing_found()
        return found

    def _row(self, cpr: CprNumber) -> ChildRef | None:
        query = sa.select(child.c.id).where(found_by(child, "cpr_hash", self._index.child(cpr)))
        found = self._connection.scalar(query)
        return None if found is None else ChildRef(found, cpr)

    def find_or_add(self, cpr: CprNumber) -> ChildRef:
        found = self.find(cpr)
        if found is not None:
            return found
        hashes = self._index.child(cpr)
        self._slots.insert(child, "cpr_hash", hashes, id=self._new_id(), version=0)
        added = self._row(cpr)
        if added is None:
            raise KeysOutOfDate
        # The child is a person around itself, under the same id.
        own = self._index.person(added.id, cpr)
        self._slots.insert(person, "cpr_hash", own, id=added.id, child_id=added.id)
        return added

    def is_filed(self, organisation: str, cpr: CprNumber) -> bool:
        query = (
            sa.select(data_key.c.id)
            .join(child, child.c.id == data_key.c.child_id)
            .where(
                data_key.c.organisation_id == organisation,
                found_by(child, "cpr_hash", self._index.child(cpr)),
            )
        )
        return self._connection.scalar(query) is not None

    def filed_at(self, organisation: str, nth: int) -> datetime | None:
        query = (
            sa.select(data_key.c.created_at)
            .where(data_key.c.organisation_id == organisation, data_key.c.child_id.is_not(None))
            .order_by(data_key.c.created_at.desc())
            .offset(nth - 1)
            .limit(1)
        )
        return self._connection.scalar(query)

    def begin_act(self, child_id: str) -> int:
        version = self._connection.scalar(
            sa.update(child)
            .where(child.c.id == child_id)
            .values(version=child.c.version + 1)
            .returning(child.c.version)
        )
        if version is None:
            raise NotFound("There is no such child.")
        return int(version)

    def append_fact(self, record: FactRecord, entry: str) -> None:
        self._connection.execute(
            sa.insert(fact).values(
                child_id=record.child,
                seq=record.seq,
                at=record.at,
                kind=record.kind,
                controller_id=record.controller,
                consent_id=record.consent,
                person_id=record.person,
                payload=canonical_json(dict(record.payload)).decode(),
                entry_id=entry,
            )
        )

    def snapshot(self, child_id: str) -> Snapshot:
        found = self._read(_BY_ID.run(self._connection, {"child_id": child_id}))
        if found is None:
            raise NotFound("There is no such child.")
        return found

    def snapshot_by_cpr(self, cpr: CprNumber) -> Snapshot | None:
        hashes = self._index.child(cpr)
        slots = frozenset(hashes)
        values = {slot_column("cpr_hash", slot): value for slot, value in hashes.items()}
        found = self._read(_BY_HASH[slots].run(self._connection, values))
        if found is None:
            self._slots.check_nothing_found()
        return found

    def _read(self, found: Sequence[Sequence[Any]]) -> Snapshot | None:
        rows = [_SnapshotRow._make(row) for row in found]
        known = next((row for row in rows if row.child is not None), None)
        if known is None:
            return None
        child_id, version = known.child, known.version
        filed_by = frozenset(row.controller_id for row in rows if row.key_id is not None)
        try:
            births = {
                row.controller_id: self._birth_date(child_id, row)
                for row in rows
                if row.key_id is not None
            }
            facts = [
                read_fact(_record(row), births.get(row.controller_id))
                for row in rows
                if row.seq is not None
            ]
        except Unreadable:
            return Snapshot(child_id, version, None, filed_by)
        overlaps = [
            Overlap(row.one_purpose, row.other_purpose, row.at.astimezone(UTC))
            for row in rows
            if row.one_purpose is not None
        ]
        return Snapshot(child_id, version, History.of(facts, overlaps, self.restores), filed_by)

    def _birth_date(self, child_id: str, row: _SnapshotRow) -> date | None:
        key = self._keys.remember(row.controller_id, child_id, row.key_id, row.wrapped)
        if row.details is None:
            return None
        opened = json.loads(key.open(row.details, _details_place(row.controller_id, child_id)))
        text = opened["birth_date"]
        return date.fromisoformat(text) if text else None

    def find_person(self, child_id: str, cpr: CprNumber) -> str | None:
        found = self._person(child_id, cpr)
        if found is None:
            self._slots.check_nothing_found()
        return found

    def _person(self, child_id: str, cpr: CprNumber) -> str | None:
        hashes = self._index.person(child_id, cpr)
        return self._connection.scalar(
            sa.select(person.c.id).where(
                person.c.child_id == child_id, found_by(person, "cpr_hash", hashes)
            )
        )

    def find_or_add_person(self, child_id: str, cpr: CprNumber) -> str:
        found = self._person(child_id, cpr)
        if found is None:
            hashes = self._index.person(child_id, cpr)
            new = self._new_id()
            self._slots.insert(person, "cpr_hash", hashes, id=new, child_id=child_id)
            found = self._person(child_id, cpr)
        if found is None:
            raise KeysOutOfDate
        return found

    def save_details(
        self, controller: str, child_id: str, person_id: str, d: PersonDetails, entry: str
    ) -> None:
        key = self._keys.find_or_make(controller, child_id)
        sealed = key.seal(d.to_bytes(), _details_place(controller, person_id))
        changed = self._connection.execute(
            sa.update(person_details)
            .where(
                person_details.c.organisation_id == controller,
                person_details.c.person_id == person_id,
            )
            .values(sealed=sealed, data_key_id=key.id, entry_id=entry)
        )
        if changed.rowcount == 0:
            self._connection.execute(
                sa.insert(person_details).values(
                    organisation_id=controller,
                    person_id=person_id,
                    data_key_id=key.id,
                    sealed=sealed,
                    entry_id=entry,
                )
            )

    def details(self, controller: str, persons: Iterable[str]) -> Mapping[str, PersonDetails]:
        rows = self._connection.execute(
            sa.select(person_details, data_key.c.wrapped)
            .join(data_key, data_key.c.id == person_details.c.data_key_id)
            .where(
                person_details.c.organisation_id == controller,
                person_details.c.person_id.in_(list(persons)),
            )
        )
        found = _Filed()
        for row in rows:
            key = self._keys.get(row.data_key_id)
            place = _details_place(controller, row.person_id)
            found[row.person_id] = _read_details(key.open(row.sealed, place))
        return found

    def child_number(self, controller: str, child_id: str) -> CprNumber | None:
        details = self.details(controller, [child_id]).get(child_id)
        return details.cpr if details else None


class _Filed(dict[str, PersonDetails]):
    """What a controller knows of people, by person.

    Whoever takes somebody for granted who is not there gets Unreadable: somebody deleted them.
    """

    def __missing__(self, person_id: str) -> NoReturn:
        raise Unreadable(f"person_details of {person_id} is not there")


def _record(row: _SnapshotRow) -> FactRecord:
    try:
        payload = json.loads(row.payload)
    except ValueError:
        raise Unreadable(f"fact {row.seq} is not JSON") from None
    return FactRecord(
        row.child,
        row.seq,
        row.at.astimezone(UTC),
        row.kind,
        row.controller_id,
        row.consent_id,
        row.person_id,
        payload,
    )


def _details_place(controller: str, person_id: str) -> Place:
    return Place("person_details", "sealed", f"{controller}/{person_id}")


def _read_details(data: bytes) -> PersonDetails:
    found = json.loads(data)
    birth_date = found.pop("birth_date")
    return PersonDetails(
        cpr=CprNumber(found.pop("cpr")),
        birth_date=date.fromisoformat(birth_date) if birth_date else None,
        **found,
    )
