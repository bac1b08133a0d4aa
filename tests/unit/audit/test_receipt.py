"""Receipts: verified offline, and every broken link of the chain is named."""

import dataclasses
import hashlib
import json
from datetime import timedelta
from itertools import count

import pytest

from consent_service.audit.checkpoint import InvalidCheckpoint, verify_checkpoint
from consent_service.audit.entry import compose_entry
from consent_service.audit.history import KeptCheckpoint
from consent_service.audit.log_export import LogExport
from consent_service.audit.merkle import (
    EMPTY_ROOT,
    Coordinate,
    InvalidProof,
    fold,
    inclusion_plan,
)
from consent_service.audit.origins import Origins
from consent_service.audit.promise import make_promise
from consent_service.audit.receipt import seal_body, verify_receipt
from consent_service.audit.receipt_document import (
    InclusionProof,
    InvalidReceipt,
    LogEvidence,
    PersonOpening,
    Receipt,
    SealedAct,
    ShownText,
)
from consent_service.signing.keys import SigningKey
from consent_service.signing.seal import seal_statement
from tests.unit.audit.built_log import (
    NOW,
    ORIGIN,
    PROMISE_KEY,
    SEAL_KEY,
    BuiltLog,
    composed,
    keys,
    signed,
)
from tests.unit.signing.acts import CPR, SALT, SIGNED, TERMS, TEXT, statement

ACTS = [
    statement(),
    statement(signatory="signatory-2", scope=None, person_commitment="ef" * 32),
    statement(decision="withdraw", scope=None, time=SIGNED + timedelta(days=1)),
    statement(decision="decline", scope=None, time=SIGNED + timedelta(days=2)),
]
AFTER = SIGNED + timedelta(days=3)


def sealed_entry(number, act, **changes):
    return composed(
        number,
        time=act.time,
        **{"body": seal_body(act), "salt": SALT, "controller": "org-1"} | changes,
    )


def a_log(acts=ACTS):
    """A log with the acts' entries among others."""
    log = BuiltLog().integrate([composed(number) for number in range(5)])
    log.integrate([sealed_entry(10 + number, act) for number, act in enumerate(acts)], time=AFTER)
    return log


def proof_from(log, position):
    nodes = {Coordinate(0, row.position): row.leaf for row in log.leaf_rows}
    nodes |= {Coordinate(row.level, row.position): row.hash for row in log.node_rows}
    plan = inclusion_plan(position, log.frontier.size)
    return InclusionProof(position, tuple(fold([nodes[at] for at in one]) for one in plan))


def act_of(act, entry, proof=None, **changes):
    log = LogEvidence(entry.header, entry.body, entry.salt, make_promise(entry, PROMISE_KEY), proof)
    return SealedAct(seal_statement(act.to_bytes(), SEAL_KEY), log, **changes)


def receipt(acts=ACTS, log=None, proven=True):
    log = log or a_log(acts)
    return Receipt(
        TERMS.to_bytes(),
        tuple(
            act_of(act, log.entries[position], proof_from(log, position) if proven else None)
            for position, act in enumerate(acts, 5)
        ),
        log.checkpoint_rows[-1].note if proven else None,
    )


def judged(one, published=None, now=NOW, export=None, kept=()):
    return verify_receipt(
        one.to_json(),
        keys() if published is None else published,
        Origins.named(ORIGIN),
        now,
        export,
        kept,
    )


def exported(log, at=-1, others=()):
    return LogExport([row.leaf for row in log.leaf_rows], log.checkpoint_rows[at].note, others)


def kept(note, published=None):
    return KeptCheckpoint("kept", verify_checkpoint(note, ORIGIN, published or keys()))


def first(report):
    return report.statements[0].verdict, report.statements[0].reason


def test_a_proven_receipt_verifies():
    report = judged(receipt())
    assert [one.verdict for one in report.statements] == ["verified"] * 4
    assert [one.statement for one in report.statements] == ACTS
    assert report.exit_code == 0
    assert report.terms == TERMS


def test_as_bytes_in_any_spelling():
    data = json.dumps(receipt().to_json(), indent=2).encode()
    assert verify_receipt(data, keys(), Origins.named(ORIGIN), NOW).exit_code == 0
    assert Receipt.from_json(data) == receipt()


