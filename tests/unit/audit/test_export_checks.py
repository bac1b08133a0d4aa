"""Exports: verified offline line by line, and every lie named at its line."""

import base64
import json
import tracemalloc
from datetime import timedelta

import pytest

from consent_service.audit.checkpoint import verify_checkpoint
from consent_service.audit.export_checks import ExportChecks
from consent_service.audit.export_lines import LEAVES_IN_LINE, leaves_json
from consent_service.audit.history import KeptCheckpoint
from consent_service.audit.merkle import EMPTY_ROOT, Frontier
from consent_service.audit.origins import Origins
from consent_service.audit.promise import make_promise
from consent_service.signing import base64url
from consent_service.signing.canonical import instant_text
from tests.unit.audit.built_log import (
    NOW,
    ORIGIN,
    PROMISE_KEY,
    START,
    BuiltLog,
    built,
    composed,
    keys,
    signed,
)
from tests.unit.audit.test_receipt import proof_from


def line_of(log, position, *, proven=True):
    entry = log.entries[position]
    proof = proof_from(log, position)
    shown = {
        "index": proof.index,
        "path": [base64.b64encode(one).decode() for one in proof.path],
        "checkpoint": log.checkpoint_rows[-1].note,
    }
    evidence = {
        "id": entry.id,
        "header": base64url.encode(entry.header),
        "body": base64url.encode(entry.body),
        "salt": base64url.encode(entry.salt),
        "promise": make_promise(entry, PROMISE_KEY),
        "proof": shown if proven else None,
    }
    return {
        "id": entry.id,
        "time": instant_text(entry.time),
        "controller": "org-1",
        "body": json.loads(entry.body),
        "evidence": evidence,
    }


def exported(log=None, **options):
    log = log or built()
    return [line_of(log, position, **options) for position in range(len(log.entries))]


def judged(lines, published=None, now=NOW, kept=(), origin=ORIGIN):
    published = published or keys()
    outside = [
        KeptCheckpoint(f"kept {number}", verify_checkpoint(note, ORIGIN, published))
        for number, note in enumerate(kept)
    ]
    checks = ExportChecks(published, Origins.named(origin), now, outside)
    raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
    reports = list(checks.judged(raw))
    return reports, checks.report


def reasons(lines, **options):
    return [report.reason for report in judged(lines, **options)[0]]


def test_a_sound_export_verifies():
    reports, report = judged(exported())
    assert {one.verdict for one in reports} == {"verified"}
    assert (report.exit_code, report.verdicts["verified"]) == (0, 21)


def test_part_of_a_log_verifies_too():
    assert judged(exported()[3:17:2])[1].exit_code == 0


def test_nothing_is_no_proof():
    assert judged([])[1].exit_code == 3


def test_what_waits_is_not_proven_yet():
    lines = exported(proven=False)
    assert set(reasons(lines, now=START + timedelta(hours=1))) == {"not_yet_due"}
    assert set(reasons(lines)) == {"no_proof"}
    assert judged(lines)[1].exit_code == 3


def changed(lines, position, **members):
    lines[position] = lines[position] | members
    return lines


def with_evidence(lines, position, **members):
    evidence = lines[position]["evidence"] | members
    return changed(lines, position, evidence=evidence)


OTHER = composed(7, body={"type": "looked", "number": 99})

