"""`consent-service tokens …`: tokens for an installation without an authorization server."""

from datetime import UTC, datetime, timedelta

import click

from consent_service.commands.assembled import assembled_parts
from consent_service.errors import NotFound
from consent_service.services.access.client import OPERATOR_SCOPE, SCOPES


@click.group()
def tokens() -> None:
    """Access tokens, for an installation without an authorization server of its own."""


@tokens.command("issue")
@click.option("--org", required=True, help="The organisation's id.")
@click.option("--client", required=True, help="The name of the calling system.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice(list(SCOPES)),
    help="May be repeated.",
)
@click.option("--hours", default=12, show_default=True, type=click.IntRange(1, 24 * 31))
def issue(org: str, client: str, scopes: tuple[str, ...], hours: int) -> None:
    """Print an access token.

    The organisation is a registered one, but for who only registers others.
    """
    from consent_service.identity.bearer import issue_token
    from consent_service.persistence.units import new_id
    from consent_service.services.kernel.model import Caller

    with assembled_parts() as parts:
        if set(scopes) != {OPERATOR_SCOPE}:
            with parts.units.reading() as uow:
                is_known = uow.catalogue.has_organisation(org)
            if not is_known:
                raise NotFound(f"There is no organisation {org!r}: organisations add.")
        settings, now = parts.settings, datetime.now(UTC)
        token = issue_token(
            parts.keys.signing["token"],
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            caller=Caller(org, client, frozenset(scopes)),
            issued_at=now,
            expires_at=now + timedelta(hours=hours),
            token_id=new_id(),
        )
    click.echo(token)
