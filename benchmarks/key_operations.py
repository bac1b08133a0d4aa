"""What a key in a hardware module costs beside the same key in the process."""

import os
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from benchmarks.report import show
from consent_service.persistence.keys import changes
from consent_service.persistence.keys.document import KeyFile, Keys
from consent_service.persistence.keys.open_module import module_at
from consent_service.persistence.keys.sealing import KeyRing, Made
from tests.softhsm import SoftToken, find_library

AT_ONCE = 200
USED_FOR = {
    "a signature": "promise of an entry, seal, head, token",
    "a data key unwrapped": "the first time a process meets it",
    "a keyed hash": "two to five a request",
}


def measure(options: Namespace) -> dict[str, Any]:
    """Microseconds of each operation, medians of rounds in which the two take turns."""
    library = find_library()
    if library is None:
        raise SystemExit("SoftHSM 2 is needed: install Debian's softhsm2 package")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        token = SoftToken.make(library, folder)
        inside = KeyFile(folder / "inside.json", module_at(token.settings))
        changes.create(inside, datetime.now(UTC), changes.KINDS)
        outside = KeyFile(folder / "outside.json")
        changes.create(outside, datetime.now(UTC))
        rows = [
            {"operation": what, "in_process_us": near, "in_token_us": far, "for": USED_FOR[what]}
            for what, (near, far) in _times(outside.read(), inside.read(), options.rounds).items()
        ]
    show("Keys in the process and in a token of SoftHSM", rows)
    return {"keys": rows}


def _times(near: Keys, far: Keys, rounds: int) -> dict[str, tuple[float, float]]:
    sides = [_operations(near), _operations(far)]
    found = {}
    for what in USED_FOR:
        took: list[list[float]] = [[], []]
        for _ in range(rounds):
            for side, times in zip(sides, took, strict=True):
                times.append(_microseconds(side[what]))
        found[what] = (round(median(took[0]), 1), round(median(took[1]), 1))
    return found


def _operations(keys: Keys) -> dict[str, Callable[[], object]]:
    ring, key_id = KeyRing(keys.key_encryption), str(uuid4())
    wrapped = ring.new_data_key(key_id, Made("municipality-x", None, datetime.now(UTC)))[1]
    promise, data = keys.signing["promise"], os.urandom(300)
    return {
        "a signature": lambda: promise.sign(data),
        "a data key unwrapped": lambda: ring._unwrap(key_id, wrapped),
        "a keyed hash": lambda: keys.index.token("x" * 43),
    }


def _microseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(AT_ONCE):
        act()
    return 1e6 * (time.perf_counter() - began) / AT_ONCE
