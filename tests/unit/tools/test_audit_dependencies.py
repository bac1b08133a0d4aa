"""The dependency audit passes for a whole audit, is skipped without a network, else fails."""

import json
from typing import Any

import pytest

from tools.audit_dependencies import judge

GOOD = {"name": "flask", "version": "3.1.0", "vulns": []}
BAD = {"name": "flask", "version": "0.1", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}
UNKNOWN = {"name": "ours", "skip_reason": "not found"}


def output(*found: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(found), "fixes": []})


@pytest.mark.parametrize(
    ("written", "errors", "passes", "words"),
    [
        (output(GOOD), "", True, "1 packages, no known vulnerability"),
        (output(GOOD, BAD), "", False, "flask 0.1: PYSEC-1; flask 0.1: PYSEC-2"),
        (output(BAD, UNKNOWN), "", False, "PYSEC-1"),
        (output(GOOD, UNKNOWN), "", False, "not audited: ours"),
        (output(UNKNOWN), "", True, "skipped: offline"),
        (output(), "", False, "nothing is locked"),
        ("", "ERROR: Could not connect to the feed", True, "skipped: offline"),
        ("", "urllib3 … Max retries exceeded with url", True, "skipped: offline"),
        ("", "Traceback: KeyError", False, "did not finish"),
        ("", "", False, "did not finish"),
        ("[]", "", False, "did not finish"),
    ],
)
def test_what_an_audit_means(written: str, errors: str, passes: bool, words: str) -> None:
    judged, said = judge(written, errors)
    assert judged is passes
    assert words in said