LIES = {
    "another body is shown": (lambda ls: changed(ls, 7, body={"type": "other"}), "other_body"),
    "another time is shown": (
        lambda ls: changed(ls, 7, time="2026-01-01T00:00:00.000000Z"),
        "other_entry",
    ),
    "another controller is shown": (lambda ls: changed(ls, 7, controller="org-2"), "other_entry"),
    "the body was changed": (
        lambda ls: with_evidence(ls, 7, body=base64url.encode(b'{"type":"other"}')),
        "entry_invalid",
    ),
    "the salt was changed": (
        lambda ls: with_evidence(ls, 7, salt=base64url.encode(b"\0" * 32)),
        "entry_invalid",
    ),
    "another entry was put in its place": (
        lambda ls: with_evidence(
            changed(ls, 7, body=json.loads(OTHER.body)),
            7,
            header=base64url.encode(OTHER.header),
            body=base64url.encode(OTHER.body),
            salt=base64url.encode(OTHER.salt),
        ),
        "promise_invalid",
    ),
    "and promised": (
        lambda ls: with_evidence(
            changed(ls, 7, body=json.loads(OTHER.body)),
            7,
            header=base64url.encode(OTHER.header),
            body=base64url.encode(OTHER.body),
            salt=base64url.encode(OTHER.salt),
            promise=make_promise(OTHER, PROMISE_KEY),
        ),
        "proof_invalid",
    ),
    "the proof is another entry's": (
        lambda ls: with_evidence(ls, 7, proof=ls[8]["evidence"]["proof"]),
        "proof_invalid",
    ),
    "the evidence is another entry's": (
        lambda ls: changed(ls, 7, evidence=ls[8]["evidence"]),
        "line_invalid",
    ),
    "a member too many": (lambda ls: changed(ls, 7, note="x"), "line_invalid"),
    "a list of what was erased by what is no erasure": (
        lambda ls: changed(ls, 7, erased=[]),
        "line_invalid",
    ),
    "no JSON": (lambda ls: [*ls[:7], b"{", *ls[8:]], "line_invalid"),
    "deep JSON": (lambda ls: [*ls[:7], b"[" * 100_000, *ls[8:]], "line_invalid"),
}


@pytest.mark.parametrize(("tell", "reason"), LIES.values(), ids=LIES)
def test_a_lie_is_found_at_its_line(tell, reason):
    reports, report = judged(tell(exported()))
    assert [one.number for one in reports if one.verdict != "verified"] == [8]
    assert (reports[7].verdict, reports[7].reason) == ("failed", reason)
    assert report.exit_code == 1


@pytest.mark.parametrize("order", [[0, 0, 1], [1, 0]])
def test_a_line_comes_once_and_in_order(order):
    lines = exported()
    assert "line_invalid" in reasons([lines[number] for number in order])


def test_another_log_is_not_this_one():
    assert set(reasons(exported(), origin="log.example.dk/other")) == {"other_entry"}


# -- checkpoints --------------------------------------------------------------------------------


def tree_of(log, *, of=None, size=None):
    """The lines of an export that hold the whole tree."""
    leaves = [row.leaf for row in log.leaf_rows]
    size = len(leaves) if size is None else size
    note = log.checkpoint_rows[-1].note if of is None else of
    return [{"checkpoint": note}, *leaves_json(0, leaves[:size])]


def whole(log):
    return exported(log) + tree_of(log)


def compared(lines, kept, **options):
    """What came of kept checkpoints, and the exit code."""
    report = judged(lines, kept=kept, **options)[1]
    return [(one.verdict, one.reason) for one in report.kept], report.exit_code


def root_at(log, size):
    return Frontier().append([row.leaf for row in log.leaf_rows[:size]])[0].root()


LOG = built()
LATEST = LOG.head_rows[-1].time


@pytest.mark.parametrize("size", range(22))
def test_a_kept_checkpoint_of_any_size_is_compared(size):
    time = LATEST if size == 21 else START
    right = signed(size, root_at(LOG, size), time)
    assert compared(whole(LOG), [right]) == ([("compared", "same_history")], 0)
    if size > 0:
        wrong = signed(size, b"\x07" * 32, time)
        assert compared(whole(LOG), [wrong]) == ([("failed", "log_forked")], 1)


def test_a_part_of_a_log_with_the_whole_tree_is_enough():
    lines = exported(LOG)[4:5] + tree_of(LOG)
    assert compared(lines, [signed(13, root_at(LOG, 13), START)])[1] == 0
    assert compared(lines, [signed(13, root_at(LOG, 12), START)])[1] == 1


def test_without_leaf_hashes_only_the_sizes_in_the_export_are_compared():
    notes = [row.note for row in LOG.checkpoint_rows[-2:]]
    assert compared(exported(LOG), notes) == (
        [("not compared", "no_leaves"), ("compared", "same_history")],
        3,
    )


def test_a_checkpoint_larger_than_the_tree_is_compared_with_a_newer_export():
    after, same = LATEST + timedelta(days=1), LATEST
    larger = [signed(1_000_000, b"\x07" * 32, time) for time in (after, same)]
    for lines, reason in ((whole(LOG), "beyond_tree"), (exported(LOG), "no_leaves")):
        assert compared(lines, larger[:1]) == ([("not compared", reason)], 3)
        assert compared(lines, larger[1:]) == ([("not compared", reason)], 3)


