"""Register clients, change their scopes, keys and secrets, revoke them: each act is logged."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from consent_service.errors import Conflict, InvalidInput, NotFound
from consent_service.services.access.client import (
    CLIENT_REGISTERED,
    CLIENT_REVOKED,
    CLIENT_SUSPENDED,
    MOST_KEYS,
    MOST_SECRETS,
    OURS,
    SCOPES,
    AuthMethod,
    Client,
    ClientKey,
    ClientSecret,
    state_digest,
)
from consent_service.services.access.ports import AccessUnit
from consent_service.services.kernel.context import Context
from consent_service.services.kernel.journal import Event
from consent_service.services.kernel.model import Caller

SECRET_BYTES = 32
PAGE = 200


@dataclass(frozen=True)
class NewSecret:
    """A secret at the only moment it is known in the clear."""

    id: str
    value: str = field(repr=False)


def secret_hash(value: str) -> bytes:
    """The SHA-256 of a client secret, which is all that is kept.

    No slow hash is needed: those make guessing a person's password dear. A secret here is 256
    random bits of our own making, so there is nothing to guess, however fast the hash.
    """
    return hashlib.sha256(value.encode()).digest()


def register_client(
    uow: AccessUnit,
    context: Context,
    caller: Caller,
    *,
    client: str,
    organisation: str,
    scopes: frozenset[str],
    auth_method: AuthMethod,
    keys: list[ClientKey],
) -> tuple[Client, NewSecret | None]:
    """Add a client; one that proves itself by secret gets its first one.

    Raises InvalidInput (an unknown organisation, scope, or no key) and Conflict: the id is taken
    or was revoked, under which nobody may come back.
    """
    uow.clients.begin_change()
    if uow.clients.find(client) is not None or uow.clients.standing(OURS, client).revoked:
        raise Conflict("already_exists", "A client with this id exists or was revoked.")
    if not uow.catalogue.has_organisation(organisation):
        raise InvalidInput.field("/organisation", "No organisation of this id is registered.")
    _check_scopes(scopes)
    _check_keys(auth_method, keys)
    now = context.clock()
    added = Client(client, organisation, scopes, auth_method, now)
    uow.clients.add(added)
    for key in keys:
        uow.clients.add_key(client, key)
    secret = None if auth_method == "private_key_jwt" else _make_secret(uow, context, client, now)
    details = {
        "scopes": sorted(scopes),
        "auth_method": auth_method,
        "keys": [key.kid for key in keys],
        "secrets": [] if secret is None else [secret.id],
    }
    _log(uow, context, caller, CLIENT_REGISTERED, organisation, client, details)
    return get_client(uow, client), secret


def get_client(uow: AccessUnit, client: str) -> Client:
    """A registered client. Raises NotFound."""
    found = uow.clients.find(client)
    if found is None:
        raise NotFound("There is no such client.")
    return found


def change_scopes(
    uow: AccessUnit, context: Context, caller: Caller, client: str, scopes: frozenset[str]
) -> Client:
    """Let a client ask for these scopes and no others, from the commit on, in every process.

    A token that says more is refused (`identity.standing`); one that says less goes on. The same
    once more changes nothing. Raises InvalidInput, NotFound, and Conflict: it is revoked.
    """
    _check_scopes(scopes)
    uow.clients.begin_change()
    found = _live(uow, client)
    if scopes == found.scopes:
        return found
    uow.clients.set_scopes(client, scopes)
    details = {"scopes": sorted(scopes), "before": sorted(found.scopes)}
    _log(uow, context, caller, "client_scopes_changed", found.organisation, client, details)
    return get_client(uow, client)


def add_key(
    uow: AccessUnit, context: Context, caller: Caller, client: str, key: ClientKey
) -> Client:
    """Add a public key. Raises NotFound, and Conflict: revoked, taken, too many, or by secret."""
    uow.clients.begin_change()
    found = _live(uow, client)
    if found.auth_method != "private_key_jwt":
        raise Conflict("wrong_auth_method", "This client proves itself by a secret.")
    if any(key.kid == known.kid for known in found.keys):
        raise Conflict("already_exists", "The client has a key of this kid.")
    if len(found.keys) >= MOST_KEYS:
        raise Conflict("too_many_keys", f"A client has at most {MOST_KEYS} keys: remove one.")
    uow.clients.add_key(client, key)
    details = {"key": key.kid}
    _log(uow, context, caller, "client_key_added", found.organisation, client, details)
    return get_client(uow, client)


def remove_key(uow: AccessUnit, context: Context, caller: Caller, client: str, kid: str) -> Client:
    """Take a key back: it proves nothing any more. Raises NotFound."""
    uow.clients.begin_change()
    found = get_client(uow, client)
    if all(kid != known.kid for known in found.keys):
        raise NotFound("The client has no such key.")
    uow.clients.remove_key(client, kid)
    details = {"key": kid}
    _log(uow, context, caller, "client_key_removed", found.organisation, client, details)
    return get_client(uow, client)


def new_secret(uow: AccessUnit, context: Context, caller: Caller, client: str) -> NewSecret:
    """Make one more secret. Raises NotFound, and Conflict: revoked, two already, or by key."""
    uow.clients.begin_change()
    found = _live(uow, client)
    if found.auth_method != "client_secret":
        raise Conflict("wrong_auth_method", "This client proves itself by a key.")
    if len(found.secrets) >= MOST_SECRETS:
        raise Conflict("too_many_secrets", f"At most {MOST_SECRETS} secrets: revoke one first.")
    now = context.clock()
    secret = _make_secret(uow, context, client, now)
    details = {"secret": secret.id}
    _log(uow, context, caller, "client_secret_made", found.organisation, client, details)
    return secret


def revoke_secret(
    uow: AccessUnit, context: Context, caller: Caller, client: str, secret: str
) -> Client:
    """Take a secret back: it proves nothing any more. Raises NotFound."""
    uow.clients.begin_change()
    found = get_client(uow, client)
    if all(secret != known.id for known in found.secrets):
        raise NotFound("The client has no such secret.")
    uow.clients.remove_secret(client, secret)
    details = {"secret": secret}
    _log(uow, context, caller, "client_secret_revoked", found.organisation, client, details)
    return get_client(uow, client)


def revoke_client(uow: AccessUnit, context: Context, caller: Caller, client: str) -> Client:
    """Refuse a registered client from the commit on, for ever; once more changes nothing."""
    found = get_client(uow, client)
    revoke(uow, context, caller, issuer=OURS, client=client, organisation=found.organisation)
    return get_client(uow, client)


def revoke(
    uow: AccessUnit,
    context: Context,
    caller: Caller,
    *,
    issuer: str,
    client: str,
    organisation: str,
) -> None:
    """Refuse any client of any issuer from the commit on, in every process.

    It need not be registered: that is for tokens made by hand and those of other issuers.
    `organisation` is whose system it is, in whose log the act is written. Raises InvalidInput.
    """
    if not uow.catalogue.has_organisation(organisation):
        raise InvalidInput.field("/organisation", "No organisation of this id is registered.")
    uow.clients.begin_change()
    now = context.clock()
    if uow.clients.revoke(issuer, client, now):
        _log(uow, context, caller, CLIENT_REVOKED, organisation, client, {}, issuer)


def suspend_all(
    uow: AccessUnit, context: Context, caller: Caller, organisation: str, *, above: int = 0
) -> int:
    """Refuse every client until it is confirmed, whatever vouches for them; how many that were.

    For when it is not known that the rows are the newest: after a restore, where `above` is the
    largest epoch that anybody remembers, or where nothing vouches for them. `organisation` is who
    runs the service, in whose log the act is written beside an entry for each client. What is
    revoked stays so as far as the rows say it: `audit verify` names what they lack.
    Raises InvalidInput.
    """
    if not uow.catalogue.has_organisation(organisation):
        raise InvalidInput.field("/organisation", "No organisation of this id is registered.")
    epoch = uow.clients.begin_change_of_all(above)
    now, suspended, after = context.clock(), 0, None
    while page := uow.clients.page(after, PAGE):
        for client in page:
            if client.suspended_at is None:
                uow.clients.set_suspended(client.id, now)
                suspended += 1
            _log(uow, context, caller, CLIENT_SUSPENDED, client.organisation, client.id, {})
        after = page[-1].id
    details = {"epoch": epoch, "clients": suspended}
    event = Event.by(caller, "clients_suspended", organisation, details=details)
    context.journal.write(uow, event, now)
    return suspended


def confirm_client(uow: AccessUnit, context: Context, caller: Caller, client: str) -> Client:
    """Let a suspended client in again, with the scopes and keys that it has now.

    One that is not suspended stays as it is. Raises NotFound, and Conflict: it is revoked.
    """
    uow.clients.begin_change()
    found = _live(uow, client)
    if found.suspended_at is None:
        return found
    uow.clients.set_suspended(client, None)
    details = {
        "scopes": sorted(found.scopes),
        "keys": [key.kid for key in found.keys],
        "secrets": [one.id for one in found.secrets],
    }
    _log(uow, context, caller, "client_confirmed", found.organisation, client, details)
    return get_client(uow, client)


def _check_scopes(scopes: frozenset[str]) -> None:
    if not scopes or not scopes <= SCOPES.keys():
        raise InvalidInput.field("/scopes", "At least one scope, and only known ones.")


def _check_keys(auth_method: AuthMethod, keys: list[ClientKey]) -> None:
    if auth_method == "client_secret":
        if keys:
            raise InvalidInput.field("/jwks", "A client with a secret has no keys.")
        return
    if not 1 <= len(keys) <= MOST_KEYS:
        raise InvalidInput.field("/jwks", f"One to {MOST_KEYS} public keys.")
    if len({key.kid for key in keys}) < len(keys):
        raise InvalidInput.field("/jwks", "Each kid once.")


def _live(uow: AccessUnit, client: str) -> Client:
    found = get_client(uow, client)
    if found.revoked_at is not None:
        raise Conflict("client_revoked", "The client is revoked: register a new one.")
    return found


def _make_secret(uow: AccessUnit, context: Context, client: str, now: datetime) -> NewSecret:
    secret = NewSecret(context.new_id(), secrets.token_urlsafe(SECRET_BYTES))
    uow.clients.add_secret(client, ClientSecret(secret.id, secret_hash(secret.value), now))
    return secret


def _log(
    uow: AccessUnit,
    context: Context,
    caller: Caller,
    type_: str,
    organisation: str,
    client: str,
    details: Mapping[str, object],
    issuer: str = OURS,
) -> None:
    """Write what became of a client, and all that is known of it from now on.

    The epoch orders the entries: of a client the newest says how it stands.
    """
    registered = uow.clients.find(client) if issuer == OURS else None
    said = {
        "client_id": client,
        **({"client_issuer": issuer} if issuer else {}),
        **details,
        "epoch": uow.clients.begin_change(),
        "state_sha256": state_digest(
            issuer, client, registered, uow.clients.revoked_at(issuer, client)
        ),
    }
    event = Event.by(caller, type_, organisation, details=said)
    context.journal.write(uow, event, context.clock())
