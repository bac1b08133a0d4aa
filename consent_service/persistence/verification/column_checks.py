"""What an entry is found by, computed again from its header and body and compared."""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from consent_service.audit.entry import Header
from consent_service.audit.receipt import SEAL_TYPES
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.errors import Unreadable
from consent_service.persistence.children.tables import child, person_details
from consent_service.persistence.keys.index_slots import hash_is_wrong
from consent_service.persistence.keys.sealing import Hashes, Index, KeyRing, Place
from consent_service.persistence.keys.tables import data_key
from consent_service.persistence.log.tables import log_body, log_header

SEALED_ACTS = frozenset(SEAL_TYPES.values())


def bodies_query() -> sa.Select[Any]:
    """Bodies with all that `open_body` and `wrong_column` need."""
    return (
        sa.select(
            log_body,
            log_header.c.header,
            log_header.c.time.label("header_time"),
            data_key.c.organisation_id.label("key_owner"),
            data_key.c.child_id.label("key_child"),
            data_key.c.wrapped,
            child.c.cpr_hash,
            child.c.cpr_hash_b,
            person_details.c.sealed.label("child_details"),
        )
        .select_from(log_body)
        .join(log_header, log_header.c.entry_id == log_body.c.entry_id)
        .outerjoin(data_key, data_key.c.id == log_body.c.data_key_id)
        .outerjoin(child, child.c.id == data_key.c.child_id)
        .outerjoin(
            person_details,
            sa.and_(
                person_details.c.organisation_id == data_key.c.organisation_id,
                person_details.c.person_id == data_key.c.child_id,
            ),
        )
    )


def open_value(
    ring: KeyRing, key_id: str | None, row: Row[Any], sealed: Any, place: Place
) -> bytes:
    """A sealed value under the key whose wrapped form the row holds. Raises Unreadable."""
    if key_id is None or row.wrapped is None or sealed is None:
        raise Unreadable(f"{place.table}.{place.column} or its key is gone")
    try:
        return ring.unwrap(key_id, row.wrapped).open(sealed, place)
    except ValueError:
        # Not even the form of a key id, a nonce or a wrapped key.
        raise Unreadable(f"{place.table}.{place.column} has no readable form") from None


def open_body(ring: KeyRing, row: Row[Any]) -> bytes:
    """An entry's salt and body. Raises Unreadable."""
    place = Place("log_body", "sealed", row.entry_id)
    return open_value(ring, row.data_key_id, row, row.sealed, place)


def wrong_column(
    row: Row[Any], header: Header, body: bytes, ring: KeyRing, index: Index
) -> str | None:
    """Which column does not say what header and body say; None when all do."""
    try:
        content = json.loads(body)
        found = dict(zip(row._fields, row, strict=True))
        number = _number(row, content, ring)
        expected = _expected(row, header, content, number)
        hashes = _hashes(header, content, number, index)
    except (Unreadable, ValueError, KeyError, TypeError, AttributeError):
        return "its search columns cannot be computed again"
    for name, value in expected.items():
        if found[name] != value:
            return f"the column {name} is not what header and body say"
    for name, right in hashes.items():
        if wrong := hash_is_wrong(index, found, name, right):
            return f"the column {wrong} is not what header and body say"
    return None


def employee_hashes(header: Header, body: dict[str, Any], index: Index) -> Hashes | None:
    """By what an entry is found as an employee's; None where nobody is named."""
    employee = body.get("performed_by")
    return index.employee(_organisation(header, body), employee["id"]) if employee else None


def former_employee_hashes(
    header: Header, body: dict[str, Any], index: Index
) -> tuple[Hashes, ...]:
    """By what older versions found it."""
    employee = body.get("performed_by")
    if not employee:
        return ()
    return index.former_employee(_organisation(header, body), employee["id"])


def _hashes(
    header: Header, body: dict[str, Any], number: str | None, index: Index
) -> dict[str, Hashes | None]:
    """The keyed hashes of an entry, and of the child it is about."""
    hashes = {"employee_hash": employee_hashes(header, body, index)}
    if number is not None:
        hashes["cpr_hash"] = index.child(CprNumber(number))
    return hashes


def _organisation(header: Header, body: dict[str, Any]) -> str:
    organisation: str = header.controller if body["type"] in SEALED_ACTS else body["organisation"]
    return organisation


def _number(row: Row[Any], body: dict[str, Any], ring: KeyRing) -> str | None:
    if body["type"] in SEALED_ACTS:
        return _filed_number(row, ring)
    number: str | None = body.get("child", {}).get("cpr")
    return number


def _expected(
    row: Row[Any], header: Header, body: dict[str, Any], number: str | None
) -> dict[str, Any]:
    expected = {
        "time": header.time,
        "header_time": header.time,
        "controller_id": header.controller,
        "key_owner": header.controller,
        "type": body["type"],
        "organisation_id": _organisation(header, body),
        "recipient_id": body.get("recipient"),
        "outcome": body.get("outcome"),
        "consent_id": body.get("consent"),
        "about_id": body.get("about"),
    }
    if number is None:
        expected["key_child"] = None
    elif row.key_child is None:
        raise Unreadable("the body names a child, its key does not")
    return expected


def _filed_number(row: Row[Any], ring: KeyRing) -> str:
    """The number of the child whose key it is: a sealed act's body does not name it."""
    place = Place("person_details", "sealed", f"{row.key_owner}/{row.key_child}")
    details = open_value(ring, row.data_key_id, row, row.child_details, place)
    number: str = json.loads(details)["cpr"]
    return number
