"""Repeated requests happen once: `Idempotency-Key`, and the answer kept for it for 24 hours.

Kept are an HMAC of the key (with who asked what), an HMAC of the body, and the answer encrypted
under a key derived from the Idempotency-Key and a secret of the service. So neither the database
alone nor a key that somebody guesses opens it. Its status and the body it answers are authenticated
with it: an answer is replayed as it was given, or not at all.
"""

import json
import os
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Response, request

from consent_service.errors import (
    Conflict,
    ConsentServiceError,
    InvalidInput,
    Unreadable,
)
from consent_service.persistence.keys.sealing import Index
from consent_service.services.kernel.model import Caller
from consent_service.services.kernel.ports import Answer
from consent_service.services.units import UnitOfWork

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Repeat:
    """One request's Idempotency-Key, bound to who asked what."""

    key_hash: bytes
    body_hash: bytes
    sealing_key: bytes = field(repr=False)

    def answer(self, status: int, content: Any) -> Answer:
        """An answer, sealed for keeping."""
        nonce = os.urandom(_NONCE_BYTES)
        plaintext = json.dumps(content).encode()
        told = _told_with(self.key_hash, self.body_hash, status)
        sealed = nonce + AESGCM(self.sealing_key).encrypt(nonce, plaintext, told)
        return Answer(self.key_hash, self.body_hash, status, sealed)

    def keeps(self, error: ConsentServiceError) -> bool:
        """Whether a refusal is kept: one that the state of things decided.

        Who may ask, what is registered or found, and what is understood by now is asked anew each
        time: a request that was refused for that had no answer yet.
        """
        return isinstance(error, Conflict) and not isinstance(error, _UNDECIDED)

    def open(self, answer: Answer) -> Any:
        """The content of a kept answer. Raises Unreadable."""
        nonce, ciphertext = answer.sealed[:_NONCE_BYTES], answer.sealed[_NONCE_BYTES:]
        told = _told_with(answer.key_hash, answer.body_hash, answer.status)
        try:
            return json.loads(AESGCM(self.sealing_key).decrypt(nonce, ciphertext, told))
        except (InvalidTag, ValueError, TypeError):
            # Not even a nonce or a status.
            raise Unreadable("a kept answer does not decrypt") from None

    def replay(self, uow: UnitOfWork) -> Response | None:
        """The first answer, if this request was answered before.

        Raises StillRunning while the first still runs, KeyReused for another body.
        """
        if not uow.answers.claim(self.key_hash):
            raise StillRunning
        kept = self.find(uow)
        return None if kept is None else replayed(kept.status, self.open(kept))

    def find(self, uow: UnitOfWork) -> Answer | None:
        """The kept answer. Raises KeyReused when it was given for another body, and Unreadable."""
        kept = uow.answers.find(self.key_hash)
        if kept is not None and kept.body_hash != self.body_hash:
            # Whoever changed the hash shall not make another's mistake of it.
            self.open(kept)
            raise KeyReused([], "idempotency_key_reused")
        return kept


def _told_with(key_hash: bytes, body_hash: bytes, status: int) -> bytes:
    """What is authenticated with an answer: two hashes of 32 bytes and three digits."""
    return key_hash + body_hash + b"%d" % status


class KeyReused(InvalidInput):
    """The key was used with another body."""


class StillRunning(Conflict):
    """The first request with this key still runs; this refusal itself is never kept."""

    def __init__(self) -> None:
        super().__init__("idempotency_in_progress", "The first request with this key still runs.")


class Exhausted(Conflict):
    """A permitted disclosure was asked for too often; this refusal itself is never kept."""

    def __init__(self) -> None:
        super().__init__(
            "idempotency_exhausted",
            "This disclosure was asked for too often: ask anew, under another key.",
        )


_UNDECIDED = (StillRunning, Exhausted)
"""Conflicts of a request with its own repetition, which say nothing about what was asked."""


def key_of(
    index: Index,
    rule: Literal["required", "optional", "ignored"],
    caller: Caller,
    body: bytes,
) -> Repeat | None:
    """The Idempotency-Key of this request. Raises InvalidInput when missing or malformed."""
    if rule == "ignored":
        return None
    secret = request.headers.get(HEADER, "")
    if not secret and rule == "optional":
        return None
    if not 1 <= len(secret) <= LONGEST_KEY or not secret.isascii() or not secret.isprintable():
        detail = f"Send the header {HEADER}: 1 to {LONGEST_KEY} printable ASCII characters."
        raise InvalidInput.field("", detail, "idempotency_key_required")
    asked = (
        caller.issuer, caller.organisation, caller.client, request.method, request.path, secret,
    )  # fmt: skip
    sealing_key = index.kept_answer(*asked)
    return Repeat(index.idempotency(*asked), index.request_body(body), sealing_key)


def replayed(status: int, content: Any) -> Response:
    """A kept answer as a response."""
    media_type = "application/json" if status < 400 else "application/problem+json"
    response = Response(json.dumps(content), status=status, mimetype=media_type)
    response.headers["Idempotency-Replayed"] = "true"
    return response
