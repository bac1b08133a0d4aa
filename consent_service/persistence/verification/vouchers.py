"""What vouches for every column of every table, or why it does not matter that nothing does.

Whoever owns the tables can write anything into them. This is the list of what comes of it, column
by column; `tests/tamper` changes each in every way it knows and holds the list to its word. Every
group of checks says in `COVERS` what it compares: together exactly what this list says is
compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

GONE, MORE = "rows taken away", "rows put in"
"""Beside its columns a table has these: what vouches that all its rows are there, and no more."""

Kind = Literal["tree", "entry", "mac", "opened", "found by", "derived", "at use", "harmless"]
"""How a change is noticed; see `COMPARED` for which of these verification does."""

COMPARED: frozenset[Kind] = frozenset({"tree", "entry", "mac", "opened", "found by", "derived"})
"""Verification compares it: with the tree, with what an entry says, with a MAC, with what opens
there, with a keyed hash of what opens, or with what follows from the others. The other two are
refused where they are used, and harmless."""


@dataclass(frozen=True)
class Voucher:
    """What vouches for one column, in a sentence.

    `rest` is what even so nobody can tell, and why that does not matter; empty: nothing.
    """

    kind: Kind
    sentence: str
    rest: str = ""

    @property
    def is_compared(self) -> bool:
        """Whether verification looks at it."""
        return self.kind in COMPARED

    @property
    def may_pass(self) -> bool:
        """Whether some change of it is found by nobody, or only where it is used."""
        return not self.is_compared or bool(self.rest)


def covered(table: sa.Table, *columns: str) -> frozenset[str]:
    """Columns that a group of checks compares, by their names."""
    unknown = set(columns) - {*table.columns.keys(), GONE, MORE}
    if unknown:
        raise ValueError(f"{table.name} has no {', '.join(sorted(unknown))}")
    return frozenset(f"{table.name}.{column}" for column in columns)


def covered_whole(table: sa.Table) -> frozenset[str]:
    """All columns of a table, and that its rows are these."""
    return covered(table, *table.columns.keys(), GONE, MORE)


def _tree(sentence: str) -> Voucher:
    return Voucher("tree", sentence)


def _entry(sentence: str, rest: str = "") -> Voucher:
    return Voucher("entry", sentence, rest)


def _opened(sentence: str) -> Voucher:
    return Voucher("opened", sentence)


def _found_by(sentence: str) -> Voucher:
    return Voucher("found by", sentence)


def _derived(sentence: str, rest: str = "") -> Voucher:
    return Voucher("derived", sentence, rest)


def _at_use(sentence: str) -> Voucher:
    return Voucher("at use", sentence)


def _harmless(sentence: str) -> Voucher:
    return Voucher("harmless", sentence)


Columns = Mapping[str, Voucher]

_ORGANISATION_ENTRIES = _entry("organisation_registered, and each organisation_changed since")
_TEMPLATE_ENTRY = _entry("template_published: id, version, SHA-256, time, organisation")
_REGISTERED = _entry("the entry that registers it, and its time")
_FACT = _entry(
    "the SHA-256 of the fact in its entry's body; for a signer's act the sealed statement, member"
    " by member"
)
_REQUEST_FACT = _derived("the fact of the request, which its entry vouches for")
_TERMS = _opened("the sealed terms, whose SHA-256 the fact of the request has")
_SIGNATORY = _entry("the signatories that consent_requested or custody_changed filed")
_LINK = _entry("link_issued: the link by its hash, whose it is, when")
_DETAILS_KEY = _opened("sealed for this organisation and person, under the key of that child")
_MADE = _opened("sealed together with the key itself")
_BODY = _entry("the body of the same entry, opened, and its header")
_RULE = _entry("the newest retention_set of the organisation")
_STATEMENT = _entry("the act's entry: statement, consent, signatory; and the sealed statement")
_SET = Voucher(
    "mac", "over all clients, keys, secrets, revocations and the epoch; and their entries"
)
_STAFF_SESSION = _at_use("sealed with its deciding columns; found by its token's keyed hash")
_SIGNING_SESSION = _at_use("sealed with its link, key and time; found by its secret's keyed hash")
_KEPT_ANSWER = _at_use("sealed with status and body hash, under a key that the request makes")
_CHECKPOINT = _tree("the signature, and the anchor outside the database")
_NAME = _tree("the headers of the entries from there on, and the setting")
_FENCE = "once it is emptied, a process that missed a rotation is not stopped by it any more"

_CATALOGUE: Mapping[str, Columns] = {
    "organisation": {
        "id": _ORGANISATION_ENTRIES,
        "name": _ORGANISATION_ENTRIES,
        "kind": _ORGANISATION_ENTRIES,
        "descriptions": _ORGANISATION_ENTRIES,
        "contact": _ORGANISATION_ENTRIES,
        "identifiers": _ORGANISATION_ENTRIES,
        "confirmation": _ORGANISATION_ENTRIES,
        "created_at": _ORGANISATION_ENTRIES,
        "changed_at": _ORGANISATION_ENTRIES,
        GONE: _ORGANISATION_ENTRIES,
        MORE: _ORGANISATION_ENTRIES,
    },
    "template_version": {
        "organisation_id": _TEMPLATE_ENTRY,
        "id": _TEMPLATE_ENTRY,
        "version": _TEMPLATE_ENTRY,
        "content": _TEMPLATE_ENTRY,
        "sha256": _TEMPLATE_ENTRY,
        "published_at": _TEMPLATE_ENTRY,
        "entry_id": _TEMPLATE_ENTRY,
        GONE: _TEMPLATE_ENTRY,
        MORE: _TEMPLATE_ENTRY,
    },
    "purpose": {
        "id": _REGISTERED,
        "registered_at": _REGISTERED,
        "entry_id": _REGISTERED,
        GONE: _REGISTERED,
        MORE: _REGISTERED,
    },
    "purpose_overlap": {
        "one_id": _REGISTERED,
        "other_id": _REGISTERED,
        "since": _REGISTERED,
        "entry_id": _REGISTERED,
        GONE: _REGISTERED,
        MORE: _REGISTERED,
    },
    "category": {
        "id": _REGISTERED,
        "registered_at": _REGISTERED,
        "entry_id": _REGISTERED,
        GONE: _REGISTERED,
        MORE: _REGISTERED,
    },
}

_CHILDREN: Mapping[str, Columns] = {
    "child": {
        "id": _derived("everything about the child names it"),
        "cpr_hash": _found_by("the number in the entries, the details and the terms about it"),
        "cpr_hash_b": _found_by("likewise, while the index key is rotated"),
        "version": _derived(
            "no smaller than the number of its newest fact",
            "one that was skipped is the number of no fact, and the next one is larger still",
        ),
        GONE: _derived("everything about the child names it"),
        MORE: _harmless(
            "a child about whom there is nothing: whoever asks about its number finds nothing"
        ),
    },
    "person": {
        "id": _derived("facts, signatories and details name it"),
        "child_id": _derived("facts, signatories and the keys of details name the child"),
        "cpr_hash": _found_by("the number in the details, or of a child in the entries about it"),
        "cpr_hash_b": _found_by("likewise, while the index key is rotated"),
        GONE: _derived("facts, signatories and details name it, and a child is one around itself"),
        MORE: _derived(
            "somebody's details, or a child's own row",
            "the row of a child about whom there is nothing",
        ),
    },
    "person_details": {
        "organisation_id": _DETAILS_KEY,
        "person_id": _DETAILS_KEY,
        "data_key_id": _DETAILS_KEY,
        "sealed": _entry(
            "the SHA-256 of what opens, in the newest consent_requested or custody_changed"
        ),
        "entry_id": _entry("the newest entry about the person"),
        GONE: _derived("every signatory's are there; facts and statements need them"),
        MORE: _DETAILS_KEY,
    },
    "fact": {
        "child_id": _FACT,
        "seq": _FACT,
        "at": _FACT,
        "kind": _FACT,
        "controller_id": _FACT,
        "consent_id": _FACT,
        "person_id": _FACT,
        "payload": _FACT,
        "entry_id": _FACT,
        GONE: _FACT,
        MORE: _FACT,
    },
    "data_key": {
        "id": _opened("sealed for this id"),
        "organisation_id": _MADE,
        "child_id": _MADE,
        "wrapped": _opened("sealed under the key-encryption key, for this id"),
        "created_at": _MADE,
        GONE: _derived("whatever is under it does not open"),
        MORE: _harmless(
            "only one that was there once opens, and nothing is under it any more; `audit verify`"
            " names one that the anchor's journal has as destroyed"
        ),
    },
    "key_state": {
        "id": _derived("the one row"),
        "index_slot": _derived("a slot whose key the file has, and every hash is there"),
        "index_phase": _derived("a step that can be, with these keys"),
        "index_key": _derived("the key of that slot", _FENCE),
        "index_filling": _derived("the key of the other slot, while it is filled"),
        "wrapping_key": _derived("a key of the file", _FENCE),
        GONE: _derived("the one row"),
        MORE: _harmless("the table holds no second row"),
    },
}

_CONSENTS: Mapping[str, Columns] = {
    "consent": {
        "id": _REQUEST_FACT,
        "controller_id": _REQUEST_FACT,
        "child_id": _REQUEST_FACT,
        "data_key_id": _TERMS,
        "template_id": _TERMS,
        "template_version": _TERMS,
        "case_reference": _entry("consent_requested: case_reference"),
        "deadline": _entry("consent_requested: deadline"),
        "created_at": _REQUEST_FACT,
        "terms_sha256": _REQUEST_FACT,
        "terms_sealed": _TERMS,
        GONE: _REQUEST_FACT,
        MORE: _REQUEST_FACT,
    },
    "consent_party": {
        "organisation_id": _REQUEST_FACT,
        "consent_id": _REQUEST_FACT,
        GONE: _REQUEST_FACT,
        MORE: _REQUEST_FACT,
    },
    "signatory": {
        "id": _SIGNATORY,
        "consent_id": _SIGNATORY,
        "person_id": _SIGNATORY,
        "role": _SIGNATORY,
        "entry_id": _SIGNATORY,
        GONE: _SIGNATORY,
        MORE: _SIGNATORY,
    },
    "link": {
        "token_hash": _LINK,
        "signatory_id": _LINK,
        "created_at": _LINK,
        "opened_at": _entry(
            "link_opened: the link by its hash, when",
            "which of several times it was opened at; only whether it was is told",
        ),
        "replaced_at": _entry("the next link_issued to the same signatory"),
        "entry_id": _LINK,
        GONE: _LINK,
        MORE: _LINK,
    },
    "statement": {
        "sha256": _STATEMENT,
        "consent_id": _STATEMENT,
        "signatory_id": _STATEMENT,
        "entry_id": _STATEMENT,
        "data_key_id": _opened("what is sealed opens under this key alone"),
        "seal_sealed": _opened("the seal, and its SHA-256 in the entry"),
        "evidence_sealed": _opened("the salt of the person that the statement commits to"),
        GONE: _STATEMENT,
        MORE: _STATEMENT,
    },
    "signing_session": {
        "id_hash": _SIGNING_SESSION,
        "link_hash": _SIGNING_SESSION,
        "data_key_id": _SIGNING_SESSION,
        "created_at": _SIGNING_SESSION,
        "sealed": _SIGNING_SESSION,
        GONE: _at_use("whose session is gone follows the link again"),
        MORE: _SIGNING_SESSION,
    },
    "retention_rule": {
        "organisation_id": _RULE,
        "consents_years": _RULE,
        "log_years": _RULE,
        "set_at": _RULE,
        GONE: _RULE,
        MORE: _RULE,
    },
}

_LOG: Mapping[str, Columns] = {
    "log_header": {
        "entry_id": _tree("the header's bytes say it, and hash to a leaf"),
        "time": _derived("the header's bytes say it"),
        "header": _tree("its hash is a leaf of the tree, or what waits was promised"),
        "leaf": _tree("the hash of the header"),
        "promise": _tree("its signature, for this header"),
        GONE: _tree("every leaf and everything that waits has its header"),
        MORE: _tree("every header is in the tree, waits, or was rejected"),
    },
    "log_body": {
        "entry_id": _opened("sealed for this entry; the commitment in its header"),
        "data_key_id": _opened("sealed under this key"),
        "sealed": _opened("the commitment in its header"),
        "time": _BODY,
        "controller_id": _BODY,
        "organisation_id": _BODY,
        "recipient_id": _BODY,
        "type": _BODY,
        "outcome": _BODY,
        "consent_id": _BODY,
        "about_id": _BODY,
        "employee_hash": _found_by("the employee whom the body names"),
        "employee_hash_b": _found_by("likewise, while the index key is rotated"),
        GONE: _tree("every entry has its body, or an erasure in the tree lists it"),
        MORE: _tree("every body has its header, and no erasure lists it"),
    },
    "log_pending": {
        "entry_id": _tree("every header is in the tree, waits, or was rejected"),
        "time": _derived("the header's bytes say it"),
        GONE: _tree("every header is in the tree, waits, or was rejected"),
        MORE: _tree("what waits has a header and a promise, and is not in the tree"),
    },
    "log_rejected": {
        "entry_id": _tree("whatever was rejected is reported"),
        "reason": _tree("whatever was rejected is reported"),
        "rejected_at": _tree("whatever was rejected is reported"),
        GONE: _tree("every header is in the tree, waits, or was rejected"),
        MORE: _tree("whatever was rejected is reported"),
    },
    "log_leaf": {
        "index": _tree("the roots"),
        "entry_id": _tree("the header of that entry hashes to the leaf"),
        "leaf": _tree("the roots"),
        GONE: _tree("the roots"),
        MORE: _tree("the roots"),
    },
    "log_node": {
        "level": _tree("computed from the leaves"),
        "index": _tree("computed from the leaves"),
        "hash": _tree("computed from the leaves"),
        GONE: _tree("computed from the leaves"),
        MORE: _tree("computed from the leaves"),
    },
    "log_erased": {
        "entry_id": _tree("the count and SHA-256 of the list, in the erasure's header"),
        "erasure_id": _tree("the count and SHA-256 of the list, in the erasure's header"),
        "leaf": _tree("the count and SHA-256 of the list, in the erasure's header"),
        GONE: _tree("the count and SHA-256 of the list, in the erasure's header"),
        MORE: _tree("the count and SHA-256 of the list, in the erasure's header"),
    },
    "log_head": {
        "size": _tree("the roots"),
        "previous": _tree("the head before it"),
        "root": _tree("computed from the leaves"),
        "time": Voucher(
            "tree",
            "the checkpoint of the same size; else the entries in it, and its neighbours",
            "one without a checkpoint can be moved between its neighbours: what is asked of it is"
            " whether something was integrated in time",
        ),
        GONE: _CHECKPOINT,
        MORE: _tree("computed from the leaves"),
    },
    "log_checkpoint": {
        "size": _CHECKPOINT,
        "previous": _tree("the checkpoint before it"),
        "note": _CHECKPOINT,
        GONE: _CHECKPOINT,
        MORE: _CHECKPOINT,
    },
    "log_origin": {
        "first_index": _NAME,
        "origin": _NAME,
        "predecessor": _tree("its signature; what the tree still has of it"),
        GONE: _NAME,
        MORE: _NAME,
    },
    "log_sequencer": {
        "id": _derived("the one row"),
        GONE: _derived("the one row"),
        MORE: _derived("the one row"),
    },
}

_ACCESS: Mapping[str, Columns] = {
    "client": {
        "id": _SET,
        "organisation_id": _SET,
        "scopes": _SET,
        "auth_method": _SET,
        "created_at": _SET,
        "suspended_at": _SET,
        GONE: _SET,
        MORE: _SET,
    },
    "client_key": {
        "client_id": _SET,
        "kid": _SET,
        "jwk": _SET,
        "added_at": _SET,
        GONE: _SET,
        MORE: _SET,
    },
    "client_secret": {
        "id": _SET,
        "client_id": _SET,
        "sha256": _SET,
        "created_at": _SET,
        GONE: _SET,
        MORE: _SET,
    },
    "client_revocation": {
        "issuer": _SET,
        "client_id": _SET,
        "revoked_at": _SET,
        GONE: _SET,
        MORE: _SET,
    },
    "client_epoch": {"id": _SET, "epoch": _SET, "mac": _SET, GONE: _SET, MORE: _SET},
    "used_assertion": {
        column: _harmless(
            "an assertion lives for minutes, was sent to us alone and stands nowhere here: who has"
            " it from elsewhere can use it once more until it expires"
        )
        for column in ("digest", "expires_at", GONE, MORE)
    },
    "failed_attempt": {
        column: _harmless(
            "it delays who fails, never who is right, and there is nothing to guess: secrets have"
            " 256 bits"
        )
        for column in ("key_hash", "count", "expires_at", GONE, MORE)
    },
    "staff_login": {
        "state_hash": _at_use("sealed for this state; found by its keyed hash"),
        "browser_hash": _at_use("sealed for this browser; found by its keyed hash"),
        "data_key_id": _at_use("sealed under this key"),
        "created_at": _at_use("sealed for this time"),
        "used_at": _at_use(
            "what says it was used is refused; where that is emptied, the provider still takes the"
            " code of a login once"
        ),
        "sealed": _at_use("opens under the organisation's own key alone"),
        GONE: _at_use("whose login is gone is refused, and begins again"),
        MORE: _at_use("sealed for its state, browser and time"),
    },
    "staff_session": {
        "token_hash": _STAFF_SESSION,
        "subject_hash": _STAFF_SESSION,
        "provider_session_hash": _STAFF_SESSION,
        "organisation_id": _STAFF_SESSION,
        "roles": _STAFF_SESSION,
        "data_key_id": _STAFF_SESSION,
        "created_at": _STAFF_SESSION,
        "last_seen_at": _STAFF_SESSION,
        "previous_login_at": _STAFF_SESSION,
        "ended_at": _STAFF_SESSION,
        "sealed": _STAFF_SESSION,
        GONE: _at_use("whose session is gone logs in again"),
        MORE: _STAFF_SESSION,
    },
    "kept_answer": {
        "key_hash": _KEPT_ANSWER,
        "body_hash": _KEPT_ANSWER,
        "status": _KEPT_ANSWER,
        "sealed": _KEPT_ANSWER,
        "created_at": _at_use(
            "older than a day it is forgotten; one that is dated anew is told again, to the same"
            " client, key and body alone"
        ),
        "replays": _harmless("what is replayed is decided again, however often"),
        "data_key_id": _harmless("by it an erasure finds the answer, which lives for a day"),
        GONE: _harmless("a request whose answer is gone is a new one"),
        MORE: _KEPT_ANSWER,
    },
}

VOUCHERS: Mapping[str, Columns] = {**_CATALOGUE, **_CHILDREN, **_CONSENTS, **_LOG, **_ACCESS}
"""By table and column, GONE and MORE among them."""
