"""The receipt as a JSON document: what a signer or a party keeps for years.

All bytes are base64url, except the hashes of an inclusion path, which are base64 as in
every other tool for transparency logs. The form, version 1:

    {v, terms, checkpoint?, statements: [
        {seal, shown?: {language, text}, opening?: {salt, cpr},
         log: {header, body, salt, promise, proof?: {index, path, checkpoint?}}}]}

A proof without a checkpoint of its own is under the receipt's.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from consent_service.audit.merkle import HASH_BYTES
from consent_service.audit.note import InvalidNote, decode_base64
from consent_service.errors import ConsentServiceError
from consent_service.signing import base64url
from consent_service.signing.members import Members
from consent_service.signing.strict_json import NotJson, parse_json

LARGEST_RECEIPT = 4 * 1024 * 1024
"""Bytes."""

_LONGEST_PATH = 64


class InvalidReceipt(ConsentServiceError):
    """The document is not a receipt of the one form there is."""

    code = "invalid_receipt"


@dataclass(frozen=True)
class ShownText:
    """The text as the signer saw it; its SHA-256 over UTF-8 is in the statement."""

    language: str
    text: str


@dataclass(frozen=True)
class PersonOpening:
    """What opens a statement's person commitment. Only in the signer's own receipt."""

    salt: bytes = field(repr=False)
    cpr: str = field(repr=False)


@dataclass(frozen=True)
class InclusionProof:
    """An inclusion path (RFC 9162 § 2.1.3), and the signed note it leads to."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str | None = None


@dataclass(frozen=True)
class LogEvidence:
    """A seal's log entry: header, opened body and salt, the promise and perhaps the proof."""

    header: bytes
    body: bytes
    salt: bytes = field(repr=False)
    promise: str
    proof: InclusionProof | None = None


@dataclass(frozen=True)
class SealedAct:
    """One act of a signer with all its evidence."""

    seal: str
    log: LogEvidence
    shown: ShownText | None = None
    opening: PersonOpening | None = None


@dataclass(frozen=True)
class Receipt:
    """The canonical terms, the acts under them, and a checkpoint of the log."""

    terms: bytes
    statements: tuple[SealedAct, ...]
    checkpoint: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The document, ready for `json.dumps`."""
        document: dict[str, Any] = {
            "v": 1,
            "terms": base64url.encode(self.terms),
            "statements": [_act_json(act) for act in self.statements],
        }
        return document | _unless_none("checkpoint", self.checkpoint)

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | bytes) -> Self:
        """Read what `to_json` wrote, as bytes in any spelling. Raises InvalidReceipt."""
        value = _parse(document) if isinstance(document, bytes) else dict(document)
        required = ("v", "terms", "statements")
        members = Members(value, required, ("checkpoint",), refusal=InvalidReceipt)
        members.one_of("v", (1,))
        statements = tuple(_act(one) for one in members.items("statements"))
        if not statements:
            raise InvalidReceipt("a receipt without a statement")
        checkpoint = members.text("checkpoint") if "checkpoint" in members else None
        return cls(members.base64url("terms"), statements, checkpoint)


def _act_json(act: SealedAct) -> dict[str, Any]:
    value: dict[str, Any] = {"seal": act.seal, "log": _log_json(act.log)}
    if act.shown is not None:
        value["shown"] = {"language": act.shown.language, "text": act.shown.text}
    if act.opening is not None:
        value["opening"] = {"salt": base64url.encode(act.opening.salt), "cpr": act.opening.cpr}
    return value


def _log_json(log: LogEvidence) -> dict[str, Any]:
    value: dict[str, Any] = {
        "header": base64url.encode(log.header),
        "body": base64url.encode(log.body),
        "salt": base64url.encode(log.salt),
        "promise": log.promise,
    }
    if log.proof is not None:
        value["proof"] = {
            "index": log.proof.index,
            "path": [base64.b64encode(one).decode("ascii") for one in log.proof.path],
        } | _unless_none("checkpoint", log.proof.checkpoint)
    return value


def _unless_none(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


def _parse(document: bytes) -> Any:
    if len(document) > LARGEST_RECEIPT:
        raise InvalidReceipt("too large for a receipt")
    try:
        return parse_json(document)
    except NotJson as wrong:
        raise InvalidReceipt(wrong.detail) from None


def _act(value: Any) -> SealedAct:
    members = Members(value, ("seal", "log"), ("shown", "opening"), refusal=InvalidReceipt)
    return SealedAct(
        seal=members.text("seal"),
        log=read_evidence(members.raw("log")),
        shown=_shown(members.raw("shown")) if "shown" in members else None,
        opening=_opening(members.raw("opening")) if "opening" in members else None,
    )


def read_evidence(value: Any) -> LogEvidence:
    """An entry's evidence as receipts and exports hold it. Raises InvalidReceipt."""
    required = ("header", "body", "salt", "promise")
    members = Members(value, required, ("proof",), refusal=InvalidReceipt)
    return LogEvidence(
        header=members.base64url("header"),
        body=members.base64url("body"),
        salt=members.base64url("salt"),
        promise=members.text("promise"),
        proof=_proof(members.raw("proof")) if "proof" in members else None,
    )


def _proof(value: Any) -> InclusionProof:
    members = Members(value, ("index", "path"), ("checkpoint",), refusal=InvalidReceipt)
    path = members.items("path")
    if len(path) > _LONGEST_PATH:
        raise InvalidReceipt("path is too long")
    checkpoint = members.text("checkpoint") if "checkpoint" in members else None
    return InclusionProof(members.integer("index"), tuple(map(_hash, path)), checkpoint)


def _hash(value: Any) -> bytes:
    try:
        data = decode_base64(value) if isinstance(value, str) else b""
    except InvalidNote:
        data = b""
    if len(data) != HASH_BYTES:
        raise InvalidReceipt("path is not an array of hashes in base64")
    return data


def _shown(value: Any) -> ShownText:
    members = Members(value, ("language", "text"), refusal=InvalidReceipt)
    return ShownText(members.text("language"), members.text("text"))


def _opening(value: Any) -> PersonOpening:
    members = Members(value, ("salt", "cpr"), refusal=InvalidReceipt)
    return PersonOpening(members.base64url("salt"), members.text("cpr"))
