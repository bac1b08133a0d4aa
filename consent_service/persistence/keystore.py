"""The key file: every secret of a deployment, outside the database, readable by the service alone.

Private halves of retired signing keys are destroyed; their public halves stay published, so that
old receipts verify for ever.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from consent_service.errors import Misconfigured
from consent_service.persistence.sealing import KEY_BYTES
from consent_service.signing.keys import InvalidKey, KeySet, PublishedKey, SigningKey, Use

USES: tuple[Use, ...] = ("seal", "promise", "log", "token")
OVERLAP = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, repr=False)
class Keys:
    """A key file, loaded. `published` holds the seal, promise and log keys, retired ones too."""

    key_encryption: Sequence[bytes]
    index: bytes
    signing: Mapping[Use, SigningKey]
    published: KeySet
    token_keys: KeySet


def create(path: Path, now: datetime) -> None:
    """Make a key file with a fresh key of every kind. Raises Misconfigured where one exists."""
    content = {
        "key_encryption": [_random()],
        "index": _random(),
        "signing": [_new_signing_key(use, now) for use in USES],
    }
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Misconfigured("there is a key file already; nothing was changed") from None
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)


def rotate(path: Path, use: Use, now: datetime) -> None:
    """Retire the active key of one use, destroy its private half, and make a new one.

    The old key's signatures count for one more day: a running process signs with it until it is
    restarted.
    """
    content = _read(path)
    moment = now.replace(microsecond=0) + _SECOND
    for kept in content["signing"]:
        jwk = kept["jwk"]
        if jwk["consent_use"] == use and jwk["status"] == "active":
            jwk |= {"status": "retired", "exp": int((moment + OVERLAP).timestamp())}
            kept["seed"] = None
    content["signing"].append(_new_signing_key(use, moment))
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def load(path: Path) -> Keys:
    """Read a key file. Raises Misconfigured when it is missing, open to others or incomplete."""
    try:
        keys = _keys(_read(path))
    except (KeyError, TypeError, ValueError, InvalidKey):
        raise Misconfigured("the key file (CONSENT_KEYS_FILE) is damaged") from None
    missing = [use for use in USES if use not in keys.signing]
    if missing:
        raise Misconfigured(f"the key file has no active key for: {', '.join(missing)}")
    return keys


def _keys(content: dict[str, Any]) -> Keys:
    signing: dict[Use, SigningKey] = {}
    published = []
    for kept in content["signing"]:
        key = PublishedKey.from_jwk(kept["jwk"])
        published.append(key)
        if key.status == "active" and kept["seed"]:
            signing[key.use] = SigningKey.from_seed(base64.b64decode(kept["seed"]), key.use)
    return Keys(
        key_encryption=[base64.b64decode(key) for key in content["key_encryption"]],
        index=base64.b64decode(content["index"]),
        signing=signing,
        published=KeySet(key for key in published if key.use != "token"),
        token_keys=KeySet(key for key in published if key.use == "token"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_mode & 0o007:
            raise Misconfigured("the key file (CONSENT_KEYS_FILE) is open to everybody: chmod 600")
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        raise Misconfigured("the key file (CONSENT_KEYS_FILE) cannot be read") from None
    return content


def _new_signing_key(use: Use, now: datetime) -> dict[str, Any]:
    seed = secrets.token_bytes(KEY_BYTES)
    key = SigningKey.from_seed(seed, use)
    jwk = PublishedKey(key.kid, use, key.public, now.replace(microsecond=0)).to_jwk()
    return {"seed": base64.b64encode(seed).decode(), "jwk": jwk}


def _random() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
