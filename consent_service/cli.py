"""`consent-service …`: serve, migrate, work, make keys and tokens, verify."""

import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consent_service.commands.assembled import assembled_parts
from consent_service.commands.audit import audit, verify
from consent_service.commands.clients import clients
from consent_service.commands.erase import erase, retention
from consent_service.commands.export_person import export_person
from consent_service.commands.keys import keys
from consent_service.commands.purposes import categories, purposes
from consent_service.commands.restore import restore
from consent_service.commands.staff import staff
from consent_service.errors import ConsentServiceError

if TYPE_CHECKING:
    from consent_service.config import Settings


@click.group()
@click.version_option(package_name="consent-service")
def cli() -> None:
    """Consent and data sharing about a child in distress."""


def main() -> None:
    """Run a command; what goes wrong is one sentence, never a trace."""
    try:
        cli()
    except ConsentServiceError as error:
        click.echo(f"consent-service: {error.detail or error.code}", err=True)
        sys.exit(1)


for command in (
    clients,
    staff,
    purposes,
    categories,
    erase,
    restore,
    retention,
    export_person,
    audit,
    verify,
):
    cli.add_command(command)


@cli.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--threads", default=4, show_default=True)
def serve(bind: str, workers: int, threads: int) -> None:
    """Serve the HTTP interface and the signing pages with gunicorn."""
    # The settings are checked here, so that a missing one is a sentence and no loop of workers.
    from consent_service.config import Settings

    settings = Settings.from_environment(os.environ)
    # So is the log: a database that contradicts the anchor is refused before anybody serves it.
    with assembled_parts():
        pass
    if settings.key_module is not None:
        _check_module(settings)
    os.execv(  # noqa: S606 - our own interpreter and fixed arguments, no shell
        sys.executable,
        [
            sys.executable,
            *("-m", "gunicorn", "-c", "python:consent_service.gunicorn_settings"),
            *("--bind", bind, "--workers", str(workers), "--threads", str(threads)),
        ],
    )


def _check_module(settings: "Settings") -> None:
    """A wrong PIN is tried once here, and not by every worker: after a few times modules lock."""
    from consent_service.wiring import key_source

    source = key_source(settings)
    source.read()
    if source.module is not None:
        source.module.close()


@cli.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from alembic.util import CommandError

    from consent_service.config import database_url
    from consent_service.persistence.kernel.migrate import upgrade

    try:
        upgrade(database_url(os.environ))
    except CommandError as error:
        detail = "The database was made by another version of the service; nothing was changed."
        raise click.ClickException(f"{detail} ({error})") from None


@cli.command()
def worker() -> None:
    """Integrate log entries and forget what has had its time, until told to stop."""
    from consent_service.logs import configure_logging
    from consent_service.persistence.kernel.database import check_durability
    from consent_service.worker import run_worker

    configure_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with assembled_parts() as parts:
        check_durability(parts.units.engine)
        run_worker(parts, stop)


cli.add_command(keys)


@cli.group()
def tokens() -> None:
    """Access tokens, for an installation without an authorization server of its own."""


@tokens.command("issue")
@click.option("--org", required=True, help="The organisation's id.")
@click.option("--client", required=True, help="The name of the calling system.")
@click.option("--scope", "scopes", required=True, multiple=True, help="May be repeated.")
@click.option("--hours", default=12, show_default=True, type=click.IntRange(1, 24 * 31))
def tokens_issue(org: str, client: str, scopes: tuple[str, ...], hours: int) -> None:
    """Print an access token."""
    from consent_service.config import Settings
    from consent_service.identity.bearer import issue_token
    from consent_service.persistence.units import new_id
    from consent_service.services.kernel.model import Caller
    from consent_service.wiring import key_source

    settings = Settings.from_environment(os.environ, signers=False, staff=False)
    now = datetime.now(UTC)
    token = issue_token(
        key_source(settings).read().signing["token"],
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        caller=Caller(org, client, frozenset(scopes)),
        issued_at=now,
        expires_at=now + timedelta(hours=hours),
        token_id=new_id(),
    )
    click.echo(token)


@cli.group()
def organisations() -> None:
    """The organisations of this deployment."""


@organisations.command("add")
@click.argument("id_", metavar="ID")
@click.argument("name")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(
        ["municipality", "child_psychiatry", "paediatrics", "general_practice", "other"]
    ),
)
@click.option("--phone")
@click.option("--email")
@click.option(
    "--confirmation",
    default="any",
    show_default=True,
    type=click.Choice(["any", "login"]),
    help="login: what one employee recorded is confirmed by another login, never by a client.",
)
def organisations_add(
    id_: str, name: str, kind: str, phone: str, email: str, confirmation: str
) -> None:
    """Register an organisation, as the operator does over HTTP."""
    from consent_service.api.catalogue.schemas import OrganisationBody
    from consent_service.services.catalogue.model import Organisation
    from consent_service.services.catalogue.register_organisation import register_organisation
    from consent_service.services.kernel.model import Caller

    contact = {"phone": phone, "email": email}
    members = {"id": id_, "name": name, "kind": kind, "contact": contact}
    body = OrganisationBody().load(members | {"confirmation": confirmation})
    with assembled_parts() as parts, parts.units.writing() as uow:
        operator = Caller("operator", "command-line")
        register_organisation(uow, parts.context, operator, Organisation(**body))
        uow.commit()


@cli.command()
@click.option("--play", is_flag=True, help="Walk the whole story without a browser, then stop.")
@click.option("--database-url", help="Run on this database instead of an SQLite file.")
@click.option("--folder", default=".demo", show_default=True, type=click.Path(path_type=Path))
@click.option("--port", default=8000, show_default=True)
def demo(play: bool, database_url: str | None, folder: Path, port: int) -> None:
    """Try everything with made-up families and a stand-in for MitID. Never for real people."""
    if play:
        from consent_service.demo.play import play as play_story

        play_story(folder, database_url, click.echo)
    else:
        from consent_service.demo.serve import serve_demo

        serve_demo(folder, database_url, port, click.echo)


if __name__ == "__main__":
    main()
