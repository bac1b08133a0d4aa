"""Entries: headers read strictly, bodies bound by a salted commitment, erasure lists."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.audit.entry import (
    ErasedList,
    InvalidEntry,
    body_commitment,
    check_body,
    erased_list,
    parse_header,
)
from consent_service.audit.merkle import leaf_hash
from consent_service.audit.promise import (
    InvalidPromise,
    check_promise_for,
    make_promise,
    verify_promise,
)
from consent_service.signing import jws
from consent_service.signing.canonical import NotCanonical, canonical_json, instant_text
from consent_service.signing.keys import InvalidSignature, KeySet
from tests.unit.audit.built_log import ORIGIN, PROMISE_KEY, SEAL_KEY, composed, keys, published

ERASURE = {"kind": "erasure", "erased": ErasedList(2, "ab" * 32)}


def test_a_header_says_what_was_composed():
    entry = composed(7)
    header = parse_header(entry.header)
    assert (header.log, header.id, header.time) == (ORIGIN, entry.id, entry.time)
    assert (header.kind, header.controller, header.erased) == ("event", "org-1", None)
    assert entry.leaf == leaf_hash(entry.header)
    assert header.body_commitment == hmac.new(entry.salt, entry.body, hashlib.sha256).hexdigest()
    assert json.loads(entry.body) == {"type": "looked", "number": 7}


def test_an_erasure_names_its_list():
    assert parse_header(composed(7, **ERASURE).header).erased == ErasedList(2, "ab" * 32)


def test_the_body_is_committed_to():
    entry = composed(7)
    header = parse_header(entry.header)
    check_body(header, entry.salt, entry.body)
    for salt, body in ((bytes(32), entry.body), (entry.salt, b"{}"), (b"short", entry.body)):
        with pytest.raises(InvalidEntry):
            check_body(header, salt, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": b"short"}, {"kind": "erasure"}, {"kind": "other"}, {"log": ""},
        {"controller": ""}, {"entry_id": ""}, {"entry_id": "a b"}, {"entry_id": "a" * 65},
        {"erased": ErasedList(1, "ab" * 32)},
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_other_entries_are_not_composed(changes):
    with pytest.raises(InvalidEntry):
        composed(7, **changes)


def test_a_body_must_be_canonical():
    with pytest.raises(NotCanonical):
        composed(7, body={"size": 1.5})


@pytest.mark.parametrize("name", json.loads(composed(7, **ERASURE).header))
def test_every_member_of_a_header_is_needed_and_typed(name):
    value = json.loads(composed(7, **ERASURE).header)
    for wrong in (None, 7, [], "", True, {}):
        with pytest.raises(InvalidEntry):
            parse_header(canonical_json(value | {name: wrong}))
    del value[name]
    with pytest.raises(InvalidEntry):
        parse_header(canonical_json(value))


def test_other_spellings_of_a_header_are_refused():
    header = composed(7).header
    for wrong in (header + b" ", header[:-1], json.dumps(json.loads(header)).encode(),
                  canonical_json(json.loads(header) | {"type": "looked"}), b"[]"):  # fmt: skip
        with pytest.raises(InvalidEntry):
            parse_header(wrong)


@given(st.data())
def test_what_reads_as_a_header_is_its_one_spelling(data):
    header = bytearray(composed(7, **data.draw(st.sampled_from([{}, ERASURE]))).header)
    for _ in range(data.draw(st.integers(0, 2))):
        header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = parse_header(bytes(header))
    except InvalidEntry:
        return
    said = {
        "v": 1,
        "log": read.log,
        "id": read.id,
        "time": instant_text(read.time),
        "kind": read.kind,
        "controller": read.controller,
        "body_commitment": read.body_commitment,
    }
    if read.erased is not None:
        said["erased"] = {"count": read.erased.count, "sha256": read.erased.sha256}
    assert canonical_json(said) == bytes(header)


@pytest.mark.parametrize("controller", ["kommune é", 'a "quoted" one', "a \\", "\x7f", "\n"])
def test_an_unusual_header_reads_like_any_other(controller):
    entry = composed(7, controller=controller)
    assert parse_header(entry.header).controller == controller
    assert verify_promise(make_promise(entry, PROMISE_KEY), keys()).leaf == entry.leaf


@pytest.mark.parametrize("time", ["2026-13-01T00:00:00.000000Z", "2026-01-01T00:00:00:000000Z"])
def test_a_header_of_no_instant_is_refused(time):
    header = json.loads(composed(7).header) | {"time": time}
    with pytest.raises(InvalidEntry, match="time"):
        parse_header(canonical_json(header))


def test_salts_have_32_bytes():
    with pytest.raises(InvalidEntry):
        body_commitment(b"short", b"{}")


def test_the_erased_list_is_its_lines():
    leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
    lines = f"e-1 {leaves[0].hex()}\ne-2 {leaves[1].hex()}\n"
    expected = ErasedList(2, hashlib.sha256(lines.encode()).hexdigest())
    assert erased_list([("e-1", leaves[0]), ("e-2", leaves[1])]) == expected
    assert erased_list([]) == ErasedList(0, hashlib.sha256(b"").hexdigest())


@pytest.mark.parametrize(
    "pairs",
    [
        [("e-2", leaf_hash(b"a")), ("e-1", leaf_hash(b"b"))],
        [("e-1", leaf_hash(b"a")), ("e-1", leaf_hash(b"a"))],
        [("e 1", leaf_hash(b"a"))],
        [("e-1\n", leaf_hash(b"a"))],
        [("e-1", b"short")],
    ],
    ids=map(str, count()),
)
def test_other_lists_are_refused(pairs):
    with pytest.raises(InvalidEntry):
        erased_list(pairs)


def test_a_promise_names_its_entry():
    entry = composed(7)
    promise = verify_promise(make_promise(entry, PROMISE_KEY), keys())
    assert (promise.log, promise.entry, promise.leaf) == (ORIGIN, entry.id, entry.leaf)
    assert (promise.time, promise.integrate_by) == (entry.time, entry.time + timedelta(hours=24))
    check_promise_for(promise, entry.header)


def test_a_promise_is_for_one_header():
    entry = composed(7)
    promise = verify_promise(make_promise(entry, PROMISE_KEY), keys())
    for header in (composed(8).header, entry.header + b" ", b"{}"):
        with pytest.raises(InvalidPromise):
            check_promise_for(promise, header)
    for changes in ({"id": "other"}, {"log": "other"}, {"time": entry.time + timedelta(1)}):
        contradicting = make_promise(replace(entry, **changes), PROMISE_KEY)
        with pytest.raises(InvalidPromise):
            check_promise_for(verify_promise(contradicting, keys()), entry.header)


def test_only_promise_keys_promise():
    with pytest.raises(InvalidPromise):
        make_promise(composed(7), SEAL_KEY)


def test_other_promises_are_refused():
    payload = jws.verify(make_promise(composed(7), PROMISE_KEY), keys(),
                         "consent-log-promise", "promise").payload  # fmt: skip
    value = json.loads(payload)
    wrong = [value | {"extra": 1}, value | {"leaf": "ab"}, value | {"integrate_by": value["log"]},
             value | {"integrate_by": "2025-01-01T00:00:00.000000Z"}]  # fmt: skip
    for one in wrong:
        with pytest.raises(InvalidPromise):
            verify_promise(
                jws.sign(canonical_json(one), PROMISE_KEY, "consent-log-promise"), keys()
            )
    with pytest.raises(InvalidSignature):
        verify_promise(jws.sign(payload, PROMISE_KEY, "consent-statement+jws"), keys())
    with pytest.raises(InvalidPromise):
        verify_promise(jws.sign(payload + b" ", PROMISE_KEY, "consent-log-promise"), keys())


def test_the_promise_key_must_be_valid_then():
    entry = composed(7)
    ended = KeySet([published(PROMISE_KEY, not_after=entry.time, status="retired")])
    with pytest.raises(InvalidPromise):
        verify_promise(make_promise(entry, PROMISE_KEY), ended)
