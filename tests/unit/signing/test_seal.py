"""Seals: what they cover, when they count, and what they cannot be used for."""

from datetime import timedelta

import pytest

from consent_service.signing import jws
from consent_service.signing.canonical import canonical_json
from consent_service.signing.keys import InvalidSignature, KeySet, SigningKey, UnknownKey
from consent_service.signing.seal import TYP, InvalidSeal, seal_statement, verify_seal
from consent_service.signing.statement import InvalidStatement
from tests.unit.signing.acts import SEAL_KEY, SIGNED, START, published, statement

DATA = statement().to_bytes()


def test_round_trip():
    sealed = verify_seal(seal_statement(DATA, SEAL_KEY), KeySet([published()]))
    assert sealed.statement == statement()
    assert sealed.payload == DATA
    assert sealed.key == published()
    assert sealed.needs_log_time_before is None


def test_only_statements_are_sealed():
    for data in (b"", b"{}", DATA + b" ", canonical_json({"v": 1})):
        with pytest.raises(InvalidStatement):
            seal_statement(data, SEAL_KEY)


def test_only_seal_keys_seal():
    with pytest.raises(InvalidSeal):
        seal_statement(DATA, SigningKey.from_seed(b"\x02" * 32, "promise"))


SECOND = SIGNED.replace(microsecond=0)


@pytest.mark.parametrize(
    ("life", "counts"),
    [
        ({}, True),
        ({"not_before": SECOND}, True),
        ({"not_before": SECOND + timedelta(seconds=1)}, False),
        ({"not_after": SECOND + timedelta(seconds=1)}, True),
        ({"not_after": SECOND, "status": "retired"}, False),
        ({"not_after": SECOND + timedelta(days=1), "status": "retired"}, True),
    ],
    ids=["open", "from", "too early", "until", "too late", "retired since"],
)
def test_the_key_must_be_valid_at_the_time_of_the_statement(life, counts):
    keys = KeySet([published(**life)])
    if counts:
        verify_seal(seal_statement(DATA, SEAL_KEY), keys)
    else:
        with pytest.raises(InvalidSeal):
            verify_seal(seal_statement(DATA, SEAL_KEY), keys)


def test_exactly_at_the_end_it_no_longer_counts():
    data = statement(time=SECOND).to_bytes()
    keys = KeySet([published(not_after=SECOND)])
    with pytest.raises(InvalidSeal):
        verify_seal(seal_statement(data, SEAL_KEY), keys)


def test_a_compromised_key_asks_for_the_log():
    since = START + timedelta(days=100)
    keys = KeySet([published(status="compromised", compromised_at=since)])
    assert verify_seal(seal_statement(DATA, SEAL_KEY), keys).needs_log_time_before == since


def test_other_payloads_and_types_are_refused():
    keys = KeySet([published()])
    with pytest.raises(InvalidSeal):
        verify_seal(jws.sign(b"{}", SEAL_KEY, TYP), keys)
    with pytest.raises(InvalidSignature):
        verify_seal(jws.sign(DATA, SEAL_KEY, "consent-log-promise"), keys)
    with pytest.raises(UnknownKey):
        verify_seal(seal_statement(DATA, SEAL_KEY), KeySet([]))
