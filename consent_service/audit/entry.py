"""One log entry: a public header that commits to a body which can later be erased.

The header goes into the tree and says nothing about a person. The body says everything,
is kept encrypted elsewhere, and is bound to the header by a salted commitment: once body
and salt are gone, nobody can try out what it might have been.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from consent_service.audit.merkle import HASH_BYTES, leaf_hash
from consent_service.errors import ConsentServiceError
from consent_service.signing.canonical import (
    PLAIN_INSTANT,
    PLAIN_SHA256,
    PLAIN_TEXT,
    NotCanonical,
    canonical_json,
    instant_text,
    parse_canonical,
    parse_instant,
    plain_object,
)
from consent_service.signing.members import Members

Kind = Literal["event", "erasure"]

SALT_BYTES = 32

_REQUIRED = ("v", "log", "id", "time", "kind", "controller", "body_commitment")
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_KINDS = get_args(Kind)
_PLAIN_HEADER = plain_object(
    body_commitment=PLAIN_SHA256,
    controller=PLAIN_TEXT,
    id=_ID.pattern,
    kind='="event"',
    log=PLAIN_TEXT,
    time=PLAIN_INSTANT,
    v="=1",
)


class InvalidEntry(ConsentServiceError):
    """The header is not of the one form there is, or the body is not the one it names."""

    code = "invalid_entry"


@dataclass(frozen=True)
class ErasedList:
    """What an erasure's header says of the entries it erased: how many, and their digest."""

    count: int
    sha256: str


@dataclass(frozen=True)
class Header:
    """A header as parsed. `log` is the log's origin; `erased` is there iff `kind` is erasure."""

    log: str
    id: str
    time: datetime
    kind: Kind
    controller: str
    body_commitment: str
    erased: ErasedList | None = None


@dataclass(frozen=True)
class Entry:
    """An entry ready to be stored: the exact bytes of both parts, and the leaf hash."""

    log: str
    id: str
    time: datetime
    header: bytes
    leaf: bytes
    body: bytes = field(repr=False)
    salt: bytes = field(repr=False)


def compose_entry(
    *,
    log: str,
    entry_id: str,
    time: datetime,
    kind: Kind,
    controller: str,
    body: Mapping[str, Any],
    salt: bytes,
    erased: ErasedList | None = None,
) -> Entry:
    """The entry of one event, or of one erasure and its list.

    `time` is UTC; `salt` is 32 random bytes, never used twice. Raises InvalidEntry, and
    NotCanonical for a body that canonical JSON cannot hold.
    """
    body_bytes = canonical_json(dict(body))
    header = _header_bytes(
        Header(log, entry_id, time, kind, controller, body_commitment(salt, body_bytes), erased)
    )
    return Entry(log, entry_id, time, header, leaf_hash(header), body_bytes, salt)


def body_commitment(salt: bytes, body: bytes) -> str:
    """HMAC-SHA-256(salt, body bytes) in hexadecimal. Raises InvalidEntry for a wrong salt."""
    if len(salt) != SALT_BYTES:
        raise InvalidEntry("a salt has 32 bytes")
    return hmac.digest(salt, body, "sha256").hex()


def parse_header(data: bytes) -> Header:
    """Read a header's exact bytes; every other spelling is refused. Raises InvalidEntry."""
    if (plain := _PLAIN_HEADER.fullmatch(data)) is not None:
        return _plain_header(plain)
    try:
        value = parse_canonical(data)
    except NotCanonical as wrong:
        raise InvalidEntry(wrong.detail) from None
    members = Members(value, _REQUIRED, ("erased",), refusal=InvalidEntry)
    members.one_of("v", (1,))
    header = Header(
        log=members.text("log"),
        id=members.text("id"),
        time=members.instant("time"),
        kind=members.one_of("kind", _KINDS),
        controller=members.text("controller"),
        body_commitment=members.sha256("body_commitment"),
        erased=_erased(members.raw("erased")) if "erased" in members else None,
    )
    _check_header(header)
    return header


def _plain_header(match: re.Match[bytes]) -> Header:
    """The same of an event's header with nothing unusual in it, at a third of the cost."""
    commitment, controller, entry_id, log, time = (one.decode("ascii") for one in match.groups())
    try:
        instant = parse_instant(time)
    except NotCanonical as wrong:
        raise InvalidEntry(f"time: {wrong.detail}") from None
    return Header(log, entry_id, instant, "event", controller, commitment)


def check_body(header: Header, salt: bytes, body: bytes) -> None:
    """Raise InvalidEntry unless these are the body and salt the header commits to."""
    if not hmac.compare_digest(body_commitment(salt, body), header.body_commitment):
        raise InvalidEntry("the body is not the one the header commits to")


def erased_list(entries: Iterable[tuple[str, bytes]]) -> ErasedList:
    """The count and digest of (entry id, leaf hash) pairs, sorted by id, each id once.

    The digest is SHA-256 over one line for each: id, space, leaf hash in hexadecimal,
    newline. Streams. Raises InvalidEntry when they are not in ascending order.
    """
    digest, count, previous = hashlib.sha256(), 0, ""
    for entry_id, leaf in entries:
        if entry_id <= previous or _ID.fullmatch(entry_id) is None or len(leaf) != HASH_BYTES:
            raise InvalidEntry("an erasure lists entries in ascending order of id")
        digest.update(f"{entry_id} {leaf.hex()}\n".encode("ascii"))
        count, previous = count + 1, entry_id
    return ErasedList(count, digest.hexdigest())


def _header_bytes(header: Header) -> bytes:
    _check_header(header)
    value: dict[str, Any] = {
        "v": 1,
        "log": header.log,
        "id": header.id,
        "time": instant_text(header.time),
        "kind": header.kind,
        "controller": header.controller,
        "body_commitment": header.body_commitment,
    }
    if header.erased is not None:
        value["erased"] = {"count": header.erased.count, "sha256": header.erased.sha256}
    return canonical_json(value)


def _check_header(header: Header) -> None:
    """What holds for a header beyond the types of its members."""
    if _ID.fullmatch(header.id) is None:
        raise InvalidEntry("an entry id is 1 to 64 letters, digits, hyphens and underscores")
    if header.kind not in _KINDS or (header.kind == "erasure") != bool(header.erased):
        raise InvalidEntry("an erasure, and nothing else, has a list of what it erased")
    if not header.log or not header.controller:
        raise InvalidEntry("a header names its log and its controller")


def _erased(value: Any) -> ErasedList:
    members = Members(value, ("count", "sha256"), refusal=InvalidEntry)
    return ErasedList(members.integer("count"), members.sha256("sha256"))
