"""The keys of a deployment: every secret it has, outside the database, and how they are read.

They are one JSON document, in a file readable by the service alone or in an environment variable;
a secret is there itself, or is a key in a hardware module that the document refers to (`material`).
Private halves of signing keys are destroyed when their time is over; the public halves stay
published, so that old receipts verify for ever. `keys.changes` is what alters the document.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from consent_service.errors import Misconfigured
from consent_service.persistence.keys.material import Material
from consent_service.persistence.keys.module import KeyModule
from consent_service.persistence.keys.sealing import SLOTS, Index, Slot, WrappingKey
from consent_service.signing.keys import InvalidKey, KeySet, PublishedKey, SigningKey, Use
from consent_service.signing.schedule import Schedule, Scheduled

USES: tuple[Use, ...] = ("seal", "promise", "log", "cosignature", "token")
_SINCE: frozenset[Use] = frozenset({"cosignature"})
"""Uses that a document from before them lacks, until their first key is made by a rotation."""


@dataclass(frozen=True, repr=False)
class Keys:
    """A key document, loaded.

    `key_encryption`: the first wraps, all unwrap. `published` holds the seal, promise, log and
    cosignature keys, retired ones too; `token_keys` those of our own access tokens.
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
        return {use: keys.newest(now) for use, keys in self.schedules.items() if len(keys)}


class KeySource(Protocol):
    """Where a key document comes from, and the module that it may refer to."""

    @property
    def module(self) -> KeyModule | None: ...

    def fingerprint(self) -> object:
        """What changes whenever the document may have changed. Raises Misconfigured."""
        ...

    def read(self) -> Keys:
        """The keys as they are now. Raises Misconfigured."""
        ...


@dataclass(frozen=True)
class KeyFile:
    """A file, replaced as a whole by whoever changes it, and the module that it may refer to."""

    path: Path
    module: KeyModule | None = None

    def fingerprint(self) -> object:
        try:
            status = self.path.stat()
        except OSError:
            raise Misconfigured("the key file (CONSENT_KEYS_FILE) cannot be read") from None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def read(self) -> Keys:
        return read_keys(self.content(), self.module)

    def content(self) -> dict[str, Any]:
        """The document, unread. Raises Misconfigured."""
        try:
            if self.path.stat().st_mode & 0o007:
                raise Misconfigured(
                    "the key file (CONSENT_KEYS_FILE) is open to everybody: chmod 600"
                )
            content: dict[str, Any] = json.loads(self.path.read_text())
        except FileNotFoundError:
            raise Misconfigured(
                "the key file (CONSENT_KEYS_FILE) is not there: `consent-service keys init` "
                "makes one for a new database, and no other fits an old one"
            ) from None
        except OSError:
            raise Misconfigured("the key file (CONSENT_KEYS_FILE) cannot be read") from None
        except (ValueError, RecursionError):
            raise Misconfigured("the key file (CONSENT_KEYS_FILE) is damaged") from None
        return content


@dataclass(frozen=True, repr=False)
class KeyText:
    """The document itself, from an environment variable: it stays as the process began."""

    text: str
    module: KeyModule | None = None

    def fingerprint(self) -> object:
        return None

    def read(self) -> Keys:
        try:
            return read_keys(json.loads(self.text), self.module, "the keys (CONSENT_KEYS)")
        except (ValueError, RecursionError):
            raise Misconfigured("the keys (CONSENT_KEYS) are not JSON") from None


def read_keys(
    content: Any, module: KeyModule | None = None, where: str = "the key file (CONSENT_KEYS_FILE)"
) -> Keys:
    """The keys in a document. Raises Misconfigured for a damaged or an incomplete one."""
    try:
        keys = _keys(content, Material(module))
    except (KeyError, TypeError, ValueError, AttributeError, InvalidKey):
        raise Misconfigured(f"{where} is damaged") from None
    missing = [use for use in USES if use not in _SINCE and not len(keys.schedules[use])]
    if missing:
        raise Misconfigured(f"{where} has no active key for: {', '.join(missing)}")
    return keys


def index_entries(content: Mapping[str, Any]) -> dict[Slot, Any]:
    """The index key of each slot; a document of the first form has one key for everything."""
    entries = content["index"]
    if isinstance(entries, str):
        return {"a": entries}
    return {slot: entries[slot] for slot in SLOTS if slot in entries}


def _keys(content: dict[str, Any], material: Material) -> Keys:
    scheduled: dict[Use, list[Scheduled]] = {use: [] for use in USES}
    published = []
    for kept in content["signing"]:
        key = PublishedKey.from_jwk(kept["jwk"])
        published.append(key)
        if kept["seed"]:
            signing = material.signing_key(kept["seed"], key)
            scheduled[key.use].append(Scheduled(key, signing))
    index = {slot: material.hash_key(kept) for slot, kept in index_entries(content).items()}
    if not index:
        raise InvalidKey("no index key")
    secret = material.hash_key(content["secret"]) if "secret" in content else index["a"]
    return Keys(
        key_encryption=[material.wrapping_key(kept) for kept in content["key_encryption"]],
        index=Index(index, secret),
        schedules={use: Schedule(keys) for use, keys in scheduled.items()},
        published=KeySet(key for key in published if key.use != "token"),
        token_keys=KeySet(key for key in published if key.use == "token"),
    )
