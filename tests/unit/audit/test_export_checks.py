"""Exports: verified offline line by line, and every lie named at its line."""

import base64
import json
from datetime import timedelta

import pytest

from consent_service.audit.checkpoint import InvalidCheckpoint, sign_checkpoint
from consent_service.audit.export_checks import ExportChecks, InvalidExport
from consent_service.audit.promise import make_promise
from consent_service.signing import base64url
from consent_service.signing.canonical import instant_text
from tests.unit.audit.built_log import (
    LOG_KEY,
    NOW,
    ORIGIN,
    PROMISE_KEY,
    START,
    BuiltLog,
    built,
    composed,
    keys,
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


def judged(lines, published=None, now=NOW, outside=(), origin=ORIGIN):
    checks = ExportChecks(published or keys(), origin, now, outside)
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


def test_checkpoints_that_others_kept_are_compared():
    log = built()
    assert judged(exported(log), outside=[log.checkpoint_rows[-1].note])[1].exit_code == 0
    other = sign_checkpoint(ORIGIN, 21, b"\x07" * 32, NOW, LOG_KEY)
    assert set(reasons(exported(log), outside=[other])) == {"log_forked"}
    with pytest.raises(InvalidExport):
        judged([], outside=[other, log.checkpoint_rows[-1].note])
    with pytest.raises(InvalidCheckpoint):
        judged([], outside=["no checkpoint"])


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
