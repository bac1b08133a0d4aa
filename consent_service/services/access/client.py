"""Clients: the systems that may ask for tokens here, and who of all systems is refused."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from consent_service.signing.canonical import canonical_json, instant_text

AuthMethod = Literal["private_key_jwt", "client_secret"]

OPERATOR_SCOPE = "organisations:write"

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "consents:write": "Ask for consent, cancel, make new links, record custody changes.",
        "consents:read": "Read consents, receipts, organisations and templates.",
        "withdrawals:write": "Record what a family told you.",
        "disclosures:write": "Disclose, and read your disclosures.",
        "decisions:read": "Ask whether a disclosure would be permitted.",
        "audit:read": "Read the log, as a data-protection officer.",
        "templates:write": "Publish templates.",
        OPERATOR_SCOPE: "Register organisations and clients; the operator alone.",
    }
)
"""Every scope there is, with what it allows."""

OURS = ""
"""The issuer of this service's own tokens."""

MOST_KEYS = 5
MOST_SECRETS = 2
"""Two, so that a new secret can be put in place while the old one still works."""


@dataclass(frozen=True)
class ClientKey:
    """A public key of a client: a JWK (RFC 7517) with `kid` and the one `alg` it counts for."""

    kid: str
    jwk: Mapping[str, Any]
    added_at: datetime


@dataclass(frozen=True)
class ClientSecret:
    """A secret of a client, of which only the SHA-256 is kept."""

    id: str
    sha256: bytes
    created_at: datetime


@dataclass(frozen=True)
class Client:
    """A registered system: whose it is, what it may ask for, and how it proves itself.

    A suspended one is refused until the operator has looked at it and confirmed it.
    """

    id: str
    organisation: str
    scopes: frozenset[str]
    auth_method: AuthMethod
    created_at: datetime
    keys: Sequence[ClientKey] = ()
    secrets: Sequence[ClientSecret] = ()
    revoked_at: datetime | None = None
    suspended_at: datetime | None = None


CLIENT_REGISTERED = "client_registered"
CLIENT_REVOKED = "client_revoked"
CLIENT_SUSPENDED = "client_suspended"
CLIENT_EVENTS = frozenset(
    {
        CLIENT_REGISTERED,
        "client_scopes_changed",
        "client_key_added",
        "client_key_removed",
        "client_secret_made",
        "client_secret_revoked",
        CLIENT_REVOKED,
        CLIENT_SUSPENDED,
        "client_confirmed",
        "clients_suspended",
    }
)
"""The entries of the log that say what became of clients."""


def state_digest(
    issuer: str, client: str, registered: Client | None, revoked_at: datetime | None
) -> str:
    """The SHA-256 of all that is known of a client of an issuer, as its newest entry has it."""
    state = {
        "issuer": issuer,
        "client": client,
        "registered": None if registered is None else _as_json(registered),
        "revoked_at": _written(revoked_at),
    }
    return hashlib.sha256(canonical_json(state)).hexdigest()


def _as_json(client: Client) -> dict[str, Any]:
    keys = [
        {"kid": key.kid, "jwk": dict(key.jwk), "added_at": _written(key.added_at)}
        for key in sorted(client.keys, key=lambda key: key.kid)
    ]
    secrets = [
        {"id": one.id, "sha256": one.sha256.hex(), "created_at": _written(one.created_at)}
        for one in sorted(client.secrets, key=lambda one: one.id)
    ]
    return {
        "organisation": client.organisation,
        "scopes": sorted(client.scopes),
        "auth_method": client.auth_method,
        "created_at": _written(client.created_at),
        "suspended_at": _written(client.suspended_at),
        "keys": keys,
        "secrets": secrets,
    }


def _written(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)


@dataclass(frozen=True)
class Standing:
    """What the database knows of a caller, whatever its token says.

    `organisation` and `scopes` are None for a client that is registered nowhere but with its
    issuer: then the token alone says them.
    """

    revoked: bool
    organisation: str | None = None
    scopes: frozenset[str] | None = None
    suspended: bool = False
