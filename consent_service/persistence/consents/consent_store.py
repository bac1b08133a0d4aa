"""Consents as filed, and who is asked under each."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from consent_service.domain.kernel.facts import Role
from consent_service.persistence.children.tables import fact
from consent_service.persistence.consents.tables import consent, consent_party, signatory
from consent_service.persistence.consents.tenancy import is_controller, is_party, names_party
from consent_service.persistence.kernel.metadata import Id, Slug
from consent_service.persistence.keys.data_keys import DataKeys
from consent_service.persistence.keys.sealing import Place
from consent_service.persistence.keys.tables import data_key
from consent_service.services.consents.model import ConsentFile, Signatory
from consent_service.services.consents.ports import TwoPersonKind


class ConsentStore:
    """Consents and what belongs to each (`services.consents.ports.Consents`)."""

    def __init__(self, connection: Connection, keys: DataKeys) -> None:
        self._connection = connection
        self._keys = keys

    def add(self, file: ConsentFile, parties: Iterable[str]) -> None:
        key = self._keys.find_or_make(file.controller, file.child)
        self._connection.execute(
            sa.insert(consent).values(
                id=file.id,
                controller_id=file.controller,
                child_id=file.child,
                data_key_id=key.id,
                template_id=file.template,
                template_version=file.template_version,
                case_reference=file.case_reference,
                deadline=file.deadline,
                created_at=file.created_at,
                terms_sha256=file.terms_sha256,
                terms_sealed=key.seal(file.terms, _terms_place(file.id)),
            )
        )
        rows = [{"consent_id": file.id, "organisation_id": party} for party in parties]
        self._connection.execute(sa.insert(consent_party), rows)

    def get(self, consent_id: str, viewer: str) -> ConsentFile | None:
        return self._one(_files().where(consent.c.id == consent_id, is_party(viewer)))

    def controlled(self, consent_id: str, viewer: str) -> ConsentFile | None:
        return self._one(_files().where(consent.c.id == consent_id, is_controller(viewer)))

    def of_signatory(self, found: Signatory) -> ConsentFile | None:
        return self._one(_files().where(consent.c.id == found.consent))

    def _one(self, query: sa.Select[Any]) -> ConsentFile | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else self._file(row)

    def _file(self, row: Row[Any]) -> ConsentFile:
        key = self._keys.remember(row.controller_id, row.child_id, row.data_key_id, row.wrapped)
        return ConsentFile(
            id=row.id,
            controller=row.controller_id,
            child=row.child_id,
            template=row.template_id,
            template_version=row.template_version,
            case_reference=row.case_reference,
            deadline=row.deadline,
            created_at=row.created_at,
            terms_sha256=row.terms_sha256,
            terms=key.open(row.terms_sealed, _terms_place(row.id)),
        )

    def page(
        self,
        viewer: str,
        *,
        after: str | None,
        limit: int,
        child: str | None = None,
        case_reference: str | None = None,
    ) -> Sequence[ConsentFile]:
        query, order = _files().limit(limit), [consent.c.id]
        follows = None if after is None else consent.c.id > after
        if case_reference is not None:
            query = query.where(consent.c.case_reference == case_reference, is_controller(viewer))
        elif child is not None:
            query = query.where(is_party(viewer))
        else:
            # Ordered by both columns of the parties' own index: no other has this order, and so
            # nothing that names others alone is passed by.
            query = query.join(consent_party, consent_party.c.consent_id == consent.c.id)
            query = query.where(*names_party(viewer))
            order = [consent_party.c.organisation_id, consent_party.c.consent_id]
            if after is not None:
                begin = sa.tuple_(sa.literal(viewer, Slug), sa.literal(after, Id))
                follows = sa.tuple_(*order) > begin
        if child is not None:
            query = query.where(consent.c.child_id == child)
        if follows is not None:
            query = query.where(follows)
        rows = self._connection.execute(query.order_by(*order)).all()
        return [self._file(row) for row in rows]

    def to_reconfirm(
        self, controller: str, since: datetime, *, after: str | None, limit: int
    ) -> Sequence[ConsentFile]:
        newer, recorded, confirmed = consent.alias(), fact.alias(), fact.alias()
        has_newer = sa.exists().where(
            newer.c.child_id == consent.c.child_id,
            newer.c.controller_id == controller,
            newer.c.id > consent.c.id,
        )
        is_known = sa.exists().where(
            fact.c.child_id == consent.c.child_id,
            fact.c.controller_id == controller,
            fact.c.at <= since,
        )
        # Both facts say which reconfirmation, and nothing else.
        is_confirmed = sa.exists().where(
            recorded.c.child_id == consent.c.child_id,
            recorded.c.controller_id == controller,
            recorded.c.kind == "reconfirmation_recorded",
            recorded.c.at > since,
            confirmed.c.child_id == recorded.c.child_id,
            confirmed.c.kind == "reconfirmation_confirmed",
            confirmed.c.payload == recorded.c.payload,
        )
        query = _files().where(is_controller(controller), ~has_newer, is_known, ~is_confirmed)
        if after is not None:
            query = query.where(consent.c.id > after)
        rows = self._connection.execute(query.order_by(consent.c.id).limit(limit)).all()
        return [self._file(row) for row in rows]

    def add_signatory(self, added: Signatory, entry: str) -> None:
        self._connection.execute(
            sa.insert(signatory).values(
                id=added.id,
                consent_id=added.consent,
                person_id=added.person,
                role=added.role.value,
                entry_id=entry,
            )
        )

    def signatories(self, consent_id: str) -> Sequence[Signatory]:
        query = (
            sa.select(signatory)
            .where(signatory.c.consent_id == consent_id)
            .order_by(signatory.c.id)
        )
        return [_signatory(row) for row in self._connection.execute(query)]

    def signatory(self, signatory_id: str) -> Signatory | None:
        query = sa.select(signatory).where(signatory.c.id == signatory_id)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _signatory(row)

    def recorded_in(self, consent_id: str, kind: TwoPersonKind, named: str) -> str | None:
        member = kind.removesuffix("_recorded")
        query = sa.select(fact.c.entry_id, fact.c.payload).where(
            fact.c.consent_id == consent_id, fact.c.kind == kind
        )
        for row in self._connection.execute(query):
            if json.loads(row.payload)[member] == named:
                return str(row.entry_id)
        return None


def _files() -> sa.Select[Any]:
    """Consents with the key of their (controller, child): one statement, whoever asks."""
    return sa.select(consent, data_key.c.wrapped).join(
        data_key, data_key.c.id == consent.c.data_key_id
    )


def _signatory(row: Row[Any]) -> Signatory:
    return Signatory(row.id, row.consent_id, row.person_id, Role(row.role))


def _terms_place(consent_id: str) -> Place:
    return Place("consent", "terms_sealed", consent_id)
