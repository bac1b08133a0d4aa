"""The organisation's seal on a statement: evidence of an authenticated act.

It is the organisation's key, not the signer's, and says no more than that the service
recorded this act of a person it had identified.
"""

from dataclasses import dataclass
from datetime import datetime

from consent_service.signing import jws
from consent_service.signing.keys import InvalidSignature, KeySet, PublishedKey
from consent_service.signing.schedule import Signer
from consent_service.signing.statement import InvalidStatement, Statement

TYP = "consent-statement+jws"


class InvalidSeal(InvalidSignature):
    """The seal does not count: what is sealed, or when, is wrong."""

    code = "invalid_seal"


@dataclass(frozen=True)
class SealedStatement:
    """A statement with the exact bytes sealed and the published key that sealed them."""

    statement: Statement
    payload: bytes
    key: PublishedKey

    @property
    def needs_log_time_before(self) -> datetime | None:
        """The instant before which the log must have held this, if the key was compromised.

        A thief can write any time into a statement, but not into a tree signed earlier.
        """
        return self.key.compromised_at


def seal_statement(statement: bytes, signer: Signer) -> str:
    """The compact JWS that seals a statement's canonical bytes, by the key of its time.

    Seals only what reads back as a statement. Raises InvalidStatement, NoKey, and InvalidSeal
    for a key with another use.
    """
    key = signer.at(Statement.from_bytes(statement).time)
    if key.use != "seal":
        raise InvalidSeal("a seal needs a seal key")
    return jws.sign(statement, key, TYP)


def verify_seal(seal: str, keys: KeySet) -> SealedStatement:
    """The statement under a seal that counts: its key was valid at the statement's time.

    The caller must still honour `needs_log_time_before`. Raises InvalidSignature or one
    of its kinds.
    """
    verified = jws.verify(seal, keys, TYP, "seal")
    try:
        statement = Statement.from_bytes(verified.payload)
    except InvalidStatement as wrong:
        raise InvalidSeal(wrong.detail) from None
    if not verified.key.is_valid_at(statement.time):
        raise InvalidSeal("the key was not valid at the time of the statement")
    return SealedStatement(statement, verified.payload, verified.key)
