"""Erasing in the database: in the order of the foreign keys, the data key last.

A body goes only when an erasure in the tree lists its entry, and a data key only when nothing is
under it, so that a process with the key still in memory cannot write with it: the foreign key of
its row leads nowhere.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.domain.rights.forgetting import RetentionRule
from consent_service.persistence.children.tables import child, fact, person, person_details
from consent_service.persistence.consents.tables import consent, consent_party, link, signatory
from consent_service.persistence.idempotency.tables import kept_answer
from consent_service.persistence.kernel.column_types import Instant
from consent_service.persistence.kernel.insert import insert_or_ignore
from consent_service.persistence.kernel.metadata import Id
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.anchor_journal import Intent
from consent_service.persistence.log.sequencer import Sequencer, wait_for_turn
from consent_service.persistence.log.tables import (
    log_body,
    log_erased,
    log_header,
    log_pending,
)
from consent_service.persistence.rights.tables import retention_rule
from consent_service.persistence.signatures.tables import signing_session, statement
from consent_service.services.log.model import ListedEntry
from consent_service.services.rights.erased import (
    ErasableEntry,
    ErasedRows,
    Forgotten,
    LostErasure,
    StillThere,
)

_AT_ONCE = 1_000


class ErasureStore:
    """What a controller has about children, and how it goes (`services.kernel.ports.Erasures`).

    `meant` are this unit's erasures, for the journal that outlives the database.
    """

    def __init__(self, connection: Connection, sequencer: Sequencer) -> None:
        self._connection = connection
        self._sequencer = sequencer
        self._listed: dict[str, list[str]] = {}
        self.meant: list[Intent] = []

    def children(self, controller: str) -> Sequence[str]:
        query = (
            sa.select(data_key.c.child_id)
            .where(data_key.c.organisation_id == controller, data_key.c.child_id.is_not(None))
            .order_by(data_key.c.child_id)
        )
        return self._connection.scalars(query).all()

    def hold(self, controller: str, child_id: str) -> bool:
        keys = sa.select(data_key.c.id).where(_is_of(controller, child_id))
        # A signer's request holds its session before it writes under the key: so in that order.
        sessions = sa.select(signing_session.c.id_hash).where(
            signing_session.c.data_key_id.in_(keys)
        )
        self._connection.execute(sessions.order_by(signing_session.c.id_hash).with_for_update())
        return self._connection.scalar(keys.with_for_update()) is not None

    def entries(self, controller: str, child_id: str) -> Sequence[ErasableEntry]:
        query = _erasable().where(_is_of(controller, child_id))
        found = [ErasableEntry(*row) for row in self._connection.execute(query)]
        return sorted(found, key=lambda entry: entry.id)

    def still_there(self, erasures: Sequence[LostErasure]) -> Sequence[StillThere]:
        listed = sorted({entry for one in erasures for entry in one.entries})
        destroyed = sorted({key for one in erasures for key in one.keys})
        found: dict[tuple[str, str | None], list[ErasableEntry]] = {}
        for start in range(0, len(listed), _AT_ONCE):
            query = (
                _erasable(data_key.c.organisation_id, data_key.c.child_id)
                .where(log_body.c.entry_id.in_(listed[start : start + _AT_ONCE]))
                .order_by(log_body.c.entry_id)
            )
            for *entry, controller, child_id in self._connection.execute(query):
                found.setdefault((controller, child_id), []).append(ErasableEntry(*entry))
        whole: set[tuple[str, str | None]] = set()
        for start in range(0, len(destroyed), _AT_ONCE):
            keys = sa.select(data_key.c.organisation_id, data_key.c.child_id).where(
                data_key.c.id.in_(destroyed[start : start + _AT_ONCE])
            )
            whole |= {
                (controller, child_id) for controller, child_id in self._connection.execute(keys)
            }
        return [
            StillThere(
                controller, child_id, tuple(found.get((controller, child_id), ())), place in whole
            )
            for place in sorted({*found, *whole}, key=str)
            for controller, child_id in [place]
        ]

    def list_erased(self, erasure: str, entries: Iterable[ListedEntry]) -> None:
        rows, listed = [], []
        for entry, leaf in entries:
            rows.append({"entry_id": entry, "erasure_id": erasure, "leaf": leaf})
            listed.append(entry)
        self._connection.execute(sa.insert(log_erased), rows)
        self._listed[erasure] = listed

    def integrate(self) -> None:
        # The sequencer passes where somebody else is at work; here it has to be waited for.
        wait_for_turn(self._connection)
        while self._connection.scalar(sa.select(log_pending.c.entry_id).limit(1)) is not None:
            self._sequencer.integrate(self._connection)

    def erase(self, erasure: str, controller: str, forgotten: Iterable[Forgotten]) -> ErasedRows:
        entries = self._erase_listed(erasure)
        consents = people = 0
        keys: list[str] = []
        for one in forgotten:
            consents += self._erase_consents(sorted(one.consents))
            people += self._erase_people(controller, one)
            if one.is_whole:
                keys += self._destroy_key(controller, one.child)
        self.meant.append(Intent(erasure, self._listed.get(erasure, []), keys))
        return ErasedRows(entries, consents, people, len(keys))

    def _erase_listed(self, erasure: str) -> int:
        listed = sa.select(log_erased.c.entry_id).where(log_erased.c.erasure_id == erasure)
        if self._connection.dialect.name == "postgresql":
            # Only its owner may delete a fact, and this function of the owner's goes by the list.
            self._connection.execute(sa.select(sa.func.erase_facts(sa.literal(erasure, Id))))
        else:
            self._connection.execute(sa.delete(fact).where(fact.c.entry_id.in_(listed)))
        self._connection.execute(sa.delete(statement).where(statement.c.entry_id.in_(listed)))
        return self._delete(log_body, log_body.c.entry_id.in_(listed))

    def _erase_consents(self, consents: Sequence[str]) -> int:
        for start in range(0, len(consents), _AT_ONCE):
            chosen = consents[start : start + _AT_ONCE]
            signatories = sa.select(signatory.c.id).where(signatory.c.consent_id.in_(chosen))
            links = sa.select(link.c.token_hash).where(link.c.signatory_id.in_(signatories))
            self._delete(signing_session, signing_session.c.link_hash.in_(links))
            self._delete(link, link.c.signatory_id.in_(signatories))
            self._delete(signatory, signatory.c.consent_id.in_(chosen))
            self._delete(consent_party, consent_party.c.consent_id.in_(chosen))
            self._delete(consent, consent.c.id.in_(chosen))
        return len(consents)

    def _erase_people(self, controller: str, one: Forgotten) -> int:
        """What the controller knows of people it need not know, then who is nobody's any more."""
        around = sa.select(person.c.id).where(person.c.child_id == one.child)
        known = self._delete(
            person_details,
            person_details.c.organisation_id == controller,
            person_details.c.person_id.in_(around),
            person_details.c.person_id.not_in(one.people),
        )
        mentioned = (person_details.c.person_id, signatory.c.person_id, fact.c.person_id)
        self._delete(
            person,
            person.c.child_id == one.child,
            person.c.id != one.child,
            *(~sa.exists().where(column == person.c.id) for column in mentioned),
        )
        return known

    def _destroy_key(self, controller: str, child_id: str) -> Sequence[str]:
        keys = self._connection.scalars(
            sa.select(data_key.c.id).where(_is_of(controller, child_id))
        ).all()
        self._delete(kept_answer, kept_answer.c.data_key_id.in_(keys))
        self._delete(data_key, data_key.c.id.in_(keys))
        self._erase_child_of_nobody(child_id)
        return keys

    def _erase_child_of_nobody(self, child_id: str) -> None:
        """The shared row of a child goes with the last controller's key."""
        query = sa.select(data_key.c.id).where(data_key.c.child_id == child_id).limit(1)
        if self._connection.scalar(query) is None:
            self._delete(person, person.c.child_id == child_id)
            self._delete(child, child.c.id == child_id)

    def _delete(self, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
        return self._connection.execute(sa.delete(table).where(*conditions)).rowcount

    # -- retention rules ----------------------------------------------------------------------

    def rule(self, controller: str) -> RetentionRule | None:
        query = sa.select(retention_rule).where(retention_rule.c.organisation_id == controller)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else RetentionRule(row.consents_years, row.log_years)

    def set_rule(self, controller: str, rule: RetentionRule, now: datetime) -> bool:
        values: dict[str, Any] = {
            "consents_years": rule.consents_years,
            "log_years": rule.log_years,
            "set_at": now,
        }
        known = retention_rule.c.organisation_id == controller
        later = retention_rule.c.set_at < sa.literal(now, Instant)
        changed = sa.update(retention_rule).where(known, later).values(values)
        if self._connection.execute(changed).rowcount == 1:
            return True
        values["organisation_id"] = controller
        added = insert_or_ignore(self._connection, retention_rule).values(values)
        first = added.returning(retention_rule.c.organisation_id)
        return self._connection.scalar(first) is not None


def _erasable(*more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Entries whose body is there, with the fact each vouches for."""
    return (
        sa.select(
            log_body.c.entry_id,
            log_header.c.leaf,
            log_header.c.time,
            fact.c.kind,
            fact.c.consent_id,
            *more,
        )
        .join(data_key, data_key.c.id == log_body.c.data_key_id)
        .join(log_header, log_header.c.entry_id == log_body.c.entry_id)
        .outerjoin(fact, fact.c.entry_id == log_body.c.entry_id)
    )


def _is_of(controller: str, child_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(data_key.c.organisation_id == controller, data_key.c.child_id == child_id)