def test_a_checkpoint_larger_than_the_tree_but_dated_inside_it_is_a_lie():
    inside = signed(1_000_000, b"\x07" * 32, LATEST - timedelta(minutes=1))
    for lines in (whole(LOG), exported(LOG), tree_of(LOG)):
        assert compared(lines, [inside]) == ([("failed", "log_forked")], 1)


def test_a_smaller_checkpoint_dated_after_the_export_is_a_lie():
    later = signed(20, root_at(LOG, 20), LATEST + timedelta(seconds=1))
    assert compared(whole(LOG), [later]) == ([("failed", "log_forked")], 1)


def test_kept_checkpoints_that_contradict_each_other_are_a_lie():
    notes = [LOG.checkpoint_rows[1].note, signed(4, b"\x07" * 32, START)]
    assert compared(exported(LOG), notes) == (
        [("not compared", "no_leaves"), ("failed", "log_forked")],
        1,
    )


def test_a_kept_checkpoint_under_a_compromised_key_accuses_nobody():
    other = signed(20, b"\x07" * 32, START)
    expected = ([("not compared", "log_key_compromised")], 3)
    assert compared(whole(LOG), [other], published=keys(log=NOW)) == expected


def test_a_line_that_contradicts_a_kept_checkpoint_fails():
    other = signed(21, b"\x07" * 32, NOW)
    assert set(reasons(exported(), kept=[other])) == {"log_forked"}


def test_lines_that_lead_into_a_log_that_shrank_contradict_each_other():
    small, large = built((2,)), built((2, 1))
    late = signed(2, small.frontier.root(), large.head_rows[-1].time + timedelta(seconds=1))
    small.checkpoint_rows[-1] = small.checkpoint_rows[-1]._replace(note=late)
    assert reasons([line_of(small, 0), line_of(large, 2)]) == ["verified", "log_forked"]


def test_the_whole_tree_shows_that_two_pages_are_of_two_histories():
    small = BuiltLog().integrate([composed(0), composed(9)])
    lines = [line_of(small, 0), *exported(LOG)[3:5]]
    assert judged(lines)[1].exit_code == 0
    assert judged(lines)[1].sizes == 2
    report = judged(lines + tree_of(LOG))[1]
    assert (report.tree[:2], report.exit_code) == (("failed", "log_forked"), 1)


def test_memory_does_not_grow_with_the_tree():
    one = [bytes([number]) * 32 for number in range(200)]
    whole_tree = Frontier()
    for _ in range(300):
        whole_tree = whole_tree.append(one)[0]
    kept = signed(400, Frontier().append(one * 2)[0].root(), START)

    def lines():
        yield {"checkpoint": signed(whole_tree.size, whole_tree.root(), NOW)}
        for first in range(0, whole_tree.size, 200):
            yield from leaves_json(first, one)

    checks = ExportChecks(
        keys(),
        Origins.named(ORIGIN),
        NOW,
        [KeptCheckpoint("kept", verify_checkpoint(kept, ORIGIN, keys()))],
    )
    tracemalloc.start()
    try:
        assert list(checks.judged(json.dumps(line).encode() for line in lines())) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert checks.report.kept[0].verdict == "compared"
    assert peak < 500_000  # 60,000 leaves have 1.9 MB


def test_the_leaf_hashes_of_a_sound_export_lead_to_its_checkpoint():
    report = judged(whole(LOG))[1]
    assert (report.tree[0], report.exit_code) == ("verified", 0)
    many = BuiltLog().integrate([composed(number) for number in range(2 * LEAVES_IN_LINE + 5)])
    assert len(tree_of(many)) == 4
    assert judged(exported(many)[:3] + tree_of(many))[1].exit_code == 0


OTHER_LEAVES = [{"leaf": 0, "hashes": base64.b64encode(bytes(32 * 21)).decode()}]
HASHES = tree_of(LOG)[1]["hashes"]


