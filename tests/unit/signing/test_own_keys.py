"""Keys with their private halves accept and refuse what the published keys alone do."""

import pickle
from datetime import UTC, datetime

import pytest

from consent_service.signing.keys import (
    InvalidKey,
    InvalidSignature,
    KeySet,
    PublishedKey,
    SigningKey,
)
from consent_service.signing.own_keys import OwnKey, own_keys
from consent_service.signing.schedule import Schedule, Scheduled

START = datetime(2026, 1, 1, tzinfo=UTC)
OURS = SigningKey.from_seed(b"\x01" * 32, "promise")
STRANGER = SigningKey.from_seed(b"\x02" * 32, "promise")


def published(key: SigningKey, **changes) -> PublishedKey:
    return PublishedKey(key.kid, key.use, key.public, START, **changes)


def ours(half: SigningKey = OURS) -> PublishedKey:
    """Our published key from a set, with whatever private half a schedule gives it."""
    keys = own_keys(KeySet([published(OURS)]), [Schedule([Scheduled(published(OURS), half)])])
    return keys.find(OURS.kid, "promise")


def test_our_own_signature_is_accepted_and_any_change_of_it_refused():
    signature = OURS.sign(b"data")
    ours().verify(signature, b"data")
    for wrong in (STRANGER.sign(b"data"), signature[:-1] + b"\x00", signature[:10], b""):
        with pytest.raises(InvalidSignature):
            ours().verify(wrong, b"data")
    with pytest.raises(InvalidSignature):
        ours().verify(signature, b"other data")


def test_the_half_of_another_key_is_refused():
    with pytest.raises(InvalidKey):
        ours(half=STRANGER)


def test_keys_without_a_private_half_stay_as_they_are():
    alone = published(STRANGER, status="retired", not_after=START.replace(year=2027))
    keys = own_keys(KeySet([alone]), [Schedule([Scheduled(published(OURS), OURS)])])
    assert list(keys) == [alone]


def test_a_private_half_is_sent_nowhere_and_shown_nowhere():
    key = ours()
    assert isinstance(key, OwnKey)
    assert pickle.loads(pickle.dumps(key)) == published(OURS)
    assert "half" not in repr(key)
