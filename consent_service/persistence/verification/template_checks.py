"""Templates, compared with the entries of their publication, both ways.

 1. Every version's content has the hash it is kept under, and its entry, in the tree or waiting,
    says that its organisation published that, at that time.
 2. Whatever an entry publishes is there.

So a version that somebody put there, whereby others would have to sign, is found and named; until
then it is not used (`persistence.catalogue.catalogue_store`).
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import SALT_BYTES, InvalidEntry, parse_header
from consent_service.audit.finding import Finding
from consent_service.errors import Unreadable
from consent_service.persistence.catalogue.tables import template_version
from consent_service.persistence.catalogue.vouching import is_vouched_for
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body, log_header, log_leaf, log_pending
from consent_service.persistence.verification.checks import DatabaseChecks
from consent_service.persistence.verification.column_checks import open_body
from consent_service.persistence.verification.snapshot_checks import SnapshotChecks
from consent_service.persistence.verification.vouchers import covered_whole
from consent_service.services.catalogue.model import TEMPLATE_PUBLISHED


class TemplateChecks(SnapshotChecks):
    """The checks of this module over one snapshot."""

    COVERS: ClassVar = covered_whole(template_version)

    def findings(self) -> Iterator[Finding]:
        templates = self._reading.rows(_templates_query(), "fact_mismatch", "template")
        for row, wrong in self._spread.each(wrong_template, templates):
            self._checked += 1
            if wrong is not None:
                place = f"template {row.organisation_id}/{row.id}/{row.version}"
                yield Finding("fact_mismatch", place, wrong)
        query = (
            sa.select(log_body.c.entry_id, log_leaf.c.index.label("position"))
            .select_from(log_body)
            .outerjoin(template_version, template_version.c.entry_id == log_body.c.entry_id)
            .outerjoin(log_leaf, log_leaf.c.entry_id == log_body.c.entry_id)
            .where(log_body.c.type == TEMPLATE_PUBLISHED, template_version.c.entry_id.is_(None))
            .order_by(log_body.c.entry_id)
        )
        for row in self._reading.rows(query, "fact_mismatch", "entry"):
            where = "pending" if row.position is None else row.position
            place = f"body {where} (entry {row.entry_id})"
            yield Finding("fact_mismatch", place, "the template it publishes is not there")

    def checked(self) -> Iterator[str]:
        said = "both ways" if self._opens else "which are not opened"
        yield f"{self._checked} versions of templates and their entries, {said}"


def wrong_template(checks: DatabaseChecks, row: Row[Any]) -> str | None:
    """What is wrong with one version, or None."""
    if hashlib.sha256(row.content).hexdigest() != row.sha256:
        return "its content has another hash"
    if row.header is None:
        return "the entry it names is not there"
    if row.position is None and row.pending is None:
        return "the entry it names is neither in the tree nor waiting"
    try:
        header = parse_header(row.header)
    except InvalidEntry:
        return "the header of its entry cannot be read"
    if (header.controller, header.time) != (row.organisation_id, row.published_at):
        return "its entry is of another organisation or time"
    if checks.opened is None:
        return None
    try:
        body = json.loads(open_body(checks.opened[0], row)[SALT_BYTES:])
    except (Unreadable, ValueError):
        return "the body of its entry cannot be read"
    return None if is_vouched_for(row, body) else "not what its entry publishes"


def _templates_query() -> sa.Select[Any]:
    return (
        sa.select(
            template_version,
            log_header.c.header,
            log_body.c.data_key_id,
            log_body.c.sealed,
            data_key.c.wrapped,
            log_leaf.c.index.label("position"),
            log_pending.c.entry_id.label("pending"),
        )
        .select_from(template_version)
        .outerjoin(log_header, log_header.c.entry_id == template_version.c.entry_id)
        .outerjoin(log_body, log_body.c.entry_id == template_version.c.entry_id)
        .outerjoin(data_key, data_key.c.id == log_body.c.data_key_id)
        .outerjoin(log_leaf, log_leaf.c.entry_id == template_version.c.entry_id)
        .outerjoin(log_pending, log_pending.c.entry_id == template_version.c.entry_id)
    )