def test_everything_optional_round_trips_and_verifies():
    whole = receipt()
    act = dataclasses.replace(
        whole.statements[0], shown=ShownText("da", TEXT), opening=PersonOpening(SALT, CPR)
    )
    proof = dataclasses.replace(act.log.proof, checkpoint=whole.checkpoint)
    act = dataclasses.replace(act, log=dataclasses.replace(act.log, proof=proof))
    own = Receipt(whole.terms, (act,))
    assert Receipt.from_json(own.to_json()) == own
    assert judged(own).exit_code == 0
    assert CPR not in repr(own)


def test_without_a_proof_it_is_unproven():
    one = receipt(proven=False)
    early = judged(one, now=SIGNED + timedelta(days=2, hours=1))
    assert [x.reason for x in early.statements] == [
        "no_proof",
        "no_proof",
        "no_proof",
        "not_yet_due",
    ]
    assert {x.verdict for x in early.statements} == {"unproven"}
    assert early.exit_code == 3


def changed(**changes):
    """The first act of a receipt, with some of its evidence replaced."""
    one = receipt()
    act = one.statements[0]
    inside = {name: value for name, value in changes.items() if hasattr(act.log, name)}
    outside = {name: value for name, value in changes.items() if name not in inside}
    act = dataclasses.replace(act, log=dataclasses.replace(act.log, **inside), **outside)
    return dataclasses.replace(one, statements=(act, *one.statements[1:]))


def with_act(act, terms=TERMS):
    log = a_log([act])
    return dataclasses.replace(receipt([act], log), terms=terms.to_bytes())


def with_entry(**changes):
    log = BuiltLog().integrate([sealed_entry(10, ACTS[0], **changes)], time=AFTER)
    act = act_of(ACTS[0], log.entries[0], proof_from(log, 0))
    return Receipt(TERMS.to_bytes(), (act,), log.checkpoint_rows[0].note)


STRANGER = SigningKey.from_seed(b"\x09" * 32, "seal")
PROMISING_STRANGER = SigningKey.from_seed(b"\x09" * 32, "promise")
ENTRY = sealed_entry(10, ACTS[0])
PROOF = receipt().statements[0].log.proof
OTHER_TERMS = dataclasses.replace(TERMS, consent="consent-2")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: changed(seal=receipt().statements[1].seal), "other_entry"),
        (lambda: changed(seal=seal_statement(ACTS[0].to_bytes(), STRANGER)), "seal_invalid"),
        (lambda: changed(seal="a.b.c"), "seal_invalid"),
        (lambda: with_act(ACTS[0], OTHER_TERMS), "other_terms"),
        (lambda: with_act(statement(consent="consent-2")), "other_terms"),
        (lambda: with_act(statement(scope=dataclasses.replace(
            ACTS[0].scope, categories=("health", "secrets")))), "scope_beyond_terms"),
        (lambda: with_act(statement(scope=dataclasses.replace(
            ACTS[0].scope, parties=("org-1", "org-9")))), "scope_beyond_terms"),
        (lambda: with_act(statement(time=NOW + timedelta(minutes=6))), "in_the_future"),
        (lambda: changed(shown=ShownText("da", TEXT + " ")), "other_text"),
        (lambda: changed(shown=ShownText("en", TEXT)), "other_text"),
        (lambda: changed(shown=ShownText("da", "\ud800")), "other_text"),
        (lambda: changed(opening=PersonOpening(SALT, "0101111235")), "other_person"),
        (lambda: changed(opening=PersonOpening(b"short", CPR)), "other_person"),
        (lambda: changed(salt=bytes(32)), "entry_invalid"),
        (lambda: changed(body=b"{}"), "entry_invalid"),
        (lambda: changed(header=ENTRY.header + b" "), "entry_invalid"),
        (lambda: with_entry(body={**seal_body(ACTS[0]), "outcome": "ok"}), "other_entry"),
        (lambda: with_entry(body={**seal_body(ACTS[0]), "type": "consent_withdrawn"}),
         "other_entry"),
        (lambda: with_entry(body={**seal_body(ACTS[0]), "signatory": "x"}), "other_entry"),
        (lambda: with_entry(controller="org-2"), "other_entry"),
        (lambda: with_entry(log="other"), "other_entry"),
        (lambda: changed(promise=make_promise(composed(1), PROMISE_KEY)), "promise_invalid"),
        (lambda: changed(promise=make_promise(ENTRY, PROMISING_STRANGER)),
         "promise_invalid"),
        (lambda: changed(proof=dataclasses.replace(PROOF, index=6)), "proof_invalid"),
        (lambda: changed(proof=dataclasses.replace(PROOF, path=PROOF.path[:-1])), "proof_invalid"),
        (lambda: changed(proof=dataclasses.replace(PROOF, checkpoint="forged")), "proof_invalid"),
        (lambda: changed(proof=dataclasses.replace(
            PROOF, checkpoint=a_log().checkpoint_rows[0].note)), "proof_invalid"),
        (lambda: dataclasses.replace(receipt(), checkpoint=None), "proof_invalid"),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_every_broken_link_is_named(make, reason):
    report = judged(make())
    assert first(report) == ("failed", reason)
    assert report.exit_code == 1


