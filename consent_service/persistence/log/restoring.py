"""The anchor's side of a restore: what the database has forgotten, and the anchor that follows.

The database is older than the anchor, so the two contradict each other until the log has its new
name in the one and the other. In between, whoever starts again goes on from where it stopped.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection, Engine

from consent_service.audit.checkpoint import Checkpoint, verify_checkpoint
from consent_service.audit.entry import InvalidEntry, parse_header
from consent_service.audit.origins import OriginRow
from consent_service.errors import ConsentServiceError, LogContradicted, Misconfigured
from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.guard import Guard
from consent_service.persistence.log.log_identity import LogIdentity
from consent_service.persistence.log.signer import Signer
from consent_service.persistence.log.tree_rows import (
    Head,
    Pending,
    began_at,
    leaves_between,
    newest_entry,
    newest_head,
    origin_rows,
    stored_frontier,
)


@dataclass(frozen=True)
class Standing:
    """How far a restore has come: what the anchor holds, and what the database is called.

    `ends` is when the copy's newest entry was made. `is_named`: the database has the new name
    already, and only the anchor is left. `agrees`: the database holds all that the anchor says, so
    that nothing shows that it is an older copy.
    """

    note: str
    anchored: Checkpoint
    name: str
    ends: datetime
    is_named: bool
    agrees: bool


def standing(engine: Engine, anchor: Anchor, guard: Guard, identity: LogIdentity) -> Standing:
    """Look, with the anchor's lock held. Raises Misconfigured for what cannot be restored."""
    note = anchor.read()
    if note is None:
        raise Misconfigured(
            f"the log's anchor {anchor.path} (CONSENT_LOG_ANCHOR_FILE) is missing: put it back"
        )
    anchored = guard.anchored()
    with engine.connect() as connection:
        names, head = origin_rows(connection), newest_head(connection)
        entry = newest_entry(connection)
        frontier = stored_frontier(connection, anchored.size)
        name = names[-1].origin if names else None
        is_named = name == identity.origin and names[-1].predecessor == note
        if is_named:
            _check_ours(connection, names[-1], head, identity)
    if entry is None:
        raise Misconfigured("the log of this database has not begun: there is nothing to restore")
    name = name or _log_of(entry)
    used = {anchored.origin, name, *(row.origin for row in names)}
    if not is_named and identity.origin in used:
        raise Misconfigured(
            f"CONSENT_LOG_ORIGIN is {identity.origin!r}, which this log has been called before: "
            "what was signed under that name is lost, so choose another for what follows"
        )
    is_as_long = head is not None and head.size >= anchored.size and frontier is not None
    agrees = is_as_long and frontier is not None and frontier.root() == anchored.root
    return Standing(note, anchored, name, entry.time, is_named, agrees)


def _log_of(entry: Pending) -> str:
    try:
        return parse_header(entry.header).log
    except InvalidEntry:
        raise Misconfigured("the log of this copy does not verify: nothing was changed") from None


def _check_ours(
    connection: Connection, row: OriginRow, head: Head | None, identity: LogIdentity
) -> None:
    """That a name was begun by us: its first entry is proven, and promised. Raises Misconfigured.

    Else whoever guesses the name and knows the newest checkpoint has a restore pass over all it is
    for.
    """
    first = next(leaves_between(connection, row.first_index, row.first_index + 1), None)
    try:
        if head is None or first is None or first.entry is None:
            raise LogContradicted("it is not there")
        began_at(connection, row, head)
        identity.check_promised(first.entry)
    except ConsentServiceError as wrong:
        raise Misconfigured(
            f"the database's log is called {row.origin!r} already, and no restore of ours began "
            f"that: somebody wrote it ({wrong.detail or wrong.code})"
        ) from None


def anchor_new_name(
    engine: Engine, anchor: Anchor, identity: LogIdentity, signer: Signer
) -> Checkpoint:
    """Anchor the newest head under the name that the database has now: the restore is over.

    No anchor says from where on it is to be believed, so all of it is looked at again.
    Raises Misconfigured.
    """
    with engine.connect() as connection:
        head = newest_head(connection)
        if head is None:
            raise Misconfigured("the log of this database has not begun: nothing to restore")
        try:
            signer.check_whole(connection, head)
        except LogContradicted as found:
            raise Misconfigured(f"the log of this database is not signed: {found.detail}") from None
    note, _ = identity.sign(head)
    anchor.write(note)
    return verify_checkpoint(note, identity.origin, identity.published)
