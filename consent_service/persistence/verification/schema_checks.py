"""Every table is a table, so that whoever reads it reads the same.

What a verification reads is only worth something if it is what decisions read. The owner of the
database can put a view, a rule or a policy in a table's place, which shows one thing to the service
and another to a verification; and on SQLite an index that lacks a row, so that whoever looks by it
finds nothing.
"""

from collections.abc import Iterator
from typing import ClassVar

import sqlalchemy as sa

from consent_service.audit.finding import Finding
from consent_service.persistence.kernel.metadata import metadata
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks

_SQLITE = sa.table(
    "sqlite_master",
    sa.column("type", sa.String),
    sa.column("name", sa.String),
    sa.column("rootpage", sa.Integer),
)
_POSTGRES = sa.table(
    "pg_class",
    sa.column("oid", sa.Integer),
    sa.column("relname", sa.String),
    sa.column("relkind", sa.String),
    sa.column("relrowsecurity", sa.Boolean),
    sa.column("relhasrules", sa.Boolean),
    sa.column("relhassubclass", sa.Boolean),
)
_OF_ROWS = ("CHECK constraint failed", "NULL value in", "non-unique entry")
"""What SQLite says of the values in rows, which are compared row by row elsewhere."""


class SchemaChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar[frozenset[str]] = frozenset()

    def findings(self) -> Iterator[Finding]:
        is_sqlite = self._reading.dialect == "sqlite"
        ordinary = set(self._sqlite_tables() if is_sqlite else self._postgres_tables())
        self._checked = len(metadata.tables)
        for name in sorted(metadata.tables.keys() - ordinary):
            detail = "not a table alone: each reader may be shown something else"
            yield Finding("schema_changed", f"table {name}", detail)
        if is_sqlite:
            yield from self._indexes()

    def checked(self) -> Iterator[str]:
        yield f"{self._checked} tables, which show every reader the same"

    def _sqlite_tables(self) -> Iterator[str]:
        """A virtual table has no pages of its own."""
        query = sa.select(_SQLITE.c.name).where(_SQLITE.c.type == "table", _SQLITE.c.rootpage > 0)
        for row in self._reading.rows(query, "schema_changed", "schema"):
            yield row.name

    def _postgres_tables(self) -> Iterator[str]:
        """Those that a name without a schema means."""
        query = sa.select(_POSTGRES.c.relname).where(
            _POSTGRES.c.relname.in_(sorted(metadata.tables)),
            sa.func.pg_table_is_visible(_POSTGRES.c.oid),
            _POSTGRES.c.relkind == "r",
            ~_POSTGRES.c.relrowsecurity,
            ~_POSTGRES.c.relhasrules,
            ~_POSTGRES.c.relhassubclass,
        )
        for row in self._reading.rows(query, "schema_changed", "schema"):
            yield row.relname

    def _indexes(self) -> Iterator[Finding]:
        said = sa.func.pragma_integrity_check().table_valued(
            sa.column("integrity_check", sa.String)
        )
        for row in self._reading.rows(sa.select(said), "schema_changed", "indexes"):
            if row.integrity_check != "ok" and not row.integrity_check.startswith(_OF_ROWS):
                yield Finding("schema_changed", "SQLite's own check", row.integrity_check)
