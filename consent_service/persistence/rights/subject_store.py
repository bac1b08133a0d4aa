"""Finding a person by number: the child itself, or somebody around a controller's children.

The same person is hashed anew around each child, so that two families cannot be joined in the
database; whoever has the index key finds a parent by walking the controller's children.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from consent_service.domain.kernel.cpr import CprNumber
from consent_service.persistence.children.tables import child, person, person_details
from consent_service.persistence.keys.index_slots import IndexSlots, found_by, slot_column
from consent_service.persistence.keys.sealing import Index
from consent_service.persistence.keys.tables import data_key


class SubjectStore:
    """Who somebody is at one controller (`services.kernel.ports.Subjects`)."""

    def __init__(self, connection: Connection, index: Index, slots: IndexSlots) -> None:
        self._connection = connection
        self._index = index
        self._slots = slots

    def around(self, controller: str, cpr: CprNumber) -> Sequence[tuple[str, str]]:
        itself = (
            sa.select(child.c.id)
            .join(data_key, data_key.c.child_id == child.c.id)
            .where(
                data_key.c.organisation_id == controller,
                found_by(child, "cpr_hash", self._index.child(cpr)),
            )
        )
        known = (
            sa.select(person)
            .join(person_details, person_details.c.person_id == person.c.id)
            .where(person_details.c.organisation_id == controller, person.c.id != person.c.child_id)
            # The children in the order in which the organisation met them.
            .order_by(person_details.c.data_key_id, person.c.child_id)
        )
        found = [(one, one) for one in self._connection.scalars(itself)]
        around, hashes = "", self._index.person("", cpr)
        for row in self._connection.execute(known).mappings():
            if around != row["child_id"]:
                around = row["child_id"]
                hashes = self._index.person(around, cpr)
            if any(row[slot_column("cpr_hash", slot)] == value for slot, value in hashes.items()):
                found.append((around, row["id"]))
        if not found:
            self._slots.check_nothing_found()
        return found
