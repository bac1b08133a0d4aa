"""Every table there is, and which of them only grow.

Personal data stands in `sealed` columns only (see `keys.sealing`). Three kinds of table:
append-only ones (the database itself refuses to change a row), erasable ones that hold what is
known about people, and a few that change.
"""

from consent_service.persistence.access.tables import client_revocation
from consent_service.persistence.catalogue.tables import (
    category,
    purpose,
    purpose_overlap,
    template_version,
)
from consent_service.persistence.children.tables import fact
from consent_service.persistence.consents import tables as _consents  # noqa: F401 - declares its tables
from consent_service.persistence.idempotency import tables as _idempotency  # noqa: F401 - likewise
from consent_service.persistence.kernel.metadata import metadata
from consent_service.persistence.keys import tables as _keys  # noqa: F401 - likewise
from consent_service.persistence.log.tables import (
    log_checkpoint,
    log_erased,
    log_head,
    log_header,
    log_leaf,
    log_node,
    log_origin,
    log_rejected,
)
from consent_service.persistence.rights import tables as _rights  # noqa: F401 - likewise
from consent_service.persistence.signatures import tables as _signatures  # noqa: F401 - likewise

__all__ = ["APPEND_ONLY", "metadata"]

APPEND_ONLY = (
    template_version,
    purpose,
    purpose_overlap,
    category,
    fact,
    log_header,
    log_leaf,
    log_node,
    log_head,
    log_checkpoint,
    log_origin,
    log_rejected,
    client_revocation,
    log_erased,
)
"""Refused by the database: UPDATE, DELETE, TRUNCATE, and INSERT over an existing key.

One exception: a fact may be deleted once an erasure in the tree lists its entry.

On SQLite they have no hidden row number either, by which a row could still be replaced.
"""
