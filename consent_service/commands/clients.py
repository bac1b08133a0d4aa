"""`consent-service clients …`: the operator manages the systems that may ask for tokens."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consent_service.commands.assembled import assembled_parts
from consent_service.errors import InvalidInput
from consent_service.services.access.client import SCOPES

if TYPE_CHECKING:
    from consent_service.services.access.client import ClientKey
    from consent_service.services.kernel.context import Context
    from consent_service.services.kernel.model import Caller
    from consent_service.services.units import UnitOfWork

JWKS = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def clients() -> None:
    """The systems that may ask for tokens."""


@clients.command("add")
@click.argument("id_", metavar="ID")
@click.option("--org", required=True, help="Whose system it is.")
@click.option("--scope", "scopes", required=True, multiple=True, type=click.Choice(list(SCOPES)))
@click.option("--jwks", type=JWKS, help="Its public keys: it proves itself by private_key_jwt.")
@click.option("--secret", is_flag=True, help="Make a secret for it instead.")
def add(id_: str, org: str, scopes: tuple[str, ...], jwks: Path | None, secret: bool) -> None:
    """Register a system, with public keys or with a secret that is shown once."""
    from consent_service.api.http.fields import SLUG
    from consent_service.services.access import manage_clients

    if (jwks is None) is not secret:
        raise click.UsageError("Give --jwks or --secret.")
    if SLUG.fullmatch(id_) is None:
        raise click.UsageError("An id is 1 to 64 lower-case letters, digits and hyphens.")
    with _operator() as (uow, context, caller):
        _, made = manage_clients.register_client(
            uow,
            context,
            caller,
            client=id_,
            organisation=org,
            scopes=frozenset(scopes),
            auth_method="client_secret" if secret else "private_key_jwt",
            keys=_keys(jwks) if jwks else [],
        )
    if made is not None:
        _show_secret(made.id, made.value)


@clients.command("list")
def list_() -> None:
    """Print every client as a line of JSON."""
    from consent_service.api.access.clients import client_json

    after: str | None = None
    with _operator() as (uow, _, _caller):
        while page := uow.clients.page(after, 200):
            for client in page:
                click.echo(json.dumps(client_json(client)))
            after = page[-1].id


@clients.command("set-scopes")
@click.argument("id_", metavar="ID")
@click.option("--scope", "scopes", required=True, multiple=True, type=click.Choice(list(SCOPES)))
def set_scopes(id_: str, scopes: tuple[str, ...]) -> None:
    """Let a client ask for these scopes and no others; tokens that say more end at once."""
    from consent_service.services.access import manage_clients

    with _operator() as (uow, context, caller):
        manage_clients.change_scopes(uow, context, caller, id_, frozenset(scopes))


@clients.command("add-key")
@click.argument("id_", metavar="ID")
@click.argument("jwks", type=JWKS)
def add_key(id_: str, jwks: Path) -> None:
    """Add the public keys of a file: a JWK, or a set of them."""
    from consent_service.services.access import manage_clients

    with _operator() as (uow, context, caller):
        for key in _keys(jwks):
            manage_clients.add_key(uow, context, caller, id_, key)
            click.echo(key.kid)


@clients.command("remove-key")
@click.argument("id_", metavar="ID")
@click.argument("kid")
def remove_key(id_: str, kid: str) -> None:
    """Take a public key back."""
    from consent_service.services.access import manage_clients

    with _operator() as (uow, context, caller):
        manage_clients.remove_key(uow, context, caller, id_, kid)


@clients.command("new-secret")
@click.argument("id_", metavar="ID")
def new_secret(id_: str) -> None:
    """Make one more secret, shown once; the old one counts until it is revoked."""
    from consent_service.services.access import manage_clients

    with _operator() as (uow, context, caller):
        made = manage_clients.new_secret(uow, context, caller, id_)
    _show_secret(made.id, made.value)


@clients.command("revoke-secret")
@click.argument("id_", metavar="ID")
@click.argument("secret_id")
def revoke_secret(id_: str, secret_id: str) -> None:
    """Take a secret back, named by its id."""
    from consent_service.services.access import manage_clients

    with _operator() as (uow, context, caller):
        manage_clients.revoke_secret(uow, context, caller, id_, secret_id)


@clients.command("revoke")
@click.argument("id_", metavar="ID")
@click.option("--org", help="Whose system it is, for a client that is not registered here.")
@click.option("--issuer", help="Another issuer's name, for a client of its tokens.")
def revoke(id_: str, org: str | None, issuer: str | None) -> None:
    """Refuse a client at once and for ever, whoever issued its tokens."""
    from consent_service.services.access import manage_clients
    from consent_service.services.access.client import OURS

    if issuer and not org:
        raise click.UsageError("Say with --org whose system it is.")
    with _operator() as (uow, context, caller):
        if org is None:
            manage_clients.revoke_client(uow, context, caller, id_)
        else:
            manage_clients.revoke(
                uow, context, caller, issuer=issuer or OURS, client=id_, organisation=org
            )


@clients.command("suspend-all")
@click.option("--org", required=True, help="The organisation that runs the service.")
def suspend_all(org: str) -> None:
    """Refuse every client until it is confirmed: for when nothing vouches for them any more.

    Run `audit verify` first: it names what the log knows and the database lacks, revocations too.
    """
    from consent_service.services.access import manage_clients
    from consent_service.services.kernel.model import Caller

    # Also where the anchor's journal contradicts the clients: this is the way out.
    with assembled_parts(is_examined=True) as parts, parts.units.writing() as uow:
        above = parts.anchor.journal.read().largest_epoch
        operator = Caller("operator", "command-line")
        suspended = manage_clients.suspend_all(uow, parts.context, operator, org, above=above)
        uow.commit()
    click.echo(f"Suspended: {suspended}. Confirm each with `consent-service clients confirm`.")


@clients.command("confirm")
@click.argument("id_", metavar="ID")
def confirm(id_: str) -> None:
    """Let a suspended client in again, and print its scopes and the thumbprints of its keys."""
    from consent_service.services.access import manage_clients

    with _operator() as (uow, context, caller):
        client = manage_clients.confirm_client(uow, context, caller, id_)
        shown = {
            "id": client.id,
            "organisation": client.organisation,
            "scopes": sorted(client.scopes),
            "keys": [{"kid": key.kid, "thumbprint": _thumbprint(key)} for key in client.keys],
            "secrets": [one.id for one in client.secrets],
        }
    click.echo(json.dumps(shown))


def _thumbprint(key: "ClientKey") -> str | None:
    """The RFC 7638 name of a key; None for what is no key of ours, and proves nothing."""
    from consent_service.identity.public_keys import UnusableKey, thumbprint

    try:
        return thumbprint(key.jwk)
    except UnusableKey:
        return None


@contextmanager
def _operator() -> "Iterator[tuple[UnitOfWork, Context, Caller]]":
    """A unit of work in the operator's name, kept where nothing goes wrong."""
    from consent_service.services.kernel.model import Caller

    with assembled_parts() as parts, parts.units.writing() as uow:
        yield uow, parts.context, Caller("operator", "command-line")
        uow.commit()


def _keys(path: Path) -> list["ClientKey"]:
    from consent_service.api.access.clients import client_key

    now = datetime.now(UTC)
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        members = content.get("keys", [content])
        return [client_key(dict(one), now, "") for one in members]
    except (OSError, ValueError, TypeError, AttributeError):
        raise InvalidInput.field("", "The file is neither a JWK nor a set of them.") from None


def _show_secret(id_: str, value: str) -> None:
    click.echo(f"Secret {id_}, shown this once, on the next line.", err=True)
    click.echo(value)