@pytest.mark.parametrize(
    ("lines", "tree", "code"),
    [
        (tree_of(LOG)[:1] + OTHER_LEAVES, "leaves_invalid", 1),
        (tree_of(LOG, size=20), "leaves_incomplete", 3),
        (tree_of(LOG)[:1], "leaves_incomplete", 3),
        (tree_of(LOG, of=signed(20, root_at(LOG, 20), START)), None, 1),
        ([*tree_of(LOG)[:1], {"leaf": 1, "hashes": HASHES}], None, 1),
        ([*tree_of(LOG)[:1], {"leaf": 0, "hashes": HASHES[:-4]}], None, 1),
        ([*tree_of(LOG)[:1], {"leaf": 0, "hashes": "A" * 44 * 300}], None, 1),
        ([*tree_of(LOG)[:1], {"leaf": "0", "hashes": HASHES}], None, 1),
        (tree_of(LOG)[:1] * 2, None, 1),
        (tree_of(LOG)[1:], None, 1),
        (tree_of(LOG, of="no checkpoint"), None, 1),
        ([{"checkpoint": tree_of(LOG)[0]["checkpoint"], "more": 1}], None, 1),
        (tree_of(LOG, of=signed(21, b"\x07" * 32, LATEST)), None, 1),
    ],
    ids=["other leaves", "too few", "none", "too many", "a gap", "part of a hash", "too long",
         "no number", "two checkpoints", "no checkpoint", "no note", "a member too many", "forked"],
)  # fmt: skip
def test_other_trees_are_refused(lines, tree, code):
    reports, report = judged(exported(LOG) + lines, kept=[LOG.checkpoint_rows[0].note])
    assert report.exit_code == code
    if tree is not None:
        assert report.tree[1] == tree
    assert report.kept[0].verdict in ("not compared", "failed")
    # However many lines follow, the first that does not fit is named, and it alone.
    assert len([one for one in reports if one.number > 21]) <= 2


def test_entries_come_before_the_leaves():
    assert "line_invalid" in reasons(tree_of(LOG) + exported(LOG)[:1])


def test_a_tree_under_a_compromised_key_proves_nothing():
    report = judged(whole(LOG), published=keys(log=NOW))[1]
    assert (report.tree[1], report.exit_code) == ("log_key_compromised", 3)


def test_a_member_that_stands_twice_in_a_line_is_refused():
    line = json.dumps(exported()[0])
    assert reasons([line[:-1].encode() + b', "body": {}}']) == ["line_invalid"]


def test_the_empty_tree_is_the_beginning_of_every_log():
    assert compared(exported(LOG), [signed(0, EMPTY_ROOT, START)])[1] == 0


def test_two_histories_of_one_size_contradict_each_other():
    one, other = built((2,)), BuiltLog().integrate([composed(0), composed(9)])
    assert reasons([line_of(one, 0), line_of(other, 1)]) == ["verified", "log_forked"]


def test_a_compromised_promise_key_counts_for_what_is_older():
    log = built()
    since = log.head_rows[-1].time
    assert set(reasons(exported(log), published=keys(promise=since))) == {"key_compromised"}
    later = since + timedelta(seconds=1)
    assert set(reasons(exported(log), published=keys(promise=later))) == {"verified"}


def test_a_compromised_log_key_proves_nothing():
    reports, report = judged(exported(), published=keys(log=NOW))
    assert {one.reason for one in reports} == {"log_key_compromised"}
    assert report.exit_code == 3


# -- erasures -----------------------------------------------------------------------------------


def an_erasure():
    """The line of an erasure of two entries, with its list."""
    log = built((4,))
    listed = sorted((row.entry_id, row.leaf.hex()) for row in log.leaf_rows[1:3])
    log.integrate([log.erase([1, 2], 9)])
    return line_of(log, 4) | {"erased": [list(one) for one in listed]}


def test_an_erasure_comes_with_its_list():
    assert reasons([an_erasure()]) == ["verified"]


@pytest.mark.parametrize(
    ("tell", "reason"),
    [
        (lambda listed: listed[:1], "erased_mismatch"),
        (lambda listed: listed[::-1], "erased_invalid"),
        (lambda listed: [["x", "zz"]], "line_invalid"),
        (lambda listed: "all", "line_invalid"),
    ],
    ids=["shorter", "unsorted", "no hashes", "no list"],
)
def test_another_list_than_the_header_names(tell, reason):
    line = an_erasure()
    assert reasons([line | {"erased": tell(line["erased"])}]) == [reason]
    del line["erased"]
    assert reasons([line]) == ["erased_missing"]
