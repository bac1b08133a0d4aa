"""The log: what stays for good, what erasing takes, and the queue between the two."""

import sqlalchemy as sa

from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.metadata import Id, Slug, metadata
from consent_service.services.log.model import CUSTODY_TO_CHECK

DISCLOSURE = "disclosure"
"""The type of the entries that a recipient may read."""

RECEIVED = f"type = '{DISCLOSURE}' AND outcome <> 'denied'"
"""Of which entries that is: what was denied never arrived."""

_TO_CHECK = sa.text(f"type = '{CUSTODY_TO_CHECK}'")

EMPLOYEE_HASHES = ("employee_hash", "employee_hash_b")


def _index(*columns: str, where: str | None = None) -> sa.Index:
    """An index of the log's bodies; on PostgreSQL only of those that its queries ask for.

    SQLite has it of all: it takes no index with a condition for a side of an OR.
    """
    condition = None if where is None else sa.text(where)
    return sa.Index(f"ix_log_body_{'_'.join(columns)}", *columns, postgresql_where=condition)


log_header = sa.Table(
    "log_header",
    metadata,
    sa.Column("entry_id", Id, primary_key=True),
    sa.Column("time", Instant, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Column("promise", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)


log_body = sa.Table(
    "log_body",
    metadata,
    # No foreign key to the header: both are written by one statement and verified both ways.
    sa.Column("entry_id", Id, primary_key=True),
    # This one erasing rests on: a data key goes only when nothing is under it.
    sa.Column("data_key_id", Id, sa.ForeignKey("data_key.id"), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("time", Instant, nullable=False),
    # The owner of the data key, whose foreign key says that it exists.
    sa.Column("controller_id", Slug, nullable=False),
    sa.Column("organisation_id", Slug, nullable=False),
    sa.Column("recipient_id", Slug),
    sa.Column("type", sa.String(40), nullable=False),
    sa.Column("outcome", sa.String(16)),
    sa.Column("consent_id", Id),
    sa.Column("about_id", Id),
    # Its second slot: see `keys.index_slots`.
    sa.Column("employee_hash", sa.LargeBinary),
    sa.Column("employee_hash_b", sa.LargeBinary),
    # Every disclosure and decision pays for each of these: what none of these queries asks for
    # has no index. A child is found by its data keys, of which each controller has one for it.
    _index(
        "data_key_id", "entry_id"
    ),  # what is about a child or under a consent; what a key still has
    _index("controller_id", "entry_id"),  # a controller's log, page by page
    # What an organisation did in the log of another, page by page.
    _index("organisation_id", "entry_id", where="organisation_id <> controller_id"),
    # What an organisation received, page by page.
    _index("recipient_id", "entry_id", where=RECEIVED),
    # What an employee did: a hash in the one slot or the other; an empty one costs nothing.
    *(_index(slot, "entry_id", where=f"{slot} IS NOT NULL") for slot in EMPLOYEE_HASHES),
    _index("about_id", where="about_id IS NOT NULL"),  # what was reported of a disclosure
    # What a controller has to check, page by page: few rows, and no other entry pays for them.
    sa.Index(
        f"ix_log_body_{CUSTODY_TO_CHECK}",
        "controller_id",
        "entry_id",
        postgresql_where=_TO_CHECK,
        sqlite_where=_TO_CHECK,
    ),
)


log_pending = sa.Table(
    "log_pending",
    metadata,
    # A queue without an index: it is short, and its rows are taken by where they lie. An index
    # would lead the planner through all that was ever taken since the last VACUUM.
    sa.Column("entry_id", Id, nullable=False),
    sa.Column("time", Instant, nullable=False),
)


log_rejected = sa.Table(
    "log_rejected",
    metadata,
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rejected_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)


log_leaf = sa.Table(
    "log_leaf",
    metadata,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry_id", Id, nullable=False, unique=True),
    sa.Column("leaf", sa.LargeBinary, nullable=False, index=True),
    sqlite_with_rowid=False,
)


log_node = sa.Table(
    "log_node",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)


log_head = sa.Table(
    "log_head",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    # The size of the head before this one, 0 for the first: one that is taken out leaves a gap.
    sa.Column("previous", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("time", Instant, nullable=False),
    sqlite_with_rowid=False,
)


log_checkpoint = sa.Table(
    "log_checkpoint",
    metadata,
    sa.Column(
        "size", sa.BigInteger, sa.ForeignKey("log_head.size"), primary_key=True, autoincrement=False
    ),
    # As in a head: the size of the checkpoint before this one.
    sa.Column("previous", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)


log_origin = sa.Table(
    "log_origin",
    metadata,
    # The entries from this position on, and the checkpoints that hold one of them, are of this log.
    sa.Column("first_index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.Text, nullable=False),
    # The last checkpoint known of the log before, where there was one.
    sa.Column("predecessor", sa.Text),
    sqlite_with_rowid=False,
)


log_sequencer = sa.Table(
    "log_sequencer",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)


log_erased = sa.Table(
    "log_erased",
    metadata,
    sa.Column("entry_id", Id, sa.ForeignKey("log_header.entry_id"), primary_key=True),
    sa.Column("erasure_id", Id, sa.ForeignKey("log_header.entry_id"), nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Index("ix_log_erased_erasure_id", "erasure_id"),
    sqlite_with_rowid=False,
)
