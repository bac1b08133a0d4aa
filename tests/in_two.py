"""Runs the whole suite as two processes side by side: `make test`. With arguments, plain pytest.

Each half has its own databases and greps what it logged itself (`test_privacy.py`). The first
half is shown as it runs, the second when the first is done; the closing line counts both.
Temporary files are kept in memory where there is room: the tests wait for a disk most of the time,
and nothing of theirs outlives a power cut. The databases sync all the same.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PRIVACY = "tests/test_privacy.py"
HALVES = (
    ("tests/unit", "tests/api", "tests/web", "tests/brokers", PRIVACY),
    ("tests/integration", PRIVACY),
)
MEMORY = Path("/dev/shm")
ROOM_NEEDED = 6 * 1024**3
"""Bytes. A container's own is often far smaller."""
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?)")


def main(arguments: list[str]) -> int:
    """The exit status: that of pytest, the worse one of two."""
    if arguments:
        return subprocess.call([sys.executable, "-m", "pytest", *arguments])
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as kept:
        second = subprocess.Popen(_pytest(HALVES[1]), stdout=kept, stderr=subprocess.STDOUT)
        try:
            first = subprocess.Popen(_pytest(HALVES[0]), stdout=subprocess.PIPE, text=True)
            assert first.stdout is not None
            closing = ""
            for line in first.stdout:
                _say(line)
                closing = line if line.startswith("=") else closing
            statuses = [first.wait(), second.wait()]
        finally:
            second.terminate()
        kept.seek(0)
        lines = kept.read().splitlines()
        _say("\n".join(("", "The other half:", *lines, "")))
    closings = [closing, *[line for line in lines if line.startswith("=")][-1:]]
    _say(_together(closings, time.monotonic() - began) + "\n")
    return max(statuses, key=abs)


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free >= ROOM_NEEDED


def _pytest(half: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "pytest", *half]


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _together(closings: list[str], seconds: float) -> str:
    counts: Counter[str] = Counter()
    for number, what in _COUNT.findall(" ".join(closings)):
        counts[what] += int(number)
    said = ", ".join(f"{number} {what}" for what, number in counts.items())
    return f" {said} in {seconds:.2f}s ".center(80, "=")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
