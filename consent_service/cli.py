"""`consent-service …`: serve, migrate, work, make keys and tokens, verify."""

import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path

import click

from consent_service.commands.assembled import assembled_parts
from consent_service.commands.audit import audit, verify
from consent_service.commands.check import check, require_sound, say_which_database
from consent_service.commands.clients import clients
from consent_service.commands.erase import erase, retention
from consent_service.commands.export_person import export_person
from consent_service.commands.keys import keys
from consent_service.commands.organisations import organisations
from consent_service.commands.purposes import categories, purposes
from consent_service.commands.restore import restore
from consent_service.commands.staff import staff
from consent_service.commands.templates import templates
from consent_service.commands.tokens import tokens
from consent_service.errors import ConsentServiceError


@click.group()
@click.version_option(package_name="consent-service")
def cli() -> None:
    """Consent and data sharing about a child in distress."""


def main() -> None:
    """Run a command; what goes wrong is a sentence, never a trace."""
    try:
        cli()
    except ConsentServiceError as error:
        for sentence in getattr(error, "faults", None) or (error.detail or error.code,):
            click.echo(f"consent-service: {sentence}", err=True)
        sys.exit(1)
    except Exception as error:
        # A command that needs no database has not loaded what speaks with one.
        if "sqlalchemy" not in sys.modules or not _is_of_a_database(error):
            raise
        from consent_service.persistence.kernel.database_checks import sentence_of

        click.echo(f"consent-service: {sentence_of(error)}", err=True)
        sys.exit(1)


def _is_of_a_database(error: Exception) -> bool:
    from sqlalchemy.exc import DBAPIError

    return isinstance(error, DBAPIError | sqlite3.Error)


for command in (
    check,
    clients,
    keys,
    organisations,
    templates,
    tokens,
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
    # Everything is checked here, so that what is wrong is a few sentences and no loop of workers. A
    # wrong PIN is tried once by this, and not by every worker: after a few times modules lock.
    require_sound(os.environ)
    # The log's anchor is made here, where there is none yet, and its journal settled.
    with assembled_parts():
        pass
    os.execv(  # noqa: S606 - our own interpreter and fixed arguments, no shell
        sys.executable,
        [
            sys.executable,
            *("-m", "gunicorn", "-c", "python:consent_service.gunicorn_settings"),
            *("--bind", bind, "--workers", str(workers), "--threads", str(threads)),
        ],
    )


@cli.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from alembic.util import CommandError

    from consent_service.config import database_url
    from consent_service.persistence.kernel.migrate import upgrade

    if said := say_which_database(os.environ):
        click.echo(f"consent-service: {said}", err=True)
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
