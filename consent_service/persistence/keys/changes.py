"""What can be done to the keys of a deployment, as changes of the key file (`keys.writing`).

A running process reads the file again when it changed (`keys.live`), so whatever is written here
must be right for processes that still have the file before it (docs/decisions/0014).
"""

import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from consent_service.errors import Misconfigured, NotFound
from consent_service.persistence.keys.document import USES, KeyFile, index_entries, read_keys
from consent_service.persistence.keys.material import Material, reference_of
from consent_service.persistence.keys.module import new_reference
from consent_service.persistence.keys.sealing import Slot
from consent_service.persistence.keys.writing import Home, name_in_module, name_of_new, replace
from consent_service.signing.keys import Use

LEAD = timedelta(minutes=2)
OVERLAP = timedelta(days=1)
COMPROMISE_GRACE = timedelta(minutes=1)
"""How long a compromised key still counts for processes that have not read the file again."""

KINDS = ("kek", "index", "secret", *USES)

_SECOND = timedelta(seconds=1)


def create(file: KeyFile, now: datetime, in_module: Collection[str] = ()) -> None:
    """Make a key file with a fresh key of every kind, those kinds in the module.

    Raises Misconfigured where a file exists, and where the module does not make the keys: then
    nothing is left behind.
    """
    try:
        descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Misconfigured("there is a key file already; nothing was changed") from None
    names = {kind: new_reference() if kind in in_module else None for kind in KINDS}
    with os.fdopen(descriptor, "w") as opened:
        try:
            content = _new_content(Material(file.module), now, names)
            read_keys(content, file.module)
        except BaseException:
            file.path.unlink()
            for name in names.values():
                if name is not None and file.module is not None:
                    file.module.destroy(name)
            raise
        json.dump(content, opened, indent=1)


def _new_content(
    material: Material, now: datetime, names: Mapping[str, str | None]
) -> dict[str, Any]:
    return {
        "key_encryption": [material.new_wrapping_key(names["kek"])],
        "index": {"a": material.new_hash_key(names["index"])},
        "secret": material.new_hash_key(names["secret"]),
        "signing": [material.new_signing_key(use, now, names[use]) for use in USES],
    }


# -- signing keys ---------------------------------------------------------------------------------


def rotate_signing_key(
    file: KeyFile,
    use: Use,
    now: datetime,
    lead: timedelta = LEAD,
    overlap: timedelta = OVERLAP,
    home: Home | None = None,
) -> None:
    """Publish a new key that signs from `lead` on; the old one counts for `overlap` longer.

    Until then the old one signs. Its private half stays that long for processes that could not
    read the new file; what is over is destroyed now. Raises Misconfigured.
    """
    content = file.content()
    begins = now.replace(microsecond=0) + _SECOND + lead
    if any(kept["jwk"]["nbf"] >= int(begins.timestamp()) for kept in _in_use(content, use)):
        raise Misconfigured("a key that begins later is published already")
    new = _new_signing_key(file, content, use, begins, home)
    _destroy_what_is_over(content, now)
    for kept in _in_use(content, use):
        # A key that was to end earlier still does.
        end = int((begins + overlap).timestamp())
        kept["jwk"] |= {"status": "retired", "exp": min(kept["jwk"].get("exp", end), end)}
    content["signing"].append(new)
    replace(file, content)


def mark_compromised(file: KeyFile, use: Use, kid: str, at: datetime, now: datetime) -> None:
    """Say since when a key is compromised, destroy its private half, and let another sign at once.

    Raises NotFound for a kid that this use does not have, Misconfigured for a time to come.
    """
    content = file.content()
    found = [
        k for k in content["signing"] if (k["jwk"]["kid"], k["jwk"]["consent_use"]) == (kid, use)
    ]
    if not found:
        raise NotFound("there is no key of that use and kid in the key file")
    if at > now:
        raise Misconfigured("a key is compromised now or since a time in the past")
    moment = now.replace(microsecond=0)
    new = _new_signing_key(file, content, use, moment, None)
    jwk = found[0]["jwk"]
    end = int((moment + COMPROMISE_GRACE).timestamp())
    jwk |= {
        "status": "compromised",
        "compromised_at": int(at.astimezone(UTC).timestamp()),
        "exp": min(jwk.get("exp", end), end),
    }
    found[0]["seed"] = None
    content["signing"].append(new)
    replace(file, content)


def prune(file: KeyFile, now: datetime) -> int:
    """Destroy the private halves whose time is over; how many."""
    content = file.content()
    destroyed = _destroy_what_is_over(content, now)
    if destroyed:
        replace(file, content)
    return destroyed


def _new_signing_key(
    file: KeyFile, content: Mapping[str, Any], use: Use, begins: datetime, home: Home | None
) -> dict[str, Any]:
    # The first of a use that the document had none of is made where the log's key is.
    in_use = _in_use(content, use) or _in_use(content, "log")
    name = name_of_new(file, home, in_use[-1]["seed"] if in_use else None)
    return Material(file.module).new_signing_key(use, begins, name)


def _in_use(content: Mapping[str, Any], use: Use) -> list[dict[str, Any]]:
    return [
        kept for kept in content["signing"] if kept["jwk"]["consent_use"] == use and kept["seed"]
    ]


def _destroy_what_is_over(content: dict[str, Any], now: datetime) -> int:
    destroyed = 0
    for kept in content["signing"]:
        end = kept["jwk"].get("exp")
        if kept["seed"] and end is not None and end <= now.timestamp():
            kept["seed"] = None
            destroyed += 1
    return destroyed


# -- the key-encryption key -----------------------------------------------------------------------


def add_key_encryption_key(file: KeyFile, home: Home | None = None) -> None:
    """A new key that wraps from now on; those before it still unwrap."""
    content = file.content()
    name = name_of_new(file, home, content["key_encryption"][0])
    content["key_encryption"].insert(0, Material(file.module).new_wrapping_key(name))
    replace(file, content)


def destroy_old_key_encryption_keys(file: KeyFile) -> None:
    """Only the one that wraps stays."""
    content = file.content()
    content["key_encryption"] = content["key_encryption"][:1]
    replace(file, content)


# -- the keys of keyed hashes ---------------------------------------------------------------------


def add_index_key(file: KeyFile, slot: Slot, home: Home | None = None) -> None:
    """A new key for the empty slot; what is kept of secrets stays under the key it is under."""
    content = file.content()
    entries = index_entries(content)
    name = name_of_new(file, home, next(iter(entries.values())))
    content.setdefault("secret", entries.get("a"))
    content["index"] = entries | {slot: Material(file.module).new_hash_key(name)}
    replace(file, content)


def destroy_index_key(file: KeyFile, slot: Slot) -> None:
    """Only the other slot's key stays."""
    content = file.content()
    entries = index_entries(content)
    content["index"] = {kept: key for kept, key in entries.items() if kept != slot}
    replace(file, content)


def move_secret(file: KeyFile) -> None:
    """Take the key of links, sessions and requests, which is never rotated, into the module.

    Raises Misconfigured where it is there already.
    """
    content = file.content()
    secret = content.get("secret", index_entries(content).get("a"))
    if reference_of(secret) is not None:
        raise Misconfigured("the key of links and sessions is in the module already")
    material = Material(file.module)
    before = material.hash_key(secret)
    moved = material.moved_hash_key(secret, name_in_module(file))
    if material.hash_key(moved).digest(b"probe") != before.digest(b"probe"):
        raise Misconfigured("the hardware module makes other hashes of this key")
    content["secret"] = moved
    replace(file, content)