def test_one_failure_leaves_the_others_verified():
    report = judged(changed(seal="a.b.c"))
    assert [one.verdict for one in report.statements] == ["failed", *["verified"] * 3]
    assert report.statements[0].statement is None


HELD = AFTER.replace(microsecond=0)
"""The time of the checkpoint that proves the receipts' entries."""


@pytest.mark.parametrize("use", ["seal", "promise"])
@pytest.mark.parametrize(
    ("moment", "expected"),
    [(HELD + timedelta(seconds=1), ("verified", "verified")),
     (HELD, ("unverifiable", "key_compromised")),
     (HELD - timedelta(days=9), ("unverifiable", "key_compromised"))],
    ids=["after", "at", "before"],
)  # fmt: skip
def test_a_compromised_key_needs_an_older_checkpoint(use, moment, expected):
    report = judged(receipt(), keys(**{use: moment}))
    assert first(report) == expected
    assert report.exit_code == (0 if expected[0] == "verified" else 3)


def test_a_compromised_key_without_a_proof_is_unverifiable():
    one = receipt(proven=False)
    assert first(judged(one, keys(seal=HELD + timedelta(days=9)))) == (
        "unverifiable",
        "key_compromised",
    )


def test_a_compromised_log_key_proves_nothing():
    late = HELD + timedelta(days=9)
    assert first(judged(receipt(), keys(log=late))) == ("unverifiable", "log_key_compromised")
    late_log = BuiltLog().integrate([composed(1)], time=NOW)
    report = judged(receipt(proven=False), keys(log=late), export=exported(late_log))
    assert first(report) == ("unverifiable", "log_key_compromised")


def test_an_export_proves_what_it_holds():
    report = judged(receipt(proven=False), export=exported(a_log()))
    assert {one.verdict for one in report.statements} == {"verified"}


@pytest.mark.parametrize(("after", "expected"), [
    (timedelta(0), ("failed", "promise_broken")),
    (timedelta(seconds=-1), ("unproven", "no_proof")),
])  # fmt: skip
def test_an_export_shows_a_broken_promise(after, expected):
    due = statement(time=SIGNED.replace(microsecond=0))
    without = BuiltLog().integrate(
        [composed(number) for number in range(5)], time=due.time + timedelta(hours=24) + after
    )
    report = judged(receipt([due], proven=False), export=exported(without))
    assert first(report) == expected
    assert report.exit_code == (1 if expected[0] == "failed" else 3)


def test_an_export_that_continues_the_receipts_tree_agrees():
    log = a_log()
    one = receipt(log=log)
    log.integrate([composed(number) for number in range(20, 27)], time=NOW)
    assert judged(one, export=exported(log)).exit_code == 0


