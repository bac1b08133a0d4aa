"""One family as the service wrote it, taken apart so that it can be written again about others."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from benchmarks.families import Family
from consent_service.audit.entry import SALT_BYTES
from consent_service.audit.receipt import SEAL_TYPES
from consent_service.domain.kernel.records import FactRecord
from consent_service.persistence.keys.sealing import Place
from consent_service.services.children.model import details_sha256
from consent_service.signing import jws
from consent_service.signing.canonical import canonical_json, instant_text
from consent_service.signing.seal import TYP
from consent_service.wiring import Parts

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""By table, in the order in which they were written."""

TABLES = (
    *("child", "person", "data_key", "person_details", "consent", "consent_party", "signatory"),
    *("link", "fact", "statement", "log_header", "log_body"),
)
_PLACES = {
    ("person_details", "sealed"): "{organisation_id}/{person_id}",
    ("consent", "terms_sealed"): "{id}",
    ("statement", "seal_sealed"): "{sha256}",
    ("statement", "evidence_sealed"): "{sha256}",
    ("log_body", "sealed"): "{entry_id}",
}
TICK = timedelta(milliseconds=1)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class UnknownPattern(Exception):
    """The service writes something by now that is not copied here."""


@dataclass
class Words:
    """What stands for each word of the pattern in one copy, and how much later it happens.

    `repeats` are the ids of the entries that stand for the pattern's one disclosure.
    """

    of: dict[str, str]
    later: timedelta
    disclosure: str
    repeats: list[str]

    def repeat(self, row: Row) -> Iterator[Row]:
        """The copy's rows for one of the pattern: one, or as many as there are disclosures."""
        moved = self.move(row)
        if row.get("entry_id") != self.disclosure:
            yield moved
            return
        for number, entry in enumerate(self.repeats):
            yield moved | {"entry_id": entry, "time": moved["time"] + number * TICK}

    def move(self, row: Row) -> Row:
        """A row with the copy's own ids and times."""
        return {name: self._move(value) for name, value in row.items()}

    def _move(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.of.get(value, value)
        return value + self.later if isinstance(value, datetime) else value

    def fill(self, text: Sequence[str]) -> str:
        """A text of the pattern, in which every second piece is a word to replace."""
        pieces = list(text)
        pieces[1::2] = [self.of[word] for word in text[1::2]]
        return "".join(pieces)


@dataclass
class Pattern:
    """The family's rows and their opened texts, each cut at the words that a copy replaces.

    `numbers` are the people's by person id, `digests` the facts', `people` those of people's
    details, `openings` and `commitments` the statements'. `disclosure` is the entry that a copy may
    repeat.
    """

    family: Family
    rows: Rows
    disclosure: str = ""
    times: list[datetime] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    openings: list[dict[str, str]] = field(default_factory=list)
    commitments: list[str] = field(default_factory=list)
    texts: dict[tuple[str, str], list[list[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Parts, family: Family, rows: Rows) -> "Pattern":
        """Take it apart. Raises UnknownPattern for rows of a table that is not copied."""
        if unknown := {name for name, found in rows.items() if found} - {*TABLES, "log_pending"}:
            raise UnknownPattern(f"rows in {', '.join(sorted(unknown))}")
        pattern, opened = cls(family, rows), _opened(parts, rows)
        values = [value for name in TABLES for row in rows[name] for value in row.values()]
        pattern.times = sorted({value for value in values if isinstance(value, datetime)})
        pattern.ids = sorted({v for v in values if isinstance(v, str) and _ID.fullmatch(v)})
        details = opened["person_details", "sealed"]
        for row, known in zip(rows["person_details"], details, strict=True):
            pattern.numbers[row["person_id"]] = json.loads(known)["cpr"]
        pattern.people = [details_sha256(known) for known in details]
        pattern.digests = [digest(row, row["payload"]) for row in rows["fact"]]
        seals = [seal.decode() for seal in opened.pop(("statement", "seal_sealed"))]
        sealed = [jws.verify(seal, parts.keys.published, TYP, "seal").payload for seal in seals]
        pattern.commitments = [json.loads(one)["person_commitment"] for one in sealed]
        evidence = opened["statement", "evidence_sealed"]
        pattern.openings = [json.loads(one)["opening"] for one in evidence]
        (pattern.disclosure,) = (
            row["entry_id"] for row in rows["log_body"] if row["type"] == "disclosure"
        )
        opened["statement", "sealed"] = sealed
        opened["fact", "payload"] = [row["payload"].encode() for row in rows["fact"]]
        words = "|".join(sorted(set(map(re.escape, pattern._words())), reverse=True))
        cut = re.compile(f"({words})")
        pattern.texts = {
            place: [cut.split(text.decode()) for text in texts] for place, texts in opened.items()
        }
        return pattern

    def _words(self) -> Iterator[str]:
        yield from (*self.ids, *self.numbers.values(), *words_of(self.family))
        yield from (text for time in self.times for text in time_texts(time))
        yield from (*self.digests, *self.people, *self.commitments)
        yield from (row["token_hash"].hex() for row in self.rows["link"])
        yield from (opening["salt"] for opening in self.openings)
        yield from (row["terms_sha256"] for row in self.rows["consent"])
        yield from (row["sha256"] for row in self.rows["statement"])


def digest(row: Row, payload: str) -> str:
    """What an entry says of a fact that it vouches for."""
    columns = ("child_id", "seq", "at", "kind", "controller_id", "consent_id", "person_id")
    record = FactRecord(*(row[name] for name in columns), json.loads(payload))
    return hashlib.sha256(canonical_json(record.as_json())).hexdigest()


def is_sealed(row: Row) -> bool:
    """Whether a fact is a signer's act, for which a statement stands."""
    return row["kind"] in SEAL_TYPES


def words_of(family: Family) -> tuple[str, ...]:
    """What tells one family from another in what people wrote about it."""
    return (family.child, *family.parents, case_reference(family), family.birth_date.isoformat())


def case_reference(family: Family) -> str:
    """The municipality's own name for its case."""
    return f"2026-{family.number:07}"


def time_texts(time: datetime) -> tuple[str, str]:
    """The two ways in which an instant is written."""
    return time.isoformat(timespec="microseconds"), instant_text(time)


def place_of(table: str, column: str, row: Row) -> Place:
    """Where a sealed value stands."""
    return Place(table, column, _PLACES[table, column].format_map(row))


def _opened(parts: Parts, rows: Rows) -> dict[tuple[str, str], list[bytes]]:
    (owner,) = rows["data_key"]
    key = parts.units.ring.unwrap(owner["id"], owner["wrapped"])
    opened = {
        (table, column): [
            key.open(row[column], place_of(table, column, row)) for row in rows[table]
        ]
        for table, column in _PLACES
    }
    bodies = opened["log_body", "sealed"]
    return opened | {("log_body", "sealed"): [body[SALT_BYTES:] for body in bodies]}
