"""What the services need from storage. `persistence` provides it; nothing here knows how."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from consent_service.audit.entry import Entry
from consent_service.audit.receipt_document import InclusionProof
from consent_service.domain.kernel.cpr import CprNumber
from consent_service.domain.kernel.facts import History
from consent_service.domain.kernel.records import FactRecord
from consent_service.errors import Unreadable
from consent_service.services.client import Clients
from consent_service.services.model import (
    ChildRef,
    ConsentFile,
    EntryFilter,
    FiledStatement,
    Link,
    LoggedEntry,
    Organisation,
    PersonDetails,
    Search,
    Signatory,
    SigningSession,
    TemplateVersion,
)
from consent_service.services.rights_ports import Erasures, Subjects
from consent_service.services.staff_ports import StaffSessions


class Clock(Protocol):
    """The application process's clock."""

    def __call__(self) -> datetime:
        """Now, aware, in UTC."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """All facts about a child as of one version of its row; `facts` None: they cannot be read."""

    child: str
    version: int
    facts: History | None

    @property
    def history(self) -> History:
        """The facts. Raises Unreadable: nothing may be done on what cannot be read."""
        if self.facts is None:
            raise Unreadable("the facts about a child cannot be read")
        return self.facts


class Children(Protocol):
    """The children of the deployment and the people around each."""

    def find(self, cpr: CprNumber) -> ChildRef | None: ...

    def find_or_add(self, cpr: CprNumber) -> ChildRef: ...

    def begin_act(self, child: str) -> int:
        """Take the child's row until the commit; the act's sequence number (R8)."""
        ...

    def snapshot(self, child: str) -> Snapshot: ...

    def snapshot_by_cpr(self, cpr: CprNumber) -> Snapshot | None: ...

    def find_or_add_person(self, child: str, cpr: CprNumber) -> str: ...

    def save_details(self, controller: str, child: str, person: str, d: PersonDetails) -> None: ...

    def details(self, controller: str, persons: Iterable[str]) -> Mapping[str, PersonDetails]: ...

    def child_number(self, controller: str, child: str) -> CprNumber | None:
        """The number under which a controller filed a child, if it did."""
        ...


class Consents(Protocol):
    """Consents as filed, their signatories and facts."""

    def add(self, file: ConsentFile, parties: Iterable[str]) -> None: ...

    def get(self, consent: str, viewer: str) -> ConsentFile | None:
        """The consent, if it names the viewer's organisation among its parties."""
        ...

    def controlled(self, consent: str, viewer: str) -> ConsentFile | None:
        """The consent, if the viewer's organisation is its controller."""
        ...

    def of_signatory(self, found: Signatory) -> ConsentFile | None:
        """The consent of somebody whose link or session was verified: the family's own way in."""
        ...

    def page(
        self,
        viewer: str,
        *,
        after: str | None,
        limit: int,
        child: str | None = None,
        case_reference: str | None = None,
        deadline_before: date | None = None,
    ) -> Sequence[ConsentFile]: ...

    def add_signatory(self, signatory: Signatory) -> None: ...

    def signatory(self, signatory: str) -> Signatory | None: ...

    def signatories(self, consent: str) -> Sequence[Signatory]: ...

    def append_fact(self, record: FactRecord, entry: str) -> None: ...

    def exemption_entry(self, consent: str, exemption: str) -> str | None: ...

    def paper_entry(self, consent: str, paper: str) -> str | None: ...

    def add_statement(self, child: str, controller: str, statement: FiledStatement) -> None: ...

    def statements(self, consent: str) -> Sequence[FiledStatement]: ...


class Links(Protocol):
    """Signing links and the sessions they open."""

    def replace(self, signatory: str, token: str, now: datetime) -> None: ...

    def find(self, token: str) -> Link | None: ...

    def mark_opened(self, link: Link, now: datetime) -> None: ...

    def opened(self, consent: str) -> frozenset[str]: ...

    def begin_session(
        self, secret: str, opened: Link, controller: str, child: str, now: datetime
    ) -> None: ...

    def session(self, secret: str) -> SigningSession | None:
        """The session of a browser, unless its link was replaced.

        Other requests of that browser wait for the end of this unit: what one of them took out of
        the session, such as a login under way, no other puts back.
        """
        ...

    def save_session(self, secret: str, content: bytes | None) -> None: ...

    def end_session(self, secret: str) -> None: ...