def test_an_export_of_a_forked_log_is_found():
    forked = BuiltLog().integrate([composed(number + 30) for number in range(12)], time=NOW)
    report = judged(receipt(), export=exported(forked))
    assert {one.reason for one in report.statements} == {"log_forked"}
    assert report.exit_code == 1
    held = dataclasses.replace(receipt(proven=False), checkpoint=receipt().checkpoint)
    assert first(judged(held, export=exported(forked))) == ("failed", "log_forked")


def with_checkpoint(note):
    """A receipt whose proofs have a checkpoint each, and this one beside them."""
    one = receipt()
    acts = [
        dataclasses.replace(
            act,
            log=dataclasses.replace(
                act.log, proof=dataclasses.replace(act.log.proof, checkpoint=one.checkpoint)
            ),
        )
        for act in one.statements
    ]
    return dataclasses.replace(one, statements=tuple(acts), checkpoint=note)


FORKED = signed(9, b"\x07" * 32, AFTER)
"""Signed by the log, of the size of the receipt's checkpoint, and of another tree."""


def test_the_receipts_own_checkpoint_is_verified_though_no_proof_needs_it():
    sound = with_checkpoint(receipt().checkpoint)
    assert judged(sound).checkpoint[0] == "verified"
    assert judged(sound).exit_code == 0
    report = judged(with_checkpoint("x"))
    assert report.checkpoint[:2] == ("failed", "checkpoint_invalid")
    assert {one.verdict for one in report.statements} == {"verified"}
    assert report.exit_code == 1
    assert judged(with_checkpoint(None)).checkpoint is None
    assert judged(with_checkpoint(None)).exit_code == 0


@pytest.mark.parametrize("at", range(0, len(receipt().checkpoint), 7))
def test_no_character_of_it_may_be_another(at):
    note = receipt().checkpoint
    other = "x" if note[at] != "x" else "y"
    assert judged(with_checkpoint(note[:at] + other + note[at + 1 :])).exit_code == 1


def test_a_receipts_checkpoint_under_a_compromised_key_is_not_verified():
    report = judged(with_checkpoint(receipt().checkpoint), keys(log=NOW))
    assert report.checkpoint[:2] == ("unverifiable", "log_key_compromised")
    assert report.exit_code == 3


def test_a_receipt_with_two_trees_of_one_size_proves_that_the_log_lied():
    report = judged(with_checkpoint(FORKED))
    assert report.checkpoint[:2] == ("failed", "log_forked")
    assert {one.reason for one in report.statements} == {"log_forked"}
    assert report.exit_code == 1


def test_two_proofs_of_one_receipt_lead_into_one_tree():
    one, other = a_log(ACTS[:1]), BuiltLog().integrate([composed(n) for n in range(5)])
    other.integrate([sealed_entry(30, ACTS[1])], time=AFTER)
    acts = []
    for act, log in ((ACTS[0], one), (ACTS[1], other)):
        proof = dataclasses.replace(proof_from(log, 5), checkpoint=log.checkpoint_rows[-1].note)
        acts.append(act_of(act, log.entries[5], proof))
    report = judged(Receipt(TERMS.to_bytes(), tuple(acts)))
    assert {one.reason for one in report.statements} == {"log_forked"}


@pytest.mark.parametrize(
    ("note", "verdict", "reason", "code"),
    [
        (receipt().checkpoint, "compared", "same_history", 0),
        (FORKED, "failed", "log_forked", 1),
        (a_log().checkpoint_rows[0].note, "not compared", "no_leaves", 3),
        (signed(10, b"\x07" * 32, NOW), "not compared", "no_leaves", 3),
        (signed(10, b"\x07" * 32, AFTER - timedelta(hours=1)), "failed", "log_forked", 1),
        (signed(8, b"\x07" * 32, AFTER + timedelta(hours=1)), "failed", "log_forked", 1),
        (signed(0, EMPTY_ROOT, SIGNED), "compared", "same_history", 0),
    ],
    ids=["same", "other root", "smaller", "larger", "larger but earlier", "smaller but later", "0"],
)
def test_checkpoints_that_others_kept_are_compared_with_a_receipt(note, verdict, reason, code):
    report = judged(receipt(), kept=[kept(note)])
    assert [(one.verdict, one.reason) for one in report.kept] == [(verdict, reason)]
    assert report.exit_code == code


