"""What a controller has on file about a child, compared with the entries that recorded it.

 1. Every consent is filed under the case and deadline that its request's entry says.
 2. Every signatory is whom the entry of a request or a custody change filed, in that role, and
    everybody so filed is there, with what the controller knows of them.
 3. Every link is of the signatory and time its entry says. It is opened if an entry says so, and
    replaced when the next one was made.
 4. What is known of a person is what the newest entry about them filed; where that was erased, they
    are still needed: by a consent that is left, as its child, signatory or holder.

What an erased entry vouched for nobody vouches for any more. A link outlives it where a controller
keeps its log for a shorter time than its consents; and whoever a request named who may sign under
another consent as well is known, and asked, after that request is erased. Whether somebody may act
is decided by the facts, not by these rows.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES
from consent_service.audit.finding import Finding
from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import fact, person_details
from consent_service.persistence.consents.tables import consent, consent_party, link, signatory
from consent_service.persistence.keys.sealing import KeyRing, Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body, log_erased, log_header
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.column_checks import open_body, open_value
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import GONE, MORE, covered, covered_whole
from consent_service.services.children.model import PEOPLE, details_sha256
from consent_service.services.consents.model import (
    CONSENT_REQUESTED,
    LINK_ISSUED,
    LINK_OPENED,
    SIGNATORIES,
)
from consent_service.services.log.model import CUSTODY_CHANGED

_File = Sequence[tuple[str, Row[Any]]]
"""Everything under one data key: the table of each row, and the row."""


class FileChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = (
        covered(consent, "case_reference", "deadline")
        | covered(consent_party, MORE)
        | covered(signatory, "id", "role", "entry_id", GONE, MORE)
        | covered_whole(link)
        | covered(person_details, "sealed", "entry_id", GONE)
    )

    def findings(self) -> Iterator[Finding]:
        yield from self._of_nothing(consent_party, consent, consent_party.c.consent_id)
        yield from self._of_nothing(link, signatory, link.c.signatory_id)
        if not self._opens:
            return
        for _, found in self._spread.each(wrong_file, self._files()):
            self._checked += 1
            yield from found

    def checked(self) -> Iterator[str]:
        if self._opens:
            yield f"{self._checked} files about children, as their entries recorded them"

    def _of_nothing(
        self, table: sa.Table, whole: sa.Table, part_of: sa.Column[Any]
    ) -> Iterator[Finding]:
        """Rows of what is not there any more."""
        query = sa.select(part_of.label("whole")).outerjoin(whole, whole.c.id == part_of)
        gone = query.where(whole.c.id.is_(None))
        for row in self._reading.rows(gone, "fact_mismatch", table.name):
            place = f"{table.name} of {whole.name} {row.whole}"
            yield Finding("fact_mismatch", place, f"of a {whole.name} that is not there")

    def _files(self) -> Iterator[_File]:
        streams = [self._stream(table, query) for table, query in _queries()]
        for _, file in groupby(merge(*streams, key=_key), key=_key):
            yield list(file)

    def _stream(self, table: str, query: sa.Select[Any]) -> Iterator[tuple[str, Row[Any]]]:
        for row in self._reading.rows(query, "fact_mismatch", table):
            yield table, row


def _key(kept: tuple[str, Row[Any]]) -> str:
    return str(kept[1].data_key_id)


@dataclass
class _Said:
    """What the entries about one file say that can be opened, in the order of their times."""

    requests: dict[str, Any] = field(default_factory=dict)
    signatories: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    links: dict[str, tuple[Row[Any], str]] = field(default_factory=dict)
    opened: dict[str, set[datetime]] = field(default_factory=lambda: defaultdict(set))
    issued: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    people: dict[str, tuple[Row[Any], str]] = field(default_factory=dict)

    @classmethod
    def by(cls, entries: Iterable[Row[Any]], ring: KeyRing) -> "_Said":
        said = cls()
        for entry in sorted(entries, key=lambda row: (row.time, row.entry_id)):
            try:
                said.take(entry, json.loads(open_body(ring, entry)[SALT_BYTES:]))
            except (Unreadable, ValueError, KeyError, TypeError, AttributeError):
                continue  # said of the body already
        return said

    def take(self, entry: Row[Any], body: dict[str, Any]) -> None:
        if body["type"] == LINK_ISSUED:
            self.links[body["link"]] = entry, body["signatory"]
            self.issued[body["signatory"]].append(entry.time)
        elif body["type"] == LINK_OPENED:
            self.opened[body["link"]].add(entry.time)
        else:
            if body["type"] == CONSENT_REQUESTED:
                self.requests[body["consent"]] = body
            for one in body[SIGNATORIES]:
                named = one["consent"], one["person"], one["role"]
                self.signatories[one["id"]] = (entry.entry_id, *named)
            for one in body[PEOPLE]:
                self.people[one["person"]] = entry, one["details_sha256"]


def wrong_file(checks: DatabaseChecks, file: _File) -> list[Finding]:
    """What is wrong with what is filed under one data key."""
    if checks.opened is None:
        return []
    ring, _ = checks.opened
    rows: dict[str, list[Row[Any]]] = defaultdict(list)
    for table, row in file:
        rows[table].append(row)
    said = _Said.by(rows["entry"], ring)
    found = [
        *_wrong_consents(rows["consent"], said),
        *_wrong_signatories(rows, said),
        *_wrong_links(rows, said),
        *_wrong_details(rows["person_details"], said, ring, _still_needed(rows)),
    ]
    return [Finding("fact_mismatch", place, wrong) for place, wrong in found]


_Wrong = Iterator[tuple[str, str]]
"""Places, each with what is wrong there."""


def _wrong_consents(consents: Iterable[Row[Any]], said: _Said) -> _Wrong:
    for row in consents:
        body = said.requests.get(row.id, {})
        filed = row.case_reference, row.deadline.isoformat()
        if (body.get("case_reference"), body.get("deadline")) != filed:
            yield f"consent {row.id}", "filed under another case or deadline than its entry says"


def _wrong_signatories(rows: dict[str, list[Row[Any]]], said: _Said) -> _Wrong:
    there = {row.id for row in rows["signatory"]}
    known = {row.person_id for row in rows["person_details"]}
    for row in rows["signatory"]:
        filed = row.entry_id, row.consent_id, row.person_id, row.role
        entry = said.signatories.get(row.id)
        if entry != filed and (entry is not None or row.erased is None):
            yield f"signatory {row.id}", "not whom its entry filed, or not so"
        elif row.person_id not in known:
            yield f"signatory {row.id}", "nothing is known of them"
    consents = {row.id for row in rows["consent"]}
    for id_, (_, consent_id, *_) in said.signatories.items():
        if consent_id in consents and id_ not in there:
            yield f"signatory {id_}", "filed by an entry, and not there"


def _wrong_links(rows: dict[str, list[Row[Any]]], said: _Said) -> _Wrong:
    there = set()
    for row in rows["link"]:
        name = row.token_hash.hex()
        there.add(name)
        if name in said.links:
            wrong = _wrong_link(row, name, said)
        elif row.erased is None:
            wrong = "no entry says that it was made"
        else:
            later = said.issued.get(row.signatory_id)
            lives_on = bool(later) and row.replaced_at is None
            wrong = "another was made since" if lives_on else None
        if wrong is not None:
            yield f"link of signatory {row.signatory_id}", wrong
    signatories = {row.id for row in rows["signatory"]}
    for name, (_, signatory_id) in said.links.items():
        if name not in there and signatory_id in signatories:
            yield f"link of signatory {signatory_id}", "an entry says that it was made, it is gone"


def _wrong_link(row: Row[Any], name: str, said: _Said) -> str | None:
    entry, signatory_id = said.links[name]
    made = (row.entry_id, row.signatory_id, row.created_at)
    if made != (entry.entry_id, signatory_id, entry.time):
        return "not the link that its entry says was made"
    opened = said.opened.get(name)
    if (row.opened_at not in opened) if opened else row.opened_at is not None:
        return "not opened when its entries say"
    later = [time for time in said.issued[signatory_id] if time > entry.time]
    if row.replaced_at != min(later, default=None):
        return "not replaced when the next was made"
    return None


def _still_needed(rows: dict[str, list[Row[Any]]]) -> str:
    """Everybody whom a controller still has to know: the ids, beside whatever else."""
    if not rows["consent"]:
        return ""
    children = (row.child_id for row in rows["consent"])
    signatories = (row.person_id for row in rows["signatory"])
    return " ".join((*children, *signatories, *(row.payload for row in rows["custody"])))


def _wrong_details(details: Iterable[Row[Any]], said: _Said, ring: KeyRing, needed: str) -> _Wrong:
    for row in details:
        place = f"person {row.person_id} of {row.organisation_id}"
        entry, digest = said.people.get(row.person_id, (None, None))
        if entry is None or entry.entry_id != row.entry_id:
            if row.erased is None or row.recorded_at is None:
                yield place, "not what the newest entry about them filed"
            elif entry is not None and entry.time > row.recorded_at:
                yield place, "older than the newest entry about them"
            elif row.person_id not in needed:
                yield place, "erased with what they were known for, and there again"
            continue
        where = Place("person_details", "sealed", f"{row.organisation_id}/{row.person_id}")
        try:
            known = details_sha256(open_value(ring, row.data_key_id, row, row.sealed, where))
        except Unreadable:
            continue  # said of the person already
        if known != digest:
            yield place, "not what its entry filed"


def _queries() -> Iterator[tuple[str, sa.Select[Any]]]:
    """Each in the order of the data keys."""
    key = consent.c.data_key_id
    yield (
        "entry",
        sa.select(
            log_body.c.data_key_id,
            log_body.c.entry_id,
            log_body.c.time,
            log_body.c.sealed,
            data_key.c.wrapped,
        )
        .outerjoin(data_key, data_key.c.id == log_body.c.data_key_id)
        .where(log_body.c.type.in_((CONSENT_REQUESTED, CUSTODY_CHANGED, LINK_ISSUED, LINK_OPENED)))
        .order_by(log_body.c.data_key_id, log_body.c.entry_id),
    )
    yield (
        "consent",
        sa.select(
            key, consent.c.id, consent.c.child_id, consent.c.case_reference, consent.c.deadline
        ).order_by(key),
    )
    yield (
        "custody",
        sa.select(data_key.c.id.label("data_key_id"), fact.c.payload)
        .join(
            data_key,
            sa.and_(
                data_key.c.organisation_id == fact.c.controller_id,
                data_key.c.child_id == fact.c.child_id,
            ),
        )
        .where(fact.c.kind.in_(("request", "custody_change")))
        .order_by(data_key.c.id),
    )
    yield (
        "signatory",
        sa.select(key, signatory, log_erased.c.entry_id.label("erased"))
        .join(consent, consent.c.id == signatory.c.consent_id)
        .outerjoin(log_erased, log_erased.c.entry_id == signatory.c.entry_id)
        .order_by(key),
    )
    yield (
        "link",
        sa.select(key, link, log_erased.c.entry_id.label("erased"))
        .join(signatory, signatory.c.id == link.c.signatory_id)
        .join(consent, consent.c.id == signatory.c.consent_id)
        .outerjoin(log_erased, log_erased.c.entry_id == link.c.entry_id)
        .order_by(key),
    )
    yield (
        "person_details",
        sa.select(
            person_details,
            data_key.c.wrapped,
            log_header.c.time.label("recorded_at"),
            log_erased.c.entry_id.label("erased"),
        )
        .outerjoin(data_key, data_key.c.id == person_details.c.data_key_id)
        .outerjoin(log_header, log_header.c.entry_id == person_details.c.entry_id)
        .outerjoin(log_erased, log_erased.c.entry_id == person_details.c.entry_id)
        .order_by(person_details.c.data_key_id),
    )
