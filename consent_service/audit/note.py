"""Signed notes: a text, and lines that sign it (C2SP signed-note v1).

Only the form is read here; which signatures count is for the caller to say.
https://c2sp.org/signed-note
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from consent_service.errors import ConsentServiceError

ED25519 = 0x01
"""Signature type: Ed25519 over the text."""

COSIGNATURE = 0x04
"""Signature type: a timestamped Ed25519 cosignature (C2SP tlog-cosignature)."""

LONGEST_NOTE = 65_536
_KEY_ID_BYTES = 4


class InvalidNote(ConsentServiceError):
    """The text is not a signed note."""

    code = "invalid_note"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: the key's name and 4-byte id, and what follows the id."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A note not yet verified. `text` ends in a newline."""

    text: str
    signatures: tuple[NoteSignature, ...]


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The first 4 bytes of SHA-256(name ‖ newline ‖ signature type ‖ public key)."""
    named = name.encode() + b"\n" + bytes([kind]) + public
    return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]


def verifier_key(name: str, public: bytes, kind: int = ED25519) -> str:
    """The text form of a verifier key ("vkey"): name, key id, and type with public key."""
    check_key_name(name)
    material = base64.b64encode(bytes([kind]) + public).decode("ascii")
    return f"{name}+{key_id(name, kind, public).hex()}+{material}"


def check_key_name(name: str) -> None:
    """Raise InvalidNote unless the name can stand in a signature line."""
    if not name or "+" in name or any(sign.isspace() or sign < " " for sign in name):
        raise InvalidNote("a key name is not empty and has no space, control sign or plus")


def signature_line(name: str, kind: int, public: bytes, signature: bytes) -> str:
    """One signature line, with its newline."""
    material = base64.b64encode(key_id(name, kind, public) + signature).decode("ascii")
    return f"— {name} {material}\n"


def parse_note(note: str) -> Note:
    """Take a note apart. Raises InvalidNote."""
    if len(note) > LONGEST_NOTE:
        raise InvalidNote("the note is too long")
    try:
        note.encode()
    except UnicodeEncodeError:
        raise InvalidNote("not text") from None
    if any(sign < " " and sign != "\n" for sign in note):
        raise InvalidNote("a control sign in the note")
    # The text may hold empty lines: the last one separates it from the signatures.
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise InvalidNote("no signature lines")
    return Note(text + "\n", tuple(_signature(line) for line in lines[:-1].split("\n")))


def decode_base64(text: str) -> bytes:
    """The bytes of a standard, padded base64 text in its one spelling. Raises InvalidNote."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidNote("not base64") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise InvalidNote("not base64 in its one spelling")
    return data


def _signature(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, space, material = rest.partition(" ")
    if dash != "—" or not space:
        raise InvalidNote("not a signature line")
    check_key_name(name)
    data = decode_base64(material)
    if len(data) <= _KEY_ID_BYTES:
        raise InvalidNote("a signature line without a signature")
    return NoteSignature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])