class Catalogue(Protocol):
    """Organisations and templates."""

    def add_organisation(self, organisation: Organisation, now: datetime) -> None: ...

    def organisation(self, organisation: str) -> Organisation | None: ...

    def has_organisation(self, organisation: str) -> bool: ...

    def organisations(self, after: str | None, limit: int) -> Sequence[Organisation]: ...

    def add_template(self, template: TemplateVersion) -> None: ...

    def template(
        self, organisation: str, template: str, version: int | None = None
    ) -> TemplateVersion | None: ...

    def templates(
        self, organisation: str, after: str | None, limit: int
    ) -> Sequence[TemplateVersion]: ...


@dataclass(frozen=True)
class Guard:
    """The entry is appended only while the child's row still has this version (R8)."""

    child: str
    version: int


@dataclass(frozen=True)
class Answer:
    """An answer to keep for the same Idempotency-Key."""

    key_hash: bytes
    body_hash: bytes
    status: int
    sealed: bytes


class Log(Protocol):
    """The log's storage. An entry is about one child at most; `child` None means none."""

    def append(
        self,
        entry: Entry,
        promise: str,
        search: Search,
        child: str | None,
        guard: Guard | None = None,
        answer: Answer | None = None,
    ) -> bool:
        """Write an entry. False, and nothing written, when the guard or the answer's key fails."""
        ...

    def get(self, entry: str, search: EntryFilter) -> LoggedEntry | None: ...

    def find(
        self, search: EntryFilter, *, after: str | None, limit: int
    ) -> Sequence[LoggedEntry]: ...

    def about_child(
        self, child: str, types: Iterable[str], *, controller: str | None
    ) -> Sequence[LoggedEntry]:
        """Entries of these types; `controller` None is the family's view, of every controller."""
        ...

    def opened(self, entry: str, controller: str) -> LoggedEntry:
        """An entry that a record of this controller names. Raises NotFound."""
        ...


class Answers(Protocol):
    """Answers kept for repeated requests."""

    def claim(self, key_hash: bytes) -> bool:
        """Whether no other request with this key is under way."""
        ...

    def find(self, key_hash: bytes) -> Answer | None: ...

    def keep(self, answer: Answer) -> None: ...


class Tree(Protocol):
    """Checkpoints and proofs: public, nothing about anybody."""

    def checkpoint(self) -> str | None:
        """The signed checkpoint of the newest head; None before the first entry."""
        ...

    def inclusion(self, entry: str) -> InclusionProof | None:
        """Where an entry stands; None before it is integrated."""
        ...

    def inclusion_of_leaf(self, leaf: bytes) -> InclusionProof | None: ...

    def consistency(self, old: int, new: int) -> list[bytes]: ...


class UnitOfWork(Protocol):
    """One piece of work: it is committed whole, or leaves nothing behind."""

    @property
    def children(self) -> Children: ...

    @property
    def consents(self) -> Consents: ...

    @property
    def links(self) -> Links: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def staff(self) -> StaffSessions: ...

    @property
    def clients(self) -> Clients: ...

    @property
    def log(self) -> Log: ...

    @property
    def tree(self) -> Tree: ...

    @property
    def answers(self) -> Answers: ...

    @property
    def erasures(self) -> Erasures: ...

    @property
    def subjects(self) -> Subjects: ...

    def commit(self) -> None: ...


class Units(Protocol):
    """Begins units of work."""

    def writing(self) -> AbstractContextManager[UnitOfWork]:
        """A transaction: nothing is kept unless it commits."""
        ...

    def stepwise(self) -> AbstractContextManager[UnitOfWork]:
        """Each statement stands alone where the database can (PostgreSQL): few round trips."""
        ...

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """One consistent view."""
        ...
