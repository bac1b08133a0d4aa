"""`consent-service staff`: end the sessions of somebody who left, or whose computer is lost."""

import click

from consent_service.commands.assembled import assembled_parts
from consent_service.errors import Misconfigured


@click.group()
def staff() -> None:
    """Data-protection officers and operators who are logged in."""


@staff.command("end-sessions")
@click.option("--subject", help="The person's `sub` at the provider for staff.")
@click.option("--all", "everybody", is_flag=True, help="Everybody's sessions.")
def end_sessions(subject: str | None, everybody: bool) -> None:
    """Log somebody out everywhere, or everybody; each organisation concerned has a log entry.

    It works at their next request. Take the role away at the provider too, or they log in again.
    """
    from consent_service.services.access.end_staff_sessions import end_staff_sessions
    from consent_service.services.kernel.model import Caller

    if everybody == bool(subject):
        raise click.UsageError("Say either --subject or --all.")
    operator = Caller("operator", "command-line")
    with assembled_parts(staff=True) as parts, parts.units.writing() as uow:
        settings = parts.settings.staff
        if settings is None:
            raise Misconfigured("CONSENT_STAFF_OIDC_ISSUER is not set")
        named = (settings.issuer, subject) if subject else None
        organisations = end_staff_sessions(uow, parts.context, operator, named)
        uow.commit()
    click.echo("Ended." if organisations else "There was no session to end.")
