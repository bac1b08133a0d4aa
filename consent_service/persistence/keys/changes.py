"""Changes of the key file: each replaces it as a whole, under a lock that ends with the process.

A running process reads the file again when it changed (`keys.live`), so whatever is written here
must be right for processes that still have the file before it (docs/decisions/0014).
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from consent_service.errors import Misconfigured, NotFound
from consent_service.persistence.keys.document import (
    index_entries,
    new_signing_key,
    random_key,
    read_content,
    read_keys,
)
from consent_service.persistence.keys.sealing import Slot
from consent_service.signing.keys import Use

LEAD = timedelta(minutes=2)
OVERLAP = timedelta(days=1)
COMPROMISE_GRACE = timedelta(minutes=1)
"""How long a compromised key still counts for processes that have not read the file again."""

_SECOND = timedelta(seconds=1)


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Be the only one who changes a key file. Raises Misconfigured while somebody else does."""
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured("somebody else is changing this key file") from None
        yield


def rotate_signing_key(
    path: Path, use: Use, now: datetime, lead: timedelta = LEAD, overlap: timedelta = OVERLAP
) -> None:
    """Publish a new key that signs from `lead` on; the old one counts for `overlap` longer.

    Until then the old one signs. Its private half stays that long for processes that could not
    read the new file; what is over is destroyed now. Raises Misconfigured.
    """
    content = read_content(path)
    begins = now.replace(microsecond=0) + _SECOND + lead
    _destroy_what_is_over(content, now)
    for jwk in _in_use(content, use):
        if jwk["nbf"] >= int(begins.timestamp()):
            raise Misconfigured("a key that begins later is published already")
        # A key that was to end earlier still does.
        end = int((begins + overlap).timestamp())
        jwk |= {"status": "retired", "exp": min(jwk.get("exp", end), end)}
    content["signing"].append(new_signing_key(use, begins))
    _replace(path, content)


def mark_compromised(path: Path, use: Use, kid: str, at: datetime, now: datetime) -> None:
    """Say since when a key is compromised, destroy its private half, and let another sign at once.

    Raises NotFound for a kid that this use does not have, Misconfigured for a time to come.
    """
    content = read_content(path)
    found = [
        k for k in content["signing"] if (k["jwk"]["kid"], k["jwk"]["consent_use"]) == (kid, use)
    ]
    if not found:
        raise NotFound("there is no key of that use and kid in the key file")
    if at > now:
        raise Misconfigured("a key is compromised now or since a time in the past")
    moment = now.replace(microsecond=0)
    jwk = found[0]["jwk"]
    end = int((moment + COMPROMISE_GRACE).timestamp())
    jwk |= {
        "status": "compromised",
        "compromised_at": int(at.astimezone(UTC).timestamp()),
        "exp": min(jwk.get("exp", end), end),
    }
    found[0]["seed"] = None
    content["signing"].append(new_signing_key(use, moment))
    _replace(path, content)


def prune(path: Path, now: datetime) -> int:
    """Destroy the private halves whose time is over; how many."""
    content = read_content(path)
    destroyed = _destroy_what_is_over(content, now)
    if destroyed:
        _replace(path, content)
    return destroyed


# -- the key-encryption key -----------------------------------------------------------------------


def add_key_encryption_key(path: Path) -> None:
    """A new key that wraps from now on; those before it still unwrap."""
    content = read_content(path)
    content["key_encryption"].insert(0, random_key())
    _replace(path, content)


def destroy_old_key_encryption_keys(path: Path) -> None:
    """Only the one that wraps stays."""
    content = read_content(path)
    content["key_encryption"] = content["key_encryption"][:1]
    _replace(path, content)


# -- the index key --------------------------------------------------------------------------------


def add_index_key(path: Path, slot: Slot) -> None:
    """A new key for the empty slot; what is kept of secrets stays under the key it is under."""
    content = read_content(path)
    entries = index_entries(content)
    content.setdefault("secret", entries.get("a"))
    content["index"] = entries | {slot: random_key()}
    _replace(path, content)


def destroy_index_key(path: Path, slot: Slot) -> None:
    """Only the other slot's key stays."""
    content = read_content(path)
    entries = index_entries(content)
    content["index"] = {kept: key for kept, key in entries.items() if kept != slot}
    _replace(path, content)


def _in_use(content: dict[str, Any], use: Use) -> list[dict[str, Any]]:
    return [
        kept["jwk"]
        for kept in content["signing"]
        if kept["jwk"]["consent_use"] == use and kept["seed"]
    ]


def _destroy_what_is_over(content: dict[str, Any], now: datetime) -> int:
    destroyed = 0
    for kept in content["signing"]:
        end = kept["jwk"].get("exp")
        if kept["seed"] and end is not None and end <= now.timestamp():
            kept["seed"] = None
            destroyed += 1
    return destroyed


def _replace(path: Path, content: dict[str, Any]) -> None:
    """Put a whole new file in place of the old one; a crash leaves one or the other."""
    read_keys(content)
    before = path.stat()
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        # Whoever could read the old one can read the new one: the service may run as somebody else.
        if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, before.st_mode & 0o660)
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
