"""The offline commands: from files to sentences and exit codes, without a service."""

import dataclasses
import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from consent_service.audit.offline import FAILED, UNPROVEN, UNUSABLE, VERIFIED
from consent_service.cli import cli
from tests.unit.audit.built_log import (
    NOW,
    ORIGIN,
    SEAL_KEY,
    BuiltLog,
    composed,
    published,
    signed,
)
from tests.unit.audit.outside import json_lines, publish, tree_lines, write
from tests.unit.audit.test_export_checks import exported as entry_lines
from tests.unit.audit.test_receipt import AFTER, FORKED, a_log, receipt, with_checkpoint
from tests.unit.signing.acts import SIGNED


@pytest.fixture
def folder(tmp_path):
    publish(tmp_path)
    return tmp_path


def run(folder, *words):
    options = ["--jwks", str(folder / "jwks.json"), "--log", str(folder / "consent-log.json")]
    ran = CliRunner().invoke(cli, [*map(str, words), *options])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran


def verified(folder, one, *, kept=(), export=None):
    """`consent-service verify` of a receipt beside kept checkpoints and the lines of an export."""
    words = ["verify", write(folder, "receipt.json", json.dumps(one.to_json()))]
    for number, note in enumerate(kept):
        words += ["--checkpoint", write(folder, f"kept-{number}", note)]
    if export is not None:
        words += ["--export", write(folder, "export.jsonl", json_lines(export))]
    return run(folder, *words)


def test_a_sound_receipt(folder):
    ran = verified(folder, receipt())
    assert ran.exit_code == VERIFIED, ran.output
    assert ran.output.count("verified") == 5  # four statements, and the receipt's checkpoint


def test_it_says_that_nobody_can_tell_what_was_left_out(folder):
    """Of a withdrawn consent's receipt with the withdrawal left out each statement is true."""
    whole = receipt()
    without = dataclasses.replace(whole, statements=whole.statements[:2])
    ran = verified(folder, without)
    assert ran.exit_code == VERIFIED
    assert "Whether an act was left out of a receipt" in ran.output


def test_a_receipts_own_checkpoint_is_verified(folder):
    assert verified(folder, with_checkpoint("x")).exit_code == FAILED
    forked = verified(folder, with_checkpoint(FORKED))
    assert forked.exit_code == FAILED
    assert "contradict" in forked.output


def test_a_receipt_is_compared_with_checkpoints_that_were_kept(folder):
    log = a_log()
    old = log.checkpoint_rows[0].note
    assert verified(folder, receipt(), kept=[receipt().checkpoint]).exit_code == VERIFIED
    alone = verified(folder, receipt(), kept=[old])
    assert alone.exit_code == UNPROVEN
    assert "not compared  kept checkpoint" in alone.output
    lie = verified(folder, receipt(), kept=[old, FORKED])
    assert lie.exit_code == FAILED
    assert "failed        kept checkpoint" in lie.output
    beside = verified(folder, receipt(), kept=[old], export=tree_lines(log))
    assert beside.exit_code == VERIFIED, beside.output


def test_a_broken_promise_is_shown_by_an_export(folder):
    late = SIGNED.replace(microsecond=0) + timedelta(days=9)
    without = BuiltLog().integrate([composed(number) for number in range(5)], time=late)
    lines = entry_lines(without) + tree_lines(without)
    broken = verified(folder, receipt(proven=False), export=lines)
    assert broken.exit_code == FAILED
    assert broken.output.count("the log did not integrate what it promised") == 4
    proven = verified(folder, receipt(proven=False), export=tree_lines(a_log()))
    assert proven.exit_code == VERIFIED, proven.output


def test_a_forked_log_is_shown_by_an_export(folder):
    forked = BuiltLog().integrate([composed(number + 30) for number in range(12)], time=NOW)
    ran = verified(folder, receipt(), export=tree_lines(forked))
    assert ran.exit_code == FAILED
    assert ran.output.count("checkpoints of the log contradict each other") == 5
    # Or by the checkpoint of one of its entries alone.
    entries = entry_lines(a_log())
    entries[0]["evidence"]["proof"]["checkpoint"] = FORKED
    ran = verified(folder, receipt(), export=[*entries, *tree_lines(a_log())])
    assert ran.exit_code == FAILED


@pytest.mark.parametrize(
    "lines",
    [
        entry_lines(a_log()),
        [],
        ["no line"],
        tree_lines(a_log())[:1],
        tree_lines(a_log())[1:],
        tree_lines(a_log(), signed(9, b"\x07" * 32, AFTER)),
        tree_lines(a_log(), "no checkpoint"),
        [*tree_lines(a_log()), *entry_lines(a_log())],
    ],
    ids=["no leaves", "nothing", "no line", "too short", "no checkpoint", "other root", "no note",
         "entries after"],
)  # fmt: skip
def test_an_export_that_cannot_be_used_says_nothing_of_a_receipt(folder, lines):
    ran = verified(folder, receipt(), export=lines)
    assert ran.exit_code == UNUSABLE, ran.output
    assert "the export cannot be used" in ran.output


def test_what_is_no_receipt_cannot_be_used(folder):
    for content in (b"", b"[]", b"{}", b"\xff", json.dumps(receipt().to_json())[:-1].encode()):
        assert run(folder, "verify", write(folder, "receipt.json", content)).exit_code == UNUSABLE


def test_another_services_keys_and_damaged_ones(folder):
    one = publish_damaged(folder)
    ran = verified(folder, receipt())
    assert ran.exit_code == UNUSABLE
    assert one in ran.output


def publish_damaged(folder):
    jwk = published(SEAL_KEY).to_jwk() | {"status": "unsure"}
    write(folder, "jwks.json", json.dumps({"keys": [jwk]}))
    return "status"


@pytest.mark.parametrize(
    "begins",
    [
        [(0, ORIGIN), (3, ORIGIN)],
        [(0, ORIGIN), (3, "b"), (5, ORIGIN)],
        [(0, ORIGIN), (5, "b"), (3, "c")],
        [(0, ORIGIN), (3, "b"), (3, "c")],
        [(1, ORIGIN)],
    ],
)
def test_a_name_begins_once_and_after_the_one_before(folder, begins):
    """Else a checkpoint that contradicts the log could pass for one of a part that was lost."""
    origins = [{"first_index": at, "origin": name, "predecessor": None} for at, name in begins]
    write(folder, "consent-log.json", json.dumps({"origins": origins}))
    ran = verified(folder, receipt())
    assert (ran.exit_code, "no name begins twice" in ran.output) == (UNUSABLE, True)
