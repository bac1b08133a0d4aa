"""Finding a person by number: the child itself, or somebody around a controller's children.

The same person is hashed anew around each child, so that two families cannot be joined in the
database; whoever has the index key finds a parent by walking the controller's children.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.domain.cpr import CprNumber
from consent_service.persistence.sealing import Index
from consent_service.persistence.tables import child, data_key, person, person_details


class SubjectStore:
    """Who somebody is at one controller (`services.ports.Subjects`)."""

    def __init__(self, connection: Connection, index: Index) -> None:
        self._connection = connection
        self._index = index

    def around(self, controller: str, cpr: CprNumber) -> Sequence[tuple[str, str]]:
        itself = (
            sa.select(child.c.id)
            .join(data_key, data_key.c.child_id == child.c.id)
            .where(
                data_key.c.organisation_id == controller,
                child.c.cpr_hash == self._index.child(cpr),
            )
        )
        known = (
            sa.select(person.c.child_id, person.c.id, person.c.cpr_hash)
            .join(person_details, person_details.c.person_id == person.c.id)
            .where(person_details.c.organisation_id == controller, person.c.id != person.c.child_id)
            .order_by(person.c.child_id)
        )
        found = [(one, one) for one in self._connection.scalars(itself)]
        expected = ("", b"")
        for child_id, person_id, cpr_hash in self._connection.execute(known):
            if expected[0] != child_id:
                expected = (child_id, self._index.person(child_id, cpr))
            if cpr_hash == expected[1]:
                found.append((child_id, person_id))
        return found

    def person(self, child_id: str, cpr: CprNumber) -> str | None:
        query = sa.select(person.c.id).where(
            person.c.child_id == child_id,
            person.c.cpr_hash == self._index.person(child_id, cpr),
        )
        return self._connection.scalar(query)
