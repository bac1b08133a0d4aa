"""What happened, as entries of the log: composed here, promised, and appended by storage."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from consent_service.audit.entry import SALT_BYTES, Entry, ErasedList, compose_entry
from consent_service.audit.promise import make_promise
from consent_service.audit.receipt import SEAL_TYPES
from consent_service.services.kernel.model import Caller, ChildRef, Employee, Search
from consent_service.services.kernel.ports import Unit
from consent_service.signing.schedule import Signer


@dataclass(frozen=True)
class Event:
    """One thing that happened, about one child at most.

    `controller` is whose log it belongs to, `organisation` who acted (the controller itself for
    what a family did), `about` the entry it refers to. `details` are further body members.
    """

    type: str
    controller: str
    organisation: str
    child: ChildRef | None = None
    client: str | None = None
    issuer: str | None = None
    employee: Employee | None = None
    recipient: str | None = None
    outcome: str | None = None
    consent: str | None = None
    about: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def by(cls, caller: Caller, type_: str, controller: str, **members: Any) -> "Event":
        """An event that a system brought about."""
        issuer = caller.issuer or None
        named = {"client": caller.client, "issuer": issuer, **members}
        return cls(type_, controller, caller.organisation, **named)

    def body(self) -> dict[str, Any]:
        """The body that is hashed and encrypted."""
        if self.type in SEAL_TYPES.values():
            return {"type": self.type, "consent": self.consent, **self.details}
        named = {
            "client": self.client,
            "issuer": self.issuer,
            "recipient": self.recipient,
            "outcome": self.outcome,
            "consent": self.consent,
            "about": self.about,
        }
        body: dict[str, Any] = {"type": self.type, "organisation": self.organisation}
        body.update((name, value) for name, value in named.items() if value is not None)
        if self.child is not None:
            body["child"] = {"cpr": self.child.cpr.value}
        if self.employee is not None:
            body["performed_by"] = {"id": self.employee.id, "name": self.employee.name}
        body.update(self.details)
        return body

    def search(self) -> Search:
        """What the entry is found by."""
        return Search(
            type=self.type,
            controller=self.controller,
            organisation=self.organisation,
            recipient=self.recipient,
            outcome=self.outcome,
            consent=self.consent,
            about=self.about,
            employee=self.employee.id if self.employee else None,
        )


@dataclass(frozen=True)
class Prepared:
    """An entry ready to append, with the promise to release after the commit."""

    event: Event
    entry: Entry
    promise: str


@dataclass(frozen=True)
class Journal:
    """Composes entries for one log: its origin, its promise key, and where ids come from."""

    origin: str
    promise_key: Signer
    new_id: Callable[[], str]

    def prepare(self, event: Event, at: datetime, erased: ErasedList | None = None) -> Prepared:
        """The entry of an event, or of an erasure and what it erased, with its promise."""
        entry = compose_entry(
            log=self.origin,
            entry_id=self.new_id(),
            time=at,
            kind="event" if erased is None else "erasure",
            controller=event.controller,
            body=event.body(),
            salt=os.urandom(SALT_BYTES),
            erased=erased,
        )
        return Prepared(event, entry, make_promise(entry, self.promise_key))

    def write(self, uow: Unit, event: Event, at: datetime) -> Prepared:
        """Append the entry of an event to the unit of work."""
        prepared = self.prepare(event, at)
        child = event.child.id if event.child else None
        uow.log.append(prepared.entry, prepared.promise, event.search(), child)
        return prepared
