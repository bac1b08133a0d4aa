"""Making a kept checkpoint the anchor of a log that lost its own: only a person can decide that.

Whatever came after that checkpoint is then believed as far as its entries' promises go: that it was
cut off, nothing here can tell. So the newest checkpoint that anybody kept is the one to take.
"""

from sqlalchemy.engine import Engine

from consent_service.audit.checkpoint import (
    Checkpoint,
    InvalidCheckpoint,
    verify_checkpoint,
)
from consent_service.errors import Misconfigured
from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.log_identity import LogIdentity
from consent_service.persistence.log.tree_rows import stored_frontier


def adopt(engine: Engine, anchor: Anchor, identity: LogIdentity, note: str) -> Checkpoint:
    """Put a checkpoint in the anchor's place, if the log has grown out of it.

    Raises Misconfigured: for another log's, where there is an anchor, or while somebody signs.
    """
    if anchor.read() is not None:
        raise Misconfigured(f"there is an anchor already: {anchor.path}")
    with engine.connect() as connection:
        try:
            # Under the newest name: with one from before a restore no process would start.
            kept = verify_checkpoint(note, identity.origin, identity.published)
        except InvalidCheckpoint as wrong:
            raise Misconfigured(f"this is no checkpoint of this log: {wrong.detail}") from None
        if kept.key.status == "compromised":
            raise Misconfigured("this checkpoint is signed by a key that was compromised")
        frontier = stored_frontier(connection, kept.size)
    if frontier is None or frontier.root() != kept.root:
        raise Misconfigured("the database's log has not grown out of this checkpoint")
    if not anchor.hold():
        raise Misconfigured("another process signs the log: stop the service first")
    try:
        anchor.write(note)
    finally:
        anchor.release()
    return kept