def test_an_export_lets_checkpoints_of_any_size_be_compared_with_a_receipt():
    log = a_log()
    old = log.checkpoint_rows[0].note
    sound = judged(receipt(log=log), export=exported(log), kept=[kept(old)])
    assert ([one.verdict for one in sound.kept], sound.exit_code) == (["compared"], 0)
    lie = judged(receipt(log=log), export=exported(log), kept=[kept(signed(5, b"\1" * 32, SIGNED))])
    assert ([one.reason for one in lie.kept], lie.exit_code) == (["log_forked"], 1)


def test_the_checkpoints_of_an_exports_entries_are_of_the_same_history():
    other = signed(9, b"\x07" * 32, AFTER)
    report = judged(receipt(), export=exported(a_log(), others=[other, "no checkpoint"]))
    assert {one.reason for one in report.statements} == {"log_forked"}
    smaller = signed(4, b"\x07" * 32, SIGNED)
    assert judged(receipt(), export=exported(a_log(), others=[smaller])).exit_code == 1


def test_an_export_older_than_the_receipt_changes_nothing():
    log = a_log()
    older = LogExport([row.leaf for row in log.leaf_rows[:5]], log.checkpoint_rows[0].note)
    assert judged(receipt(log=log), export=older).exit_code == 0


def test_exports_that_contradict_themselves_are_refused():
    log = a_log()
    lines = [row.leaf for row in log.leaf_rows]
    note = log.checkpoint_rows[-1].note
    judged(receipt(), export=LogExport(lines, note))
    other = signed(9, EMPTY_ROOT, NOW)
    for bad in (
        LogExport(lines[:-1], note),
        LogExport([*lines, lines[0]], note),
        LogExport([lines[1], lines[0], *lines[2:]], note),
        LogExport(lines, other),
    ):
        with pytest.raises(InvalidProof):
            judged(receipt(), export=bad)
    with pytest.raises(InvalidCheckpoint):
        judged(receipt(), export=LogExport(lines, "forged"))


def test_the_body_names_only_the_act():
    assert seal_body(ACTS[2]) == {
        "type": "consent_withdrawn",
        "consent": "consent-1",
        "signatory": "signatory-1",
        "statement_sha256": hashlib.sha256(ACTS[2].to_bytes()).hexdigest(),
    }


def paths(value, at=()):
    yield at
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from paths(child, (*at, key))


def test_every_member_is_needed_and_typed():
    optional = {"checkpoint", "proof"}
    document = receipt(ACTS[:1]).to_json()
    for path in [one for one in paths(document) if one]:
        for wrong in (None, 7.5, {"a": 1}, True):
            copy = json.loads(json.dumps(document))
            inner = copy
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = wrong
            with pytest.raises(InvalidReceipt):
                Receipt.from_json(copy)
        if isinstance(path[-1], str) and path[-1] not in optional:
            del inner[path[-1]]
            with pytest.raises(InvalidReceipt):
                Receipt.from_json(copy)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{", b"\xff", b"{}", b"[" * 100_000, b" " * 5_000_000,
     json.dumps(receipt().to_json() | {"extra": 1}).encode(),
     json.dumps(receipt().to_json() | {"statements": []}).encode(),
     json.dumps(receipt().to_json() | {"terms": "e30"}).encode(),
     json.dumps(receipt().to_json())[:-1].encode() + b',"v":1}'],
    ids=map(str, count()),
)  # fmt: skip
def test_other_documents_are_refused(data):
    with pytest.raises(InvalidReceipt):
        verify_receipt(data, keys(), Origins.named(ORIGIN), NOW)


def test_an_erasure_entry_is_no_seal():
    from consent_service.audit.entry import ErasedList

    entry = compose_entry(log=ORIGIN, entry_id="e-1", time=ACTS[0].time, kind="erasure",
                          controller="org-1", body=seal_body(ACTS[0]), salt=SALT,
                          erased=ErasedList(0, "ab" * 32))  # fmt: skip
    one = Receipt(TERMS.to_bytes(), (act_of(ACTS[0], entry),))
    assert first(judged(one)) == ("failed", "other_entry")
