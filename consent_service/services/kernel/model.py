"""The values that services exchange with the edge and with storage."""

from dataclasses import dataclass, field

from consent_service.domain.kernel.cpr import CprNumber


@dataclass(frozen=True)
class Employee:
    """The employee behind a municipal system: named in the log, withheld from the family."""

    id: str
    name: str


@dataclass(frozen=True)
class Caller:
    """The system that is calling, as its token proves: its organisation and its client id.

    `issuer` is who vouches for it; empty: this service itself.
    """

    organisation: str
    client: str
    scopes: frozenset[str] = field(default_factory=frozenset)
    issuer: str = ""


@dataclass(frozen=True)
class ChildRef:
    """A child in the deployment: its opaque id, and the number that finds it again."""

    id: str
    cpr: CprNumber


@dataclass(frozen=True)
class Search:
    """What an entry is found by; each is compared with the body when the log is verified.

    A child is found by the data key of its entries; storage keeps the employee's id as keyed hash
    only.
    """

    type: str
    controller: str
    organisation: str
    recipient: str | None = None
    outcome: str | None = None
    consent: str | None = None
    about: str | None = None
    employee: str | None = None
