"""A pattern written again about another family: real, or as a filler that only fills.

A real copy has ids, numbers and times of its own; what follows from them is made again by the
service's own functions, in the order in which the acts build on one another: terms, facts,
statements and their seals, bodies, headers, promises. `audit verify` accepts it. A filler has as
many rows, as wide, found by as many keys, but its hashes, ciphertexts and signatures are random.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from typing import Any

from benchmarks.families import Family
from benchmarks.pattern import (
    TABLES,
    Pattern,
    Row,
    UnknownPattern,
    Words,
    digest,
    is_sealed,
    place_of,
    time_texts,
    words_of,
)
from consent_service.audit.entry import SALT_BYTES, compose_entry
from consent_service.audit.promise import make_promise
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.persistence.keys.index_slots import hash_values
from consent_service.persistence.keys.sealing import DataKey, KeyRing, Made
from consent_service.services.children.model import details_sha256
from consent_service.services.kernel.context import Context
from consent_service.signing.seal import seal_statement
from consent_service.signing.statement import person_commitment
from consent_service.wiring import Parts

Written = dict[str, list[tuple[Any, ...]]]
"""Rows by table, in the order of its columns."""

_OF_FAMILY, _OF_EVERYBODY = {"cpr_hash", "token_hash"}, {"employee_hash"}


class Copies:
    """Writes a pattern again, as often as one likes."""

    def __init__(self, parts: Parts, pattern: Pattern) -> None:
        """Raises UnknownPattern where a copy would differ from the pattern in more than bytes."""
        self._parts = parts
        self._pattern = pattern
        for made in (self.real(pattern.family, 1), self.filler(pattern.family, 1)):
            for table in TABLES:
                theirs = [tuple(row.values()) for row in pattern.rows[table]]
                if sorted(map(_shape, made[table])) != sorted(map(_shape, theirs)):
                    raise UnknownPattern(f"a copy in {table} is not as wide as the service's rows")

    def real(self, family: Family, disclosures: int) -> Written:
        """What the service would have written about a family."""
        words = _words(self._parts.context, self._pattern, family, disclosures)
        return _RealCopy(self._parts, self._pattern, words).write()

    def filler(self, family: Family, disclosures: int) -> Written:
        """Rows that a search has to skip, and nobody can open."""
        words = _words(self._parts.context, self._pattern, family, disclosures)
        hashes: dict[bytes, bytes] = {}
        written: Written = {
            table: [
                tuple(_random_bytes(moved, hashes))
                for row in self._pattern.rows[table]
                for moved in words.repeat(row)
            ]
            for table in TABLES
        }
        # Text that is a primary key and a hash; and keys, which the service tries at its start.
        written["statement"] = [(secrets.token_hex(32), *row[1:]) for row in written["statement"]]
        ring = self._parts.units.ring
        written["data_key"] = [
            tuple((row | {"wrapped": _new_key(ring, row)[1]}).values())
            for row in map(words.move, self._pattern.rows["data_key"])
        ]
        return written


class _RealCopy:
    """One copy under way. What is made adds to the words: later texts name it."""

    def __init__(self, parts: Parts, pattern: Pattern, words: Words) -> None:
        self._context, self._index = parts.context, parts.index
        self._origin = parts.settings.log_origin
        self._pattern, self._words = pattern, words
        (owner,) = map(words.move, pattern.rows["data_key"])
        self._key, self._wrapped = _new_key(parts.units.ring, owner)
        self._rows = {
            table: [moved for row in pattern.rows[table] for moved in words.repeat(row)]
            for table in TABLES
        }

    def write(self) -> Written:
        """Everything, in the order in which it builds on one another."""
        self._write_people()
        self._write_consents()
        self._write_facts()
        self._write_statements()
        self._write_entries()
        return {table: [tuple(row.values()) for row in rows] for table, rows in self._rows.items()}

    def _write_people(self) -> None:
        words, rows = self._words.of, self._rows
        rows["data_key"][0]["wrapped"] = self._wrapped
        numbers = {words[person]: words[cpr] for person, cpr in self._pattern.numbers.items()}
        self._child = numbers[rows["child"][0]["id"]]
        rows["child"][0] |= hash_values("cpr_hash", self._index.child(CprNumber(self._child)))
        for row in rows["person"]:
            hashes = self._index.person(row["child_id"], CprNumber(numbers[row["id"]]))
            row.update(hash_values("cpr_hash", hashes))
        filled = self._filled("person_details", "sealed")
        for (row, text), before in zip(filled, self._pattern.people, strict=True):
            words[before] = details_sha256(text)
            self._seal("person_details", "sealed", row, text)
        for row in rows["link"]:
            made = self._index.token(self._context.new_token())
            words[row["token_hash"].hex()], row["token_hash"] = made.hex(), made

    def _write_consents(self) -> None:
        for row, text in self._filled("consent", "terms_sealed"):
            self._named_by_hash(row, "terms_sha256", text)
            self._seal("consent", "terms_sealed", row, text)

    def _write_facts(self) -> None:
        filled = self._filled("fact", "payload")
        for (row, text), before in zip(filled, self._pattern.digests, strict=True):
            row["payload"] = text.decode()
            if not is_sealed(row):
                self._words.of[before] = digest(row, row["payload"])

    def _write_statements(self) -> None:
        words, pattern = self._words.of, self._pattern
        for opening, commitment in zip(pattern.openings, pattern.commitments, strict=True):
            salt = os.urandom(SALT_BYTES)
            words[opening["salt"]] = salt.hex()
            words[commitment] = person_commitment(salt, words[opening["cpr"]])
        for row, text in self._filled("statement", "sealed"):
            self._named_by_hash(row, "sha256", text)
            seal = seal_statement(text, self._context.seal_key)
            self._seal("statement", "seal_sealed", row, seal.encode())
        for row, text in self._filled("statement", "evidence_sealed"):
            self._seal("statement", "evidence_sealed", row, text)

    def _write_entries(self) -> None:
        texts = dict(self._bodies())
        headers = {row["entry_id"]: row for row in self._rows["log_header"]}
        for row in self._rows["log_body"]:
            entry = compose_entry(
                log=self._origin,
                entry_id=row["entry_id"],
                time=row["time"],
                kind="event",
                controller=row["controller_id"],
                body=texts[row["entry_id"]],
                salt=os.urandom(SALT_BYTES),
            )
            promise = make_promise(entry, self._context.journal.promise_key)
            headers[entry.id] |= {"header": entry.header, "leaf": entry.leaf, "promise": promise}
            self._seal("log_body", "sealed", row, entry.salt + entry.body)

    def _bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The body of each entry; the disclosures share one."""
        pattern = self._pattern
        texts = pattern.texts["log_body", "sealed"]
        for row, text in zip(pattern.rows["log_body"], texts, strict=True):
            body = json.loads(self._words.fill(text))
            for moved in self._words.repeat(row):
                yield moved["entry_id"], body

    def _filled(self, table: str, column: str) -> Iterator[tuple[Row, bytes]]:
        """Each row of a table with its text, filled when its turn comes."""
        for row, text in zip(self._rows[table], self._pattern.texts[table, column], strict=True):
            yield row, self._words.fill(text).encode()

    def _named_by_hash(self, row: Row, column: str, text: bytes) -> None:
        before = row[column]
        self._words.of[before] = row[column] = hashlib.sha256(text).hexdigest()

    def _seal(self, table: str, column: str, row: Row, content: bytes) -> None:
        row[column] = self._key.seal(content, place_of(table, column, row))


