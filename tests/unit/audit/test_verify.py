"""The log verifier: an honest log passes, and every lie is found at its place."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from consent_service.audit import verify as verify_module
from consent_service.audit.entry import ErasedList, compose_entry
from consent_service.audit.entry_checks import CheckedBody, EntryChecks
from consent_service.audit.finding import Finding
from consent_service.audit.log_reader import ErasedRow, NodeRow, StoredBody
from consent_service.audit.merkle import EMPTY_ROOT, leaf_hash
from consent_service.audit.origins import Origins
from consent_service.audit.promise import make_promise
from consent_service.audit.spread import over_processes
from consent_service.audit.tree_checks import Claims
from consent_service.audit.verify import MOST_FINDINGS, verify_log
from consent_service.signing.keys import SigningKey
from tests.unit.audit.built_log import (
    LOG_KEY,
    NOW,
    ORIGIN,
    PROMISE_KEY,
    SEAL_KEY,
    START,
    BuiltLog,
    built,
    composed,
    keys,
    signed,
)

ORIGINS = Origins.of((), ORIGIN)
STRANGER = SigningKey.from_seed(b"\x09" * 32, "promise")


def verified(log, **arguments):
    checks = arguments.pop("checks", EntryChecks)
    claims = Claims(arguments.pop("outside", ()), arguments.pop("anchor", None))
    return verify_log(
        log, checks(arguments.pop("keys", keys()), ORIGINS), NOW, claims=claims, **arguments
    )


def test_an_honest_log_passes():
    report = verified(built())
    assert report.findings == report.notices == ()
    assert (report.entries, report.bodies_checked, report.exit_code) == (21, 21, 0)
    assert report.is_complete
    assert "21 headers and promises" in report.checked


def test_an_empty_log_passes():
    assert verified(BuiltLog()).exit_code == 0


def test_chunks_and_processes_make_no_difference(monkeypatch):
    monkeypatch.setattr(verify_module, "_CHUNK", 4)
    assert verified(built()).findings == ()
    log = built()
    log.change(log.leaf_rows, 17, header=composed(17, controller="org-2").header)
    log.change(log.node_rows, 0, hash=EMPTY_ROOT)
    alone = verified(log)
    with over_processes(2, partial(EntryChecks, keys(), ORIGIN)) as processes:
        spread = verified(log, spread=processes)
    assert alone == spread
    assert [one.place for one in alone.findings] == [
        "node level 1 index 0", "header 17 (entry entry-000017)",
        "promise 17 (entry entry-000017)", "body 17 (entry entry-000017)",
    ][: len(alone.findings)]  # fmt: skip
    assert len(alone.findings) >= 3


def test_an_export_without_nodes_and_bodies_says_so():
    log = built()
    log.holds_nodes = log.holds_bodies = log.is_whole = False
    log.change(log.leaf_rows, 5, header=None, promise=None)
    report = verified(log)
    assert (report.findings, report.bodies_checked) == ((), 0)
    assert "bodies not checked" in report.checked
    assert "nodes not checked: not in the source" in report.checked
    assert "20 headers and promises" in report.checked


def other_header(log):
    log.change(log.leaf_rows, 17, header=composed(17, controller="org-2").header)


def other_entry_whole(log):
    entry = composed(17, controller="org-2")
    log.change(log.leaf_rows, 17, header=entry.header, leaf=entry.leaf,
               promise=make_promise(entry, PROMISE_KEY))  # fmt: skip


def other_entry_without_promise_key(log):
    entry = composed(17, controller="org-2")
    log.change(log.leaf_rows, 17, header=entry.header, leaf=entry.leaf,
               promise=make_promise(entry, STRANGER))  # fmt: skip


def other_leaf(log):
    log.change(log.leaf_rows, 17, leaf=leaf_hash(b"other"))


def swapped(log):
    rows = log.leaf_rows
    rows[3], rows[4] = rows[4]._replace(position=3), rows[3]._replace(position=4)


def removed(log):
    del log.leaf_rows[6]


def removed_and_renumbered(log):
    del log.leaf_rows[6]
    log.leaf_rows[6:] = [row._replace(position=row.position - 1) for row in log.leaf_rows[6:]]


def another_log(log):
    entry = compose_entry(log="other", entry_id="entry-000005", time=START, kind="event",
                          controller="org-1", body={}, salt=bytes(32))  # fmt: skip
    log.change(log.leaf_rows, 5, header=entry.header)


def promise_of_another(log):
    log.change(log.leaf_rows, 5, promise=log.leaf_rows[6].promise)


def mark(size, root, time, key=LOG_KEY):
    return signed(size, root, time, key)


def resigned_root(log):
    log.change(log.checkpoint_rows, 2, note=mark(8, EMPTY_ROOT, log.head_rows[2].time))


TAMPERINGS = [
    (other_header, "leaf_mismatch", "header 17 (entry entry-000017)"),
    (other_leaf, "leaf_mismatch", "header 17 (entry entry-000017)"),
    (other_entry_without_promise_key, "promise_invalid", "promise 17 (entry entry-000017)"),
    (other_entry_whole, "node_mismatch", "node level 1 index 8"),
    (swapped, "head_invalid", "head over 3 (entry entry-000004)"),
    (removed, "leaf_missing", "leaf 6"),
    (removed_and_renumbered, "head_invalid", "head over 7 (entry entry-000008)"),
    (another_log, "leaf_mismatch", "header 5 (entry entry-000005)"),
    (promise_of_another, "promise_invalid", "promise 5 (entry entry-000005)"),
    (lambda log: log.change(log.leaf_rows, 5, header=b"{}"), "header_invalid",
     "header 5 (entry entry-000005)"),
    (lambda log: log.change(log.leaf_rows, 5, header=None), "header_missing",
     "header 5 (entry entry-000005)"),
    (lambda log: log.change(log.leaf_rows, 5, promise=None), "promise_missing",
     "promise 5 (entry entry-000005)"),
    (lambda log: log.change(log.leaf_rows, 5, entry_id="entry-x"), "header_invalid",
     "header 5 (entry entry-x)"),
    (lambda log: log.change(log.node_rows, 6, hash=EMPTY_ROOT), "node_mismatch",
     "node level 3 index 0"),
    (lambda log: log.node_rows.pop(6), "node_mismatch", "node level 3 index 0"),
    (lambda log: log.node_rows.append(NodeRow(1, 10, EMPTY_ROOT)), "node_mismatch",
     "node level 1 index 10"),
    (lambda log: log.node_rows.clear(), "node_mismatch", "node level 1 index 0"),
    (lambda log: log.change(log.head_rows, 2, root=EMPTY_ROOT), "root_mismatch", "head 8"),
    (lambda log: log.change(log.head_rows, 2, size=4), "head_invalid", "head 4"),
    (lambda log: log.change(log.head_rows, 2, time=START), "head_invalid",
     "head over 4 (entry entry-000004)"),
    (lambda log: log.head_rows.reverse(), "head_invalid", "head 21"),
    (lambda log: (log.head_rows.pop(2), log.checkpoint_rows.pop(2)), "head_invalid", "head 16"),
    (lambda log: log.checkpoint_rows.pop(2), "checkpoint_invalid", "checkpoint 16"),
    (lambda log: log.change(log.head_rows, 2, previous=3), "head_invalid", "head 8"),
    (lambda log: (log.head_rows.pop(), log.checkpoint_rows.pop()), "head_invalid", "leaf 16"),
    (lambda log: log.leaf_rows.pop(), "log_cut", "head 21"),
    (resigned_root, "root_mismatch", "checkpoint 8"),
    (lambda log: log.change(log.checkpoint_rows, 2, size=9), "checkpoint_invalid", "checkpoint 9"),
    (lambda log: log.checkpoint_rows.reverse(), "checkpoint_invalid", "checkpoint 21"),
    (lambda log: log.change(log.checkpoint_rows, 1, note="forged"), "checkpoint_invalid",
     "checkpoint 4"),
    (lambda log: log.body_rows.pop("entry-000009"), "body_missing",
     "body 9 (entry entry-000009)"),
    (lambda log: log.damage_body(9, body=b"{}"), "body_mismatch", "body 9 (entry entry-000009)"),
    (lambda log: log.damage_body(9, salt=bytes(32)), "body_mismatch",
     "body 9 (entry entry-000009)"),
    (lambda log: log.body_rows.update({"entry-000009": StoredBody(is_damaged=True)}),
     "body_unreadable", "body 9 (entry entry-000009)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tamper", "kind", "place"), TAMPERINGS, ids=map(str, range(len(TAMPERINGS)))
)
def test_every_lie_is_found_at_its_place(tamper, kind, place):
    log = built()
    tamper(log)
    report = verified(log)
    assert (report.findings[0].kind, report.findings[0].place) == (kind, place)
    assert report.exit_code == 1


def test_a_cut_and_resigned_log_contradicts_a_kept_checkpoint():
    kept = built().checkpoint_rows[-1].note
    assert verified(built(), outside=[kept]).findings == ()
    cut = built((3, 1, 4, 8))
    assert verified(cut).findings == ()
    assert verified(cut, outside=[kept]).findings == (
        Finding("log_cut", "outside checkpoint 21", "the log holds only 16 entries"),
    )


def test_a_rewritten_log_contradicts_a_kept_checkpoint():
    kept = built().checkpoint_rows[1].note
    rewritten = BuiltLog().integrate([composed(number + 50) for number in range(9)])
    assert verified(rewritten).findings == ()
    found = verified(rewritten, outside=[kept]).findings
    assert [(one.kind, one.place) for one in found] == [("root_mismatch", "outside checkpoint 4")]


def test_a_kept_checkpoint_of_a_stranger_is_refused():
    stranger = SigningKey.from_seed(b"\x08" * 32, "log")
    found = verified(built(), outside=[mark(4, EMPTY_ROOT, START, stranger)]).findings
    assert [one.kind for one in found] == ["checkpoint_invalid"]


def erased_log():
    log = built()
    first = log.erase([2, 9, 4], 21)
    second = log.erase([11], 22)
    return log.integrate([first, second])


def test_erased_entries_are_counted():
    report = verified(erased_log())
    assert (report.findings, report.erased, report.bodies_checked) == ((), 4, 19)


def test_a_pending_erasure_counts():
    log = built()
    entry = log.erase([2], 21)
    log.body_rows.pop(entry.id, None)
    waiting = composed(21, time=NOW - timedelta(hours=1), kind="erasure", body={},
                       erased=erased_of(log, entry.id))  # fmt: skip
    assert verified(log.wait(waiting)).findings == ()


def erased_of(log, erasure_id):
    from consent_service.audit.entry import erased_list

    return erased_list(log.erased_by(erasure_id))


def deletion_passed_off_as_erasure(log):
    row = log.leaf_rows[7]
    del log.body_rows[row.entry_id]
    log.erased_rows.append(ErasedRow(7, row.entry_id, row.leaf, "entry-999999"))
    log.erased_rows.sort()


def line_slipped_into_a_list(log):
    row = log.leaf_rows[7]
    del log.body_rows[row.entry_id]
    log.erased_rows.append(ErasedRow(7, row.entry_id, row.leaf, "entry-000021"))
    log.erased_rows.sort()


def body_kept(log):
    log.body_rows["entry-000004"] = StoredBody(log.entries[4].body, log.entries[4].salt)


@pytest.mark.parametrize(
    ("tamper", "kind", "place"),
    [
        (deletion_passed_off_as_erasure, "erasure_mismatch", "erasure lists"),
        (line_slipped_into_a_list, "erasure_mismatch", "erasure entry-000021"),
        (body_kept, "body_not_erased", "body 4 (entry entry-000004)"),
        (lambda log: log.erased_rows.pop(0), "body_missing", "body 2 (entry entry-000002)"),
        (lambda log: log.change(log.erased_rows, 1, leaf=EMPTY_ROOT), "erasure_mismatch",
         "erasure entry-000021"),
        (lambda log: log.erased_rows.append(log.erased_rows.pop()._replace(position=99)),
         "body_missing",
         "body 11 (entry entry-000011)"),
    ],
    ids=map(str, range(6)),
)  # fmt: skip
def test_false_erasures_are_found(tamper, kind, place):
    log = erased_log()
    tamper(log)
    report = verified(log)
    assert (report.findings[0].kind, report.findings[0].place) == (kind, place)


def test_an_erasure_with_another_list_than_it_says():
    log = built().integrate([composed(21, kind="erasure", erased=ErasedList(1, "0" * 64))])
    assert [one.place for one in verified(log).findings] == ["erasure entry-000021"]


def test_late_integration_is_reported_but_no_lie():
    log = BuiltLog().integrate([composed(0)], time=START + timedelta(hours=24, microseconds=1))
    report = verified(log)
    assert [one.kind for one in report.notices] == ["integrated_late"]
    assert report.exit_code == 0
    log = BuiltLog().integrate([composed(0)], time=START + timedelta(hours=24))
    assert verified(log).notices == ()


def test_only_the_first_covering_head_decides_lateness():
    log = built((1, 1)).integrate([composed(3)], time=NOW)
    assert [one.place for one in verified(log).notices] == ["promise 2 (entry entry-000003)"]


def test_pending_within_and_beyond_the_promise():
    recent = composed(90, time=NOW - timedelta(hours=23))
    old = composed(91, time=NOW - timedelta(hours=24))
    assert verified(built().wait(recent)).findings == ()
    report = verified(built().wait(recent).wait(old))
    assert [(one.kind, one.place) for one in report.findings] == [
        ("promise_broken", "promise pending (entry entry-000091)")
    ]
    assert report.pending == 2


def test_a_forged_pending_entry():
    log = built().wait(composed(90, time=NOW))
    log.change(log.pending_rows, 0, promise=make_promise(composed(90, time=NOW), STRANGER))
    assert [one.kind for one in verified(log).findings] == ["promise_invalid"]


def test_compromised_keys_are_noticed_from_then_on():
    log = built()
    limit = log.head_rows[3].time.replace(microsecond=0)
    report = verified(log, keys=keys(promise=limit))
    assert {one.kind for one in report.notices} == {"key_compromised"}
    assert report.notices[0].place == "promise 8 (entry entry-000008)"
    assert len(report.notices) == 13
    assert verified(log, keys=keys(log=limit)).notices[0].place == "checkpoint 3"


class ColumnChecks(EntryChecks):
    """Finds something wrong with the columns of entries 7 and 17."""

    def check_body(self, place, header, kept):
        if b"7," in kept.body:
            return CheckedBody(True, [Finding("columns_mismatch", place, "outcome differs")])
        return super().check_body(place, header, kept)


def test_columns_and_other_checks_are_the_callers():
    report = verified(
        built(),
        checks=ColumnChecks,
        extra_checks=[Finding("fact_mismatch", "grant g-1", "no entry")],
    )
    assert [(one.kind, one.place) for one in report.findings] == [
        ("columns_mismatch", "body 7 (entry entry-000007)"),
        ("columns_mismatch", "body 17 (entry entry-000017)"),
        ("fact_mismatch", "grant g-1"),
    ]


def test_too_many_findings_stop_the_run(monkeypatch):
    monkeypatch.setattr(verify_module, "_CHUNK", 4)
    log = built((60,))
    log.body_rows.clear()
    report = verified(log)
    assert not report.is_complete
    assert len(report.findings) == MOST_FINDINGS


class LongLog(BuiltLog):
    """A log made while it is read, so that only the verifier's memory counts."""

    def __init__(self, batches):
        super().__init__(holds_nodes=False, holds_bodies=False)
        self.batches = batches

    def leaves(self):
        log = BuiltLog()
        for number in range(self.batches * 100):
            entry = composed(number)
            yield log.integrate([entry], checkpoint=False).leaf_rows.pop()._replace(position=number)
            for rows in (log.entries, log.body_rows, log.node_rows, log.head_rows):
                rows.clear()
        self.root = log.frontier.root()

    def heads(self):
        return None

    def checkpoints(self):
        return ()


