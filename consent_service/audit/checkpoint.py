"""Checkpoints: the signed size and root of the log, readable by existing tools.

A C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint) signed by the log's key, with a
second line that dates it: a C2SP tlog-cosignature (https://c2sp.org/tlog-cosignature) over
the time at which the head was committed, in whole seconds, by the log's cosignature key. From
before there was one the log's own key dates too, and that counts no more where a cosignature key
was valid. Rounding down is right on both
sides: compromise times and cosignature times are whole seconds, and a log is never called
late a second early.
"""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from consent_service.audit.merkle import EMPTY_ROOT, HASH_BYTES
from consent_service.audit.note import (
    COSIGNATURE,
    ED25519,
    InvalidNote,
    Note,
    NoteSignature,
    check_key_name,
    decode_base64,
    key_id,
    parse_note,
    signature_line,
    verifier_key,
)
from consent_service.signing.keys import InvalidSignature, KeySet, PublishedKey, SigningKey

_TIMESTAMP_BYTES = 8
_LATEST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_LARGEST_SIZE = 10**15 - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)


class InvalidCheckpoint(InvalidSignature):
    """The text is not a checkpoint of this log, or its signatures do not verify."""

    code = "invalid_checkpoint"


@dataclass(frozen=True)
class ParsedCheckpoint:
    """A checkpoint whose signatures nobody has looked at yet."""

    origin: str
    size: int
    root: bytes
    note: Note


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as verified: the least trusted of its keys, and when the last of them begins.

    Times are UTC in whole seconds.
    """

    origin: str
    size: int
    root: bytes
    time: datetime
    key: PublishedKey
    keys_begin: datetime


def sign_checkpoint(
    origin: str,
    size: int,
    root: bytes,
    time: datetime,
    key: SigningKey,
    cosigner: SigningKey | None = None,
) -> str:
    """The signed note over a committed head; the same input gives the same bytes.

    `time` is when the head was committed, UTC, rounded down to the second; `cosigner`
    dates it, and is None where the log has no cosignature key yet. Raises InvalidCheckpoint.
    """
    if key.use != "log" or (cosigner is not None and cosigner.use != "cosignature"):
        raise InvalidCheckpoint("a checkpoint needs a log key and a cosignature key")
    cosigner = cosigner or key
    text = _text(origin, size, root)
    seconds = int(time.timestamp())
    dated = seconds.to_bytes(_TIMESTAMP_BYTES, "big") + cosigner.sign(_dated(seconds, text))
    return (
        f"{text}\n"
        f"{signature_line(origin, ED25519, key.public, key.sign(text.encode()))}"
        f"{signature_line(origin, COSIGNATURE, cosigner.public, dated)}"
    )


def vkey(origin: str, public: bytes, kind: int = ED25519) -> str:
    """The verifier key of a log, as tools for signed notes take it."""
    return verifier_key(origin, public, kind)


def parse_checkpoint(note: str) -> ParsedCheckpoint:
    """Read a checkpoint's text; proves nothing. Extension lines are allowed, and ignored.

    Raises InvalidCheckpoint.
    """
    try:
        parsed = parse_note(note)
        origin, size_text, root_text, *extensions = parsed.text.removesuffix("\n").split("\n")
        root = decode_base64(root_text)
    except (InvalidNote, ValueError):
        raise InvalidCheckpoint("not a checkpoint") from None
    if _SIZE.fullmatch(size_text) is None:
        raise InvalidCheckpoint("the size is not a count")
    if not origin or len(root) != HASH_BYTES or "" in extensions:
        raise InvalidCheckpoint("not a checkpoint")
    return ParsedCheckpoint(origin, int(size_text), root, parsed)


def verify_checkpoint(note: str, origin: str, keys: KeySet) -> Checkpoint:
    """The checkpoint in a note that the log of this origin signed and dated.

    Lines by others (witnesses) are ignored; a line by one of our keys that does not verify
    refuses the whole note. Both lines are needed, and their keys must have been valid at that
    time. What a compromised key is worth is for the caller. Raises InvalidCheckpoint.
    """
    parsed = parse_checkpoint(note)
    if parsed.origin != origin:
        raise InvalidCheckpoint("the checkpoint is of another log")
    signers: list[PublishedKey] = []
    daters: list[PublishedKey] = []
    times: set[datetime] = set()
    log_keys, cosigners = keys.of_use("log"), keys.of_use("cosignature")
    for line in parsed.note.signatures:
        for key in log_keys:
            if _is_by(line, origin, ED25519, key):
                _verify(key, line.signature, parsed.note.text.encode())
                signers.append(key)
        for key in (*cosigners, *log_keys):
            if _is_by(line, origin, COSIGNATURE, key):
                times.add(_verified_time(line, key, parsed.note.text))
                daters.append(key)
    if not signers or len(times) != 1:
        raise InvalidCheckpoint("the checkpoint is not signed and dated once by known keys")
    time = times.pop()
    if not all(key.is_valid_at(time) for key in signers + daters):
        raise InvalidCheckpoint("a key was not valid at the time of the checkpoint")
    if is_dated_apart(keys, time) and not any(key in cosigners for key in daters):
        raise InvalidCheckpoint("the checkpoint is not dated by the log's cosignature key")
    used = signers + daters
    begin = max(key.not_before for key in used)
    return Checkpoint(origin, parsed.size, parsed.root, time, _least_trusted(used), begin)


def is_dated_apart(keys: KeySet, time: datetime) -> bool:
    """Whether checkpoints of that time (UTC) are dated by a key of their own."""
    return any(key.is_valid_at(time) for key in keys.of_use("cosignature"))


def _least_trusted(keys: list[PublishedKey]) -> PublishedKey:
    """The key to judge the checkpoint by: a compromised one, where there is one."""
    return min(keys, key=lambda key: key.status != "compromised")


def _text(origin: str, size: int, root: bytes) -> str:
    """The note text (C2SP tlog-checkpoint, "Note text")."""
    try:
        check_key_name(origin)
    except InvalidNote as wrong:
        raise InvalidCheckpoint(wrong.detail) from None
    # An origin equal to the cosignature's header line could blur what was signed.
    if origin == "cosignature/v1":
        raise InvalidCheckpoint("not an origin")
    if not 0 <= size <= _LARGEST_SIZE or len(root) != HASH_BYTES:
        raise InvalidCheckpoint("not a size and a root")
    if size == 0 and root != EMPTY_ROOT:
        raise InvalidCheckpoint("the empty tree has one root")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode('ascii')}\n"


def _dated(seconds: int, text: str) -> bytes:
    """The cosigned message (C2SP tlog-cosignature, "Ed25519 signed message")."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _is_by(line: NoteSignature, origin: str, kind: int, key: PublishedKey) -> bool:
    return line.name == origin and line.key_id == key_id(origin, kind, key.public)


def _verified_time(line: NoteSignature, key: PublishedKey, text: str) -> datetime:
    seconds = int.from_bytes(line.signature[:_TIMESTAMP_BYTES], "big")
    if seconds > _LATEST_SECOND:
        raise InvalidCheckpoint("the time is beyond the calendar")
    _verify(key, line.signature[_TIMESTAMP_BYTES:], _dated(seconds, text))
    return datetime.fromtimestamp(seconds, UTC)


def _verify(key: PublishedKey, signature: bytes, data: bytes) -> None:
    try:
        key.verify(signature, data)
    except InvalidSignature:
        raise InvalidCheckpoint("a signature by the log's key does not verify") from None
