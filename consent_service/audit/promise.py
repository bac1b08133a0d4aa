"""The log's signed promise to integrate an entry by a certain time.

Its holder can later show that the log broke it: the promise, and a checkpoint timed at or
after `integrate_by` over a tree in which the entry is absent.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from consent_service.audit.entry import Entry, Header, InvalidEntry, parse_header
from consent_service.audit.merkle import leaf_hash
from consent_service.signing import jws
from consent_service.signing.canonical import (
    PLAIN_INSTANT,
    PLAIN_SHA256,
    PLAIN_TEXT,
    NotCanonical,
    canonical_json,
    instant_text,
    parse_canonical,
    plain_object,
)
from consent_service.signing.keys import InvalidSignature, KeySet, PublishedKey
from consent_service.signing.members import Members
from consent_service.signing.schedule import Signer

TYP = "consent-log-promise"
INTEGRATE_WITHIN = timedelta(hours=24)

_MEMBERS = ("log", "entry", "leaf", "time", "integrate_by")
_PLAIN = plain_object(
    log=PLAIN_TEXT,
    entry=PLAIN_TEXT,
    leaf=PLAIN_SHA256,
    time=PLAIN_INSTANT,
    integrate_by=PLAIN_INSTANT,
)


class InvalidPromise(InvalidSignature):
    """The promise is not of the one form there is, or is for another header."""

    code = "invalid_promise"


class Promise(NamedTuple):
    """A promise as verified: the entry's id, leaf hash and time, and the latest integration.

    Times are UTC.
    """

    log: str
    entry: str
    leaf: bytes
    time: datetime
    integrate_by: datetime
    key: PublishedKey


def make_promise(
    entry: Entry, signer: Signer, integrate_within: timedelta = INTEGRATE_WITHIN
) -> str:
    """The compact JWS that promises an entry's integration; release it only after commit.

    The key is the one of the entry's time. Raises NoKey, and InvalidPromise for a key with
    another use.
    """
    key = signer.at(entry.time)
    if key.use != "promise":
        raise InvalidPromise("a promise needs a promise key")
    payload = {
        "log": entry.log,
        "entry": entry.id,
        "leaf": entry.leaf.hex(),
        "time": instant_text(entry.time),
        "integrate_by": instant_text(entry.time + integrate_within),
    }
    return jws.sign(canonical_json(payload), key, TYP)


def verify_promise(promise: str, keys: KeySet) -> Promise:
    """The promise in a JWS whose key was valid at the time of the entry.

    The caller honours the key's `compromised_at`, as for a seal. Raises InvalidSignature
    or one of its kinds.
    """
    verified = jws.verify(promise, keys, TYP, "promise")
    made = _read(verified.payload, verified.key)
    if not made.time <= made.integrate_by:
        raise InvalidPromise("the promise ends before it begins")
    if not verified.key.is_valid_at(made.time):
        raise InvalidPromise("the key was not valid at the time of the entry")
    return made


def _read(payload: bytes, key: PublishedKey) -> Promise:
    """The payload's members. Raises InvalidPromise."""
    plain = _PLAIN.fullmatch(payload)
    try:
        # Nearly all are plain, and a log holds a million.
        value = plain.groupdict() if plain else parse_canonical(payload)
    except NotCanonical as wrong:
        raise InvalidPromise(wrong.detail) from None
    if plain:
        value = {name: text.decode("ascii") for name, text in value.items()}
    members = Members(value, _MEMBERS, refusal=InvalidPromise)
    return Promise(
        log=members.text("log"),
        entry=members.text("entry"),
        leaf=bytes.fromhex(members.sha256("leaf")),
        time=members.instant("time"),
        integrate_by=members.instant("integrate_by"),
        key=key,
    )


def check_promise_for(promise: Promise, header: bytes) -> None:
    """Raise InvalidPromise unless the promise is for exactly this header."""
    try:
        parsed = parse_header(header)
    except InvalidEntry as wrong:
        raise InvalidPromise(wrong.detail) from None
    if not is_promise_for(promise, leaf_hash(header), parsed):
        raise InvalidPromise("the promise is for another header")


def is_promise_for(promise: Promise, leaf: bytes, header: Header) -> bool:
    """Whether the promise names this leaf hash and agrees with its header, already parsed."""
    named = (promise.leaf, promise.log, promise.entry, promise.time)
    return named == (leaf, header.log, header.id, header.time)
