"""Golden vectors: the exact bytes of every signed format, from fixed keys and inputs.

A difference here means that signatures and hashes made before no longer mean the same:
a new version number, never a new vector.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent_service.audit.checkpoint import sign_checkpoint, vkey
from consent_service.audit.entry import compose_entry, erased_list
from consent_service.audit.merkle import Frontier, leaf_hash
from consent_service.audit.note import COSIGNATURE
from consent_service.audit.origins import Origins
from consent_service.audit.promise import make_promise
from consent_service.audit.receipt import seal_body, verify_receipt
from consent_service.audit.receipt_document import (
    InclusionProof,
    LogEvidence,
    PersonOpening,
    Receipt,
    SealedAct,
    ShownText,
)
from consent_service.signing import jws
from consent_service.signing.canonical import canonical_json, parse_canonical
from consent_service.signing.keys import KeySet
from consent_service.signing.seal import seal_statement
from consent_service.signing.statement import Statement
from consent_service.signing.terms import Terms
from tests.unit.audit.built_log import (
    COSIGNER,
    LOG_KEY,
    ORIGIN,
    PROMISE_KEY,
    SEAL_KEY,
    published,
    signed,
)
from tests.unit.signing.acts import CPR, SALT, SIGNED, TERMS, TEXT, statement

VECTORS = Path(__file__).parents[2] / "vectors"
SEVEN = [leaf_hash(bytes([number])) for number in range(7)]
COMMITTED = datetime(2026, 3, 1, 12, 30, 16, 5, tzinfo=UTC)


def entries():
    act = statement()
    event = compose_entry(log=ORIGIN, entry_id="0195500e-entry-1", time=act.time, kind="event",
                          controller="org-1", body=seal_body(act), salt=b"\x0b" * 32)  # fmt: skip
    erasure = compose_entry(log=ORIGIN, entry_id="0195500e-entry-2", time=act.time, kind="erasure",
                            controller="org-1", body={"type": "erased", "rule": "5-years"},
                            salt=b"\x0c" * 32,
                            erased=erased_list([("0195500e-entry-1", event.leaf)]))  # fmt: skip
    return event, erasure


def keys():
    since = SIGNED.replace(microsecond=0) + timedelta(days=300)
    return KeySet(
        [
            published(SEAL_KEY, not_after=since, status="retired"),
            published(PROMISE_KEY),
            published(LOG_KEY, not_after=since, status="compromised", compromised_at=since),
        ]
    )


def checkpoint_of(leaves):
    root = Frontier().append(leaves)[0].root()
    return sign_checkpoint(ORIGIN, len(leaves), root, COMMITTED, LOG_KEY)


def canonical_vector():
    value = {"\u20ac": "Euro", "\r": "CR", "\ufb33": "dalet", "1": 1, "\U0001f600": "smile",
             "\u0080": None, "ö": [True, -9007199254740991, "\x1f\"\\/\x7f\u2028"]}  # fmt: skip
    return {"canonical": canonical_json(value).decode()}


def key_vector():
    return {"jwks": keys().as_jwks(), "vkey": vkey(ORIGIN, LOG_KEY.public),
            "cosigner_vkey": vkey(ORIGIN, LOG_KEY.public, COSIGNATURE)}  # fmt: skip


def jws_vector():
    return {"token": jws.sign(b'{"a":1}', SEAL_KEY, "consent-statement+jws")}


def statement_vector():
    data = statement().to_bytes()
    return {
        "terms": TERMS.to_bytes().decode(),
        "terms_sha256": TERMS.sha256_hex,
        "statement": data.decode(),
        "statement_sha256": statement().sha256_hex,
        "seal": seal_statement(data, SEAL_KEY),
    }


def entry_vector():
    return [
        {
            "header": entry.header.decode(),
            "leaf": entry.leaf.hex(),
            "body": entry.body.decode(),
            "salt": entry.salt.hex(),
            "promise": make_promise(entry, PROMISE_KEY),
        }
        for entry in entries()
    ]


def checkpoint_vector():
    return {
        "two": checkpoint_of([entry.leaf for entry in entries()]),
        "empty": checkpoint_of([]),
        "seven": checkpoint_of(SEVEN),
    }


def cosigned_vector():
    return {"jwk": published(COSIGNER).to_jwk(),
            "vkey": vkey(ORIGIN, COSIGNER.public, COSIGNATURE),
            "seven": signed(7, Frontier().append(SEVEN)[0].root(), COMMITTED)}  # fmt: skip


def receipt_vector():
    event, erasure = entries()
    proof = InclusionProof(0, (erasure.leaf,))
    evidence = LogEvidence(
        event.header, event.body, event.salt, make_promise(event, PROMISE_KEY), proof
    )
    seal = seal_statement(statement().to_bytes(), SEAL_KEY)
    act = SealedAct(seal, evidence, ShownText("da", TEXT), PersonOpening(SALT, CPR))
    note = checkpoint_of([event.leaf, erasure.leaf])
    return Receipt(TERMS.to_bytes(), (act,), note).to_json()


BUILDERS = {
    "canonical": canonical_vector,
    "checkpoints": checkpoint_vector,
    "cosigned": cosigned_vector,
    "entries": entry_vector,
    "jws": jws_vector,
    "keys": key_vector,
    "receipt": receipt_vector,
    "statement": statement_vector,
}


def stored(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", BUILDERS)
def test_the_bytes_are_the_ones_of_the_vector(name):
    assert json.loads(json.dumps(BUILDERS[name]())) == stored(name)


def test_every_vector_is_pinned():
    assert {path.stem for path in VECTORS.glob("*.json")} >= set(BUILDERS)


def test_the_stored_receipt_verifies_with_the_stored_keys():
    receipt = stored("receipt")
    jwks = stored("keys")["jwks"]
    # The vector's log key is compromised on purpose; here it is not.
    jwks["keys"][2] |= {"status": "active"}
    del jwks["keys"][2]["compromised_at"]
    report = verify_receipt(receipt, KeySet.from_jwks(jwks), Origins.named(ORIGIN), COMMITTED)
    assert report.exit_code == 0


def test_the_stored_statement_reads_back():
    vector = stored("statement")
    assert Statement.from_bytes(vector["statement"].encode()) == statement()
    assert asdict(Terms.from_bytes(vector["terms"].encode())) == asdict(TERMS)
    assert parse_canonical(stored("canonical")["canonical"].encode())["1"] == 1
