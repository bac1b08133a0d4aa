"""Runs the whole suite in several processes: `make test`. With arguments, plain pytest.

Two processes for each core, because the tests wait half of their time. The first collects the
tests and makes the others of itself, and they share the tests among them as they go
(`sharing.py`); each has its own databases and greps what it logged itself (`test_privacy.py`). The
first is shown as it runs, the others when all are done. The closing line counts them all, and a
test that nobody ran is a failure.
Temporary files are kept in memory where there is room: the tests wait for a disk most of the time,
and nothing of theirs outlives a power cut. The databases sync all the same.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.sharing import TAKEN, write_turns

PROCESSES = 2 * (os.cpu_count() or 1)
STOP_SECONDS = 60
MEMORY = Path("/dev/shm")
ROOM_NEEDED = 6 * 1024**3
"""Bytes. A container's own is often far smaller."""
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?)")


def main(arguments: list[str]) -> int:
    """The exit status: that of pytest, the worst one of all."""
    if arguments:
        return subprocess.call([sys.executable, "-m", "pytest", *arguments])
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
    # Every process of the tests imports what the others have compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A polite kill ends like Ctrl-C: the processes are stopped, and they stop their servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    status, said = _run(PROCESSES)
    closings = [lines[-1] for lines in said if lines]
    complaint = _what_is_missing(said)
    _say(complaint)
    _say(_together(closings, time.monotonic() - began) + "\n")
    return status or bool(complaint)


def _run(count: int) -> tuple[int, list[list[str]]]:
    """The worst exit status of so many processes, and the lines that each wrote."""
    turns, writing = os.pipe()
    write_turns(writing)
    os.close(writing)
    with ExitStack() as stack:
        kept = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(count - 1)]
        first = _start(turns, [file.fileno() for file in kept])
        stack.callback(_stop, first)
        os.close(turns)
        assert first.stdout is not None
        said: list[list[str]] = [[]]
        for line in first.stdout:
            _say(line)
            said[0].append(line.rstrip("\n"))
        status = first.wait()
        for number, file in enumerate(kept, 2):
            file.seek(0)
            said.append(file.read().splitlines())
            _say("\n".join(("", f"Process {number} of {count}:", *said[-1], "")))
    return abs(status), said


def _start(turns: int, others: list[int]) -> subprocess.Popen[str]:
    arguments = ["--turns", str(turns), "--others", ",".join(map(str, others))]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.sharing", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[turns, *others],
        text=True,
        start_new_session=True,
    )


def _stop(first: subprocess.Popen[str]) -> None:
    """Politely: it stops the others. Who does not come to an end is killed."""
    first.terminate()
    try:
        first.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def _what_is_missing(said: list[list[str]]) -> str:
    """Empty when the processes together ran every test, and all of them the privacy tests."""
    found = [taken for lines in said for line in lines if (taken := TAKEN.fullmatch(line))]
    if len(found) < len(said):
        return "A process did not come to its end.\n"
    ran, collected, shared = zip(*(map(int, taken.groups()) for taken in found), strict=True)
    different = sum(ran) - sum(shared) + shared[0]
    if {different} != set(collected) or len(set(shared)) > 1:
        return f"{different} tests were run, and {sorted(set(collected))} collected.\n"
    return ""


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and shutil.disk_usage(folder).free >= ROOM_NEEDED


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
