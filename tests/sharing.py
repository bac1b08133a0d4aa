"""Several pytest processes share one suite: each takes what nobody has taken yet, till all is done.

A plugin (`-p tests.sharing --turns FD --others FD,FD`) that `tests/side_by_side.py` starts one
process with. Once it has collected the tests it makes the others of itself, each of which writes
to one of these descriptors. All cut the tests into the same parts, in the same order; who is free
reads the number of the next part from a pipe, from which nobody can read it twice.
"""

import os
import re
import signal
from collections.abc import Iterator, Sequence

import pytest

TURNS = 4096
"""More than there are parts, and few enough to fit into a pipe."""

TURN_BYTES = 4
TAKEN = re.compile(r"Ran (\d+) of (\d+) tests, of which every process runs (\d+)\.")
PRIVACY = "test_privacy.py"
FOLDERS = ("integration", "tamper", "secrecy", "brokers", "api", "web", "unit")
"""The long tests first, so that no process is left alone with one at the end."""

Part = list[pytest.Item]
_taken = pytest.StashKey[str]()
_others = pytest.StashKey[list[int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--turns", type=int, help="the descriptor that turns are read from")
    parser.addoption("--others", default="", help="where each of the other processes writes")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """pytest's own loop, over the parts whose turn this process got; the privacy tests at last."""
    if session.testsfailed or session.config.option.collectonly:
        return None
    _make_others(session.config)
    parts, last = parts_of(session.items)
    ran = 0
    for turn in turns(session.config.getoption("turns")):
        if turn < len(parts):
            # With what lasts for the whole run in common, all else is torn down in between.
            ran += _run(session, parts[turn], last[0])
    ran += _run(session, last, None)
    session.config.stash[_taken] = (
        f"Ran {ran} of {len(session.items)} tests, of which every process runs {len(last)}."
    )
    return True


def _make_others(config: pytest.Config) -> None:
    """A process for each descriptor; each goes on from here as this one does."""
    made: list[int] = []
    for output in filter(None, config.getoption("others").split(",")):
        made.append(os.fork())
        if made[-1] == 0:
            _write_to(config, int(output))
            made = []
            break
    config.stash[_others] = made


def _write_to(config: pytest.Config, output: int) -> None:
    """All that this process says from here on, what pytest has put aside to restore included."""
    capturing = config.pluginmanager.getplugin("capturemanager")
    assert capturing is not None
    capturing.stop_global_capturing()
    os.dup2(output, 1)
    os.dup2(output, 2)
    capturing.start_global_capturing()
    capturing.suspend_global_capture()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Wait for the others; the worst status of all is this one's. Who was stopped stops them."""
    statuses = [exitstatus]
    others = session.config.stash.get(_others, [])
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        for process in others:
            os.kill(process, signal.SIGTERM)
    for process in others:
        _, status = os.waitpid(process, 0)
        statuses.append(abs(os.waitstatus_to_exitcode(status)))
    session.exitstatus = max(statuses)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if taken := config.stash.get(_taken, None):
        terminalreporter.write_line(taken)


def turns(descriptor: int) -> Iterator[int]:
    """Numbers from 0 that no other process gets, until there are no more."""
    while turn := os.read(descriptor, TURN_BYTES):
        yield int.from_bytes(turn)


def write_turns(descriptor: int) -> None:
    """All at once, before anybody reads."""
    os.write(descriptor, b"".join(turn.to_bytes(TURN_BYTES) for turn in range(TURNS)))


def parts_of(items: Sequence[pytest.Item]) -> tuple[list[Part], Part]:
    """A part for each module and for each slow test, and the privacy tests, which all share."""
    parts: dict[str, Part] = {}
    last: Part = []
    for item in items:
        if item.path.name == PRIVACY:
            last.append(item)
        else:
            is_slow = item.get_closest_marker("slow") is not None
            parts.setdefault(item.nodeid if is_slow else str(item.path), []).append(item)
    return sorted(parts.values(), key=_how_long), last


def _how_long(part: Part) -> tuple[bool, int, str]:
    first = part[0]
    folder = next(n for n, name in enumerate(FOLDERS) if name in first.path.parts)
    return (first.get_closest_marker("slow") is None, folder, first.nodeid)


def _run(session: pytest.Session, part: Part, following: pytest.Item | None) -> int:
    for item, next_item in zip(part, [*part[1:], following], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return len(part)
