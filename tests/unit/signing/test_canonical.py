"""Canonical JSON: the same bytes as an independent implementation, and no other spelling."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from consent_service.signing.canonical import (
    DEEPEST,
    LARGEST_INTEGER,
    NotCanonical,
    canonical_json,
    instant_text,
    parse_canonical,
    parse_instant,
)

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | texts | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
@example({"\U0001f600": 1, "\ue000": 2, "a": 3})
@example({"a": [{"\uffff": 1, "\U00010000": 2}]})
@example('\x00\x1f\x7f"\\/\b\t\n\f\r\u2028é')
def test_same_bytes_as_the_reference(value):
    data = canonical_json(value)
    assert data == rfc8785.dumps(value)
    assert parse_canonical(data) == value


SPELLINGS = [
    *("{}", "[]", '"a"', "1", "-0", "1.0", "1e5", "NaN", "null", " ", "\\u0041", '"b":', ",", "é"),
    *('{"a":', "}", "[", "]", str(2**53)),
]


@given(st.lists(st.sampled_from(SPELLINGS)).map("".join))
@example("[" * 33 + "]" * 33)
@example('{"a":1,"a":1}')
@example('{"b":1,"a":1}')
@example('"' + "[" * 40 + '"')
def test_a_text_is_canonical_exactly_when_its_value_is_written_so(text):
    try:
        written = canonical_json(json.loads(text))
    except (ValueError, NotCanonical):
        written = None
    if written == text.encode():
        assert canonical_json(parse_canonical(text.encode())) == written
    else:
        with pytest.raises(NotCanonical):
            parse_canonical(text.encode())


def test_keys_are_sorted_by_utf16_code_unit():
    # U+1F600 starts with the surrogate D83D, below U+E000; by code point it is above.
    assert canonical_json({"\ue000": 1, "\U0001f600": 2}) == '{"😀":2,"\ue000":1}'.encode()


def test_tuples_are_arrays():
    assert canonical_json({"a": (1, "x")}) == b'{"a":[1,"x"]}'


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        1.0, math.nan, {"a": 1.5}, [[0.0]], LARGEST_INTEGER + 1, -LARGEST_INTEGER - 1,
        {1: "a"}, {None: 1}, {True: 1}, {"a": {2: 1}}, b"x", {"a": {1, 2}},
        datetime(2026, 1, 1, tzinfo=UTC),
        "\ud800", {"\udfff": 1}, ["a", "\ud83d"], nested(DEEPEST + 1), nested(5000),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_refused(value):
    with pytest.raises(NotCanonical):
        canonical_json(value)


def test_deepest_is_allowed():
    assert canonical_json(nested(DEEPEST)) == b"[" * DEEPEST + b"1" + b"]" * DEEPEST


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"nope", b" 1", b"1 ", b"1\n", b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"1.0",
        b"1e3",
        b"-0", b"01", b"NaN", b"Infinity", b'{"a": 1}', b'"\\u0041"', b'"\\/"', b'"\\u001F"',
        b'"\\ud800"', b"\xff", b"\xef\xbb\xbf1", '"é"'.encode("latin-1"), b"9007199254740992",
        b"1" * 5000, b"[" * 100_000, '"é"'.encode("utf-16"), b'"\\u00e9"',
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_other_spellings_are_refused(data):
    with pytest.raises(NotCanonical):
        parse_canonical(data)


@given(st.datetimes(timezones=st.just(UTC)))
@example(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC))
def test_instants_round_trip(instant):
    text = instant_text(instant)
    assert len(text) == 27
    assert text.endswith("Z")
    assert parse_instant(text) == instant


def test_instant_has_six_digits():
    assert instant_text(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01T12:00:00.000000Z"


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_instants_that_are_not_utc_are_refused(instant):
    with pytest.raises(NotCanonical):
        instant_text(instant)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z", "2026-03-01 12:00:00.000000Z",
        "2026-03-01T12:00:00.000000", "2026-03-01T12:00:00.000000+00:00",
        "2026-03-01T12:00:00.000000+02:00", "2026-02-30T12:00:00.000000Z",
        "2026-03-01T24:00:00.000000Z", "2026-03-01T12:00:60.000000Z",
        "2026-03-01T12:00:00.000000z", "20260301T120000.000000Z", "", "Z",
    ],
)  # fmt: skip
def test_other_spellings_of_instants_are_refused(text):
    with pytest.raises(NotCanonical):
        parse_instant(text)
