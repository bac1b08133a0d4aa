"""Organisations and templates: no personal data, nothing encrypted.

A template decides who must sign and what they read. So each version is compared with the entry of
its publication whenever it is read: a row that somebody put there is not used.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.errors import NotVouchedFor
from consent_service.persistence.catalogue.tables import organisation, template_version
from consent_service.persistence.catalogue.vouching import Vouching, is_vouched_for
from consent_service.persistence.kernel.column_types import Instant
from consent_service.services.catalogue.model import (
    Confirmation,
    Organisation,
    TemplateVersion,
)
from consent_service.signing.canonical import canonical_json


class CatalogueStore:
    """Organisations and templates (`services.catalogue.ports.Catalogue`).

    `known` holds ids that are known to exist: an organisation is never deleted. `vouching` opens
    entries of the log.
    """

    def __init__(self, connection: Connection, known: set[str], vouching: Vouching) -> None:
        self._connection = connection
        self._known = known
        self._vouching = vouching

    def add_organisation(self, added: Organisation, now: datetime) -> None:
        self._connection.execute(
            sa.insert(organisation).values(
                id=added.id,
                name=added.name,
                kind=added.kind,
                descriptions=dict(added.descriptions),
                contact=dict(added.contact),
                identifiers=dict(added.identifiers),
                confirmation=added.confirmation,
                created_at=now,
                changed_at=now,
            )
        )

    def organisation(self, organisation_id: str) -> Organisation | None:
        query = sa.select(organisation).where(organisation.c.id == organisation_id)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _organisation(row)

    def hold_organisation(self, organisation_id: str) -> Organisation | None:
        query = sa.select(organisation).where(organisation.c.id == organisation_id)
        # Whoever only refers to the row is not held up.
        row = self._connection.execute(query.with_for_update(key_share=True)).one_or_none()
        return None if row is None else _organisation(row)

    def change_organisation(self, changed: Organisation, now: datetime) -> bool:
        update = (
            sa.update(organisation)
            .where(
                organisation.c.id == changed.id,
                organisation.c.changed_at < sa.literal(now, Instant),
            )
            .values(
                name=changed.name,
                descriptions=dict(changed.descriptions),
                contact=dict(changed.contact),
                identifiers=dict(changed.identifiers),
                confirmation=changed.confirmation,
                changed_at=now,
            )
        )
        return self._connection.execute(update).rowcount == 1

    def hold_confirmation(self, organisation_id: str) -> Confirmation:
        query = sa.select(organisation.c.confirmation).where(organisation.c.id == organisation_id)
        held: Confirmation = self._connection.scalars(query.with_for_update(read=True)).one()
        return held

    def has_organisation(self, organisation_id: str) -> bool:
        if organisation_id in self._known:
            return True
        query = sa.select(organisation.c.id).where(organisation.c.id == organisation_id)
        found = self._connection.scalar(query) is not None
        if found:
            self._known.add(organisation_id)
        return found

    def organisations(self, after: str | None, limit: int) -> Sequence[Organisation]:
        query = sa.select(organisation).order_by(organisation.c.id).limit(limit)
        if after is not None:
            query = query.where(organisation.c.id > after)
        return [_organisation(row) for row in self._connection.execute(query)]

    def add_template(self, added: TemplateVersion, entry: str) -> None:
        self._connection.execute(
            sa.insert(template_version).values(
                organisation_id=added.organisation,
                id=added.id,
                version=added.version,
                content=canonical_json(dict(added.content)),
                sha256=added.sha256,
                published_at=added.published_at,
                entry_id=entry,
            )
        )

    def template(
        self, organisation_id: str, template_id: str, version: int | None = None
    ) -> TemplateVersion | None:
        query = (
            sa.select(template_version)
            .where(
                template_version.c.organisation_id == organisation_id,
                template_version.c.id == template_id,
            )
            .order_by(template_version.c.version.desc())
            .limit(1)
        )
        if version is not None:
            query = query.where(template_version.c.version == version)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else self._template(row)

    def templates(
        self, organisation_id: str, after: str | None, limit: int
    ) -> Sequence[TemplateVersion]:
        newest = (
            sa.select(template_version.c.id, sa.func.max(template_version.c.version).label("n"))
            .where(template_version.c.organisation_id == organisation_id)
            .group_by(template_version.c.id)
            .subquery()
        )
        query = (
            sa.select(template_version)
            .join(
                newest,
                sa.and_(
                    newest.c.id == template_version.c.id, newest.c.n == template_version.c.version
                ),
            )
            .where(template_version.c.organisation_id == organisation_id)
            .order_by(template_version.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(template_version.c.id > after)
        return [self._template(row) for row in self._connection.execute(query).all()]

    def _template(self, row: Row[Any]) -> TemplateVersion:
        body = self._vouching(row.entry_id, row.organisation_id)
        if body is None or not is_vouched_for(row, body):
            raise NotVouchedFor(f"template {row.organisation_id}/{row.id}/{row.version}")
        return TemplateVersion(
            row.organisation_id,
            row.id,
            row.version,
            json.loads(row.content),
            row.sha256,
            row.published_at,
        )


def _organisation(row: Row[Any]) -> Organisation:
    return Organisation(
        row.id,
        row.name,
        row.kind,
        row.descriptions,
        row.contact,
        row.identifiers,
        row.confirmation,
    )