def test_memory_does_not_grow_with_the_log(monkeypatch):
    monkeypatch.setattr(verify_module, "_CHUNK", 50)
    tracemalloc.start()
    report = verified(LongLog(40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.entries == 4_000
    # Headers and promises of 4,000 entries take more than 4 MB, their leaves 250 kB.
    assert peak < 500_000


def test_a_seal_key_signs_no_promise():
    log = built()
    sealed = replace(SEAL_KEY, use="promise")
    log.change(log.leaf_rows, 5, promise=make_promise(log.entries[5], sealed))
    assert [one.kind for one in verified(log).findings] == ["promise_invalid"]


def test_an_entry_of_another_log_does_not_belong():
    report = verified(built().integrate([composed(21, log="log.example.dk/andet")]))
    assert [(one.kind, one.place) for one in report.findings] == [
        ("header_invalid", "header 21 (entry entry-000021)")
    ]


def test_checkpoints_must_not_go_back_in_time():
    log = built()
    head = log.head_rows[2]
    log.change(log.checkpoint_rows, 2, note=mark(8, head.root, START + timedelta(seconds=9)))
    assert [(one.kind, one.place) for one in verified(log).findings] == [
        ("checkpoint_invalid", "checkpoint 8")
    ]


def test_a_list_with_a_false_place_is_found_without_bodies():
    log = erased_log()
    log.holds_bodies = False
    assert verified(log).findings == ()
    log.erased_rows[1] = log.erased_rows[1]._replace(position=5)
    assert [(one.kind, one.place) for one in verified(log).findings] == [
        ("erasure_mismatch", "erasure entry-000021")
    ]
