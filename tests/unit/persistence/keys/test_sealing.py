"""Encryption at rest: a value opens at its own place, under its own key, unchanged."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from consent_service.domain.kernel.cpr import parse_cpr
from consent_service.errors import Unreadable
from consent_service.persistence.keys.sealing import (
    DataKey,
    Index,
    KeyRing,
    Made,
    Place,
    WrappingKey,
)

HERE = Place("person_details", "sealed", "row-1")
MADE = Made("municipality-x", str(uuid4()), datetime(2026, 11, 23, 9, 0, 0, 1, tzinfo=UTC))


def fresh() -> WrappingKey:
    return WrappingKey.of(os.urandom(32))


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing([fresh()])


@pytest.fixture
def key(ring: KeyRing) -> DataKey:
    return ring.new_data_key(str(uuid4()), MADE)[0]


def test_what_is_sealed_opens_again(key: DataKey) -> None:
    sealed = key.seal(b"Alma", HERE)
    assert b"Alma" not in sealed
    assert key.open(sealed, HERE) == b"Alma"


def test_what_else_stands_in_the_row_is_bound(key: DataKey) -> None:
    bound = replace(HERE, bound='{"roles":"dpo"}')
    sealed = key.seal(b"Alma", bound)
    assert key.open(sealed, bound) == b"Alma"
    for other in (HERE, replace(HERE, bound='{"roles":"operator"}')):
        with pytest.raises(Unreadable):
            key.open(sealed, other)


@pytest.mark.parametrize("length", [0, 1, 16, 17, 20, 29, 40])
def test_what_is_cut_short_is_unreadable(key: DataKey, length: int) -> None:
    with pytest.raises(Unreadable):
        key.open(key.seal(b"", HERE)[:length], HERE)


def test_a_key_whose_id_is_none_opens_nothing(key: DataKey) -> None:
    with pytest.raises(Unreadable):
        replace(key, id="no id at all").open(key.seal(b"Alma", HERE), HERE)


def test_the_same_value_never_looks_the_same(key: DataKey) -> None:
    assert key.seal(b"Alma", HERE) != key.seal(b"Alma", HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, table="consent"),
        replace(HERE, column="other"),
        replace(HERE, row="row-2"),
        replace(HERE, bound='{"roles":"dpo"}'),
        Place("person_detail", "ssealed", "row-1"),
    ],
)
def test_a_moved_value_does_not_open(key: DataKey, elsewhere: Place) -> None:
    with pytest.raises(Unreadable):
        key.open(key.seal(b"Alma", HERE), elsewhere)


def test_no_changed_byte_opens(key: DataKey) -> None:
    sealed = key.seal(b"Alma", HERE)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(Unreadable):
            key.open(bytes(changed), HERE)


def test_another_key_does_not_open(ring: KeyRing, key: DataKey) -> None:
    other, _ = ring.new_data_key(str(uuid4()), MADE)
    with pytest.raises(Unreadable):
        other.open(key.seal(b"Alma", HERE), HERE)


def test_a_wrapped_key_needs_its_ring_and_its_id(ring: KeyRing) -> None:
    key_id = str(uuid4())
    key, wrapped = ring.new_data_key(key_id, MADE)
    assert ring.unwrap(key_id, wrapped).open(key.seal(b"Alma", HERE), HERE) == b"Alma"
    with pytest.raises(Unreadable):
        KeyRing([fresh()]).unwrap(key_id, wrapped)
    with pytest.raises(Unreadable):
        ring.unwrap(str(uuid4()), wrapped)


def test_an_older_key_encryption_key_still_unwraps() -> None:
    old, new = fresh(), fresh()
    key_id = str(uuid4())
    _, wrapped = KeyRing([old]).new_data_key(key_id, MADE)
    assert KeyRing([new, old]).unwrap(key_id, wrapped).id == key_id


@pytest.mark.parametrize("made", [MADE, replace(MADE, child=None)])
def test_a_key_says_whose_it_is_also_when_it_was_wrapped_again(made: Made) -> None:
    old, new = fresh(), fresh()
    key_id = str(uuid4())
    key, wrapped = KeyRing([old]).new_data_key(key_id, made)
    again = KeyRing([new, old]).rewrap(key_id, wrapped)
    assert key.made == KeyRing([new]).unwrap(key_id, again).made == made
    assert key.is_of(made.organisation, made.child)
    assert not key.is_of("municipality-z", made.child)
    assert not key.is_of(made.organisation, str(uuid4()))


def test_hashes_tell_purposes_and_parts_apart() -> None:
    index = Index.of(os.urandom(32))
    cpr = parse_cpr("070761-4285")
    hashes = {
        index.child(cpr)["a"],
        index.person("a", cpr)["a"],
        index.employee("a", cpr.value)["a"],
        index.token(cpr.value),
        index.idempotency("ab", "c"),
        index.idempotency("a", "bc"),
        index.idempotency("a", "b", "c"),
        index.kept_answer("a", "b", "c"),
        Index.of(os.urandom(32)).kept_answer("a", "b", "c"),
        Index.of(os.urandom(32)).child(cpr)["a"],
    }
    assert len(hashes) == 10
    assert index.child(cpr) == index.child(parse_cpr("0707614285"))
