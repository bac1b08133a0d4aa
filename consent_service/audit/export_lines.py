"""The lines of an export, as JSON Lines: entries, then perhaps the whole tree they stand in.

    {id, time, controller, body, evidence, erased?}     an entry of the organisation, with its proof
    {checkpoint}                                        the signed note over the leaves that follow
    {leaf, hashes}                                      leaf hashes from that position on

An organisation's export holds its own entries, and of all others only the leaf hashes: 32 bytes
that are the hash of a header nobody else can guess. `hashes` are up to 256 of them, one after the
other, in base64.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from consent_service.audit.merkle import HASH_BYTES
from consent_service.audit.note import InvalidNote, decode_base64
from consent_service.errors import ConsentServiceError
from consent_service.signing.members import Members
from consent_service.signing.strict_json import NotJson, parse_json

LEAVES_IN_LINE = 256
"""As many as a tile of C2SP tlog-tiles is wide."""

_ENTRY = ("id", "time", "controller", "body", "evidence")


class InvalidExport(ConsentServiceError):
    """The line is not one of an export, or does not follow the lines before it."""

    code = "invalid_export"


@dataclass(frozen=True)
class EntryLine:
    """An entry as shown, unread."""

    members: Members


@dataclass(frozen=True)
class CheckpointLine:
    """The signed note over all leaves, unread."""

    note: str


@dataclass(frozen=True)
class LeavesLine:
    """Leaf hashes from the position `first` on."""

    first: int
    leaves: tuple[bytes, ...]


Line = EntryLine | CheckpointLine | LeavesLine


def read_line(line: bytes) -> Line:
    """What a line is. Raises InvalidExport."""
    try:
        value = parse_json(line)
    except NotJson as wrong:
        raise InvalidExport(wrong.detail) from None
    if isinstance(value, dict) and "checkpoint" in value:
        return CheckpointLine(_members(value, ("checkpoint",)).text("checkpoint"))
    if isinstance(value, dict) and "hashes" in value:
        return _leaves(_members(value, ("leaf", "hashes")))
    return EntryLine(Members(value, _ENTRY, ("erased",), refusal=InvalidExport))


def leaves_json(first: int, leaves: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """The lines, as JSON values, that hold these leaf hashes from the position `first` on."""
    for offset in range(0, len(leaves), LEAVES_IN_LINE):
        hashes = b"".join(leaves[offset : offset + LEAVES_IN_LINE])
        yield {"leaf": first + offset, "hashes": base64.b64encode(hashes).decode("ascii")}


def _members(value: Any, names: tuple[str, ...]) -> Members:
    return Members(value, names, refusal=InvalidExport)


def _leaves(members: Members) -> LeavesLine:
    try:
        data = decode_base64(members.text("hashes"))
    except InvalidNote as wrong:
        raise InvalidExport(f"hashes: {wrong.detail}") from None
    if len(data) % HASH_BYTES or len(data) > LEAVES_IN_LINE * HASH_BYTES:
        raise InvalidExport(f"hashes are not up to {LEAVES_IN_LINE} hashes of {HASH_BYTES} bytes")
    pieces = range(0, len(data), HASH_BYTES)
    return LeavesLine(members.integer("leaf"), tuple(data[at : at + HASH_BYTES] for at in pieces))
