"""The keys of a deployment: every secret it has, outside the database, and how they are read.

They are one JSON document, in a file readable by the service alone or in an environment variable.
Private halves of signing keys are destroyed when their time is over; the public halves stay
published, so that old receipts verify for ever. `keys.changes` is what alters the document.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from consent_service.errors import Misconfigured
from consent_service.persistence.keys.sealing import (
    KEY_BYTES,
    SLOTS,
    Index,
    LocalHashKey,
    Slot,
    WrappingKey,
)
from consent_service.signing.keys import InvalidKey, KeySet, PublishedKey, SigningKey, Use
from consent_service.signing.schedule import Schedule, Scheduled

USES: tuple[Use, ...] = ("seal", "promise", "log", "token")


@dataclass(frozen=True, repr=False)
class Keys:
    """A key document, loaded.

    `key_encryption`: the first wraps, all unwrap. `published` holds the seal, promise and log
    keys, retired ones too; `token_keys` those of our own access tokens.
    """

    key_encryption: Sequence[WrappingKey]
    index: Index
    schedules: Mapping[Use, Schedule]
    published: KeySet
    token_keys: KeySet

    @property
    def signing(self) -> Mapping[Use, SigningKey]:
        """The newest key of each use, by this machine's clock."""
        now = datetime.now(UTC)
        return {use: schedule.newest(now) for use, schedule in self.schedules.items()}


class KeySource(Protocol):
    """Where a key document comes from."""

    def fingerprint(self) -> object:
        """What changes whenever the document may have changed. Raises Misconfigured."""
        ...

    def read(self) -> Keys:
        """The keys as they are now. Raises Misconfigured."""
        ...


@dataclass(frozen=True)
class KeyFile:
    """A file, replaced as a whole by whoever changes it."""

    path: Path

    def fingerprint(self) -> object:
        try:
            status = self.path.stat()
        except OSError:
            raise Misconfigured("the key file (CONSENT_KEYS_FILE) cannot be read") from None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def read(self) -> Keys:
        return load(self.path)


@dataclass(frozen=True, repr=False)
class KeyText:
    """The document itself, from an environment variable: it stays as the process began."""

    text: str

    def fingerprint(self) -> object:
        return None

    def read(self) -> Keys:
        try:
            return read_keys(json.loads(self.text))
        except ValueError:
            raise Misconfigured("the keys (CONSENT_KEYS) are not JSON") from None


def new_content(now: datetime) -> dict[str, Any]:
    """A document with a fresh key of every kind."""
    return {
        "key_encryption": [random_key()],
        "index": {"a": random_key()},
        "secret": random_key(),
        "signing": [new_signing_key(use, now) for use in USES],
    }


def create(path: Path, now: datetime) -> None:
    """Make a key file with a fresh key of every kind. Raises Misconfigured where one exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Misconfigured("there is a key file already; nothing was changed") from None
    with os.fdopen(descriptor, "w") as file:
        json.dump(new_content(now), file, indent=1)


def load(path: Path) -> Keys:
    """Read a key file. Raises Misconfigured when it is missing, open to others or incomplete."""
    return read_keys(read_content(path))


def read_content(path: Path) -> dict[str, Any]:
    """A key file's document, unread. Raises Misconfigured."""
    try:
        if path.stat().st_mode & 0o007:
            raise Misconfigured("the key file (CONSENT_KEYS_FILE) is open to everybody: chmod 600")
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        raise Misconfigured("the key file (CONSENT_KEYS_FILE) cannot be read") from None
    return content


def read_keys(content: Any) -> Keys:
    """The keys in a document. Raises Misconfigured for a damaged or an incomplete one."""
    try:
        keys = _keys(content)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidKey):
        raise Misconfigured("the key file (CONSENT_KEYS_FILE) is damaged") from None
    missing = [use for use in USES if not len(keys.schedules[use])]
    if missing:
        raise Misconfigured(f"the key file has no active key for: {', '.join(missing)}")
    return keys


def index_entries(content: Mapping[str, Any]) -> dict[Slot, str]:
    """The index key of each slot; a document of the first form has one key for everything."""
    entries = content["index"]
    if isinstance(entries, str):
        return {"a": entries}
    return {slot: entries[slot] for slot in SLOTS if slot in entries}


def _keys(content: dict[str, Any]) -> Keys:
    scheduled: dict[Use, list[Scheduled]] = {use: [] for use in USES}
    published = []
    for kept in content["signing"]:
        key = PublishedKey.from_jwk(kept["jwk"])
        published.append(key)
        if kept["seed"]:
            signing = SigningKey.from_seed(base64.b64decode(kept["seed"]), key.use)
            if signing.kid != key.kid:
                raise InvalidKey("a seed that is not the key's")
            scheduled[key.use].append(Scheduled(key, signing))
    index = {slot: LocalHashKey(_key(text)) for slot, text in index_entries(content).items()}
    if not index:
        raise InvalidKey("no index key")
    secret = LocalHashKey(_key(content["secret"])) if "secret" in content else index["a"]
    return Keys(
        key_encryption=[WrappingKey.of(_key(text)) for text in content["key_encryption"]],
        index=Index(index, secret),
        schedules={use: Schedule(keys) for use, keys in scheduled.items()},
        published=KeySet(key for key in published if key.use != "token"),
        token_keys=KeySet(key for key in published if key.use == "token"),
    )


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise InvalidKey("a key of another length")
    return key


def new_signing_key(use: Use, begins: datetime) -> dict[str, Any]:
    """A fresh key of one use, valid from an instant (cut to the second)."""
    seed = secrets.token_bytes(KEY_BYTES)
    key = SigningKey.from_seed(seed, use)
    jwk = PublishedKey(key.kid, use, key.public, begins.replace(microsecond=0)).to_jwk()
    return {"seed": base64.b64encode(seed).decode(), "jwk": jwk}


def random_key() -> str:
    """A fresh 256-bit key, as the document holds it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
