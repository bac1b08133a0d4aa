"""The table in docs/security.md names every requirement once, and files that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (.+?) \| (.*) \|$", TEXT, re.MULTILINE)
STATES = {"met", "n/a", "operator", "open"}
LEVEL_1_AND_2 = 253


def test_every_requirement_once() -> None:
    assert len(ROWS) == len({number for number, *_ in ROWS}) == LEVEL_1_AND_2
    assert {state for _, _, state, _ in ROWS} == STATES
    assert [number for number, _, _, shown in ROWS if not shown.strip()] == []


def test_the_count_is_right() -> None:
    states = [state for _, _, state, _ in ROWS]
    words = [f"{states.count('met')} met", f"{states.count('n/a')} not applicable"]
    words += [f"{states.count('operator')} the operator's", f"{states.count('open')} open"]
    assert f"Today: {', '.join(words)}." in TEXT


def test_what_it_points_at_exists() -> None:
    named = re.findall(r"`((?:consent_service|tests|tools|docs|deploy)/[\w./-]+)`", TEXT)
    assert len(named) > 100
    assert [path for path in named if not (ROOT / path).exists()] == []