def _new_key(ring: KeyRing, row: Row) -> tuple[DataKey, bytes]:
    made = Made(row["organisation_id"], row["child_id"], row["created_at"])
    return ring.new_data_key(row["id"], made)


def _words(context: Context, pattern: Pattern, family: Family, disclosures: int) -> Words:
    """The new ids and times, and the family's own words."""
    new = {before: context.new_id() for before in pattern.ids}
    new |= zip(words_of(pattern.family), words_of(family), strict=True)
    later = context.clock() - pattern.times[0]
    for time in pattern.times:
        new |= zip(time_texts(time), time_texts(time + later), strict=True)
    repeats = [context.new_id() for _ in range(disclosures)]
    return Words(new, later, pattern.disclosure, repeats)


def _random_bytes(row: Row, hashes: dict[bytes, bytes]) -> Iterator[Any]:
    """Values with other bytes; the hash of one child is the same in all of its rows."""
    for column, value in row.items():
        if not isinstance(value, bytes) or column in _OF_EVERYBODY:
            yield value
        elif column in _OF_FAMILY:
            yield hashes.setdefault(value, os.urandom(len(value)))
        else:
            yield os.urandom(len(value))


def _shape(row: tuple[Any, ...]) -> tuple[tuple[str, int], ...]:
    sized = ((type(value).__name__, value) for value in row)
    return tuple((name, len(v) if isinstance(v, str | bytes) else 0) for name, v in sized)
