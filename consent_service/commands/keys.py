"""`consent-service keys …`: make, rotate, prune, and mark as compromised."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

SIGNING = ("seal", "promise", "log", "token")
SETTLE_SECONDS = 30.0
"""Longer than `keys.live.RELOAD_EVERY`, the longest request, and the file's way to all hosts."""

FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group()
def keys() -> None:
    """Make and rotate the deployment's keys."""


@keys.command("init")
@click.argument("file", type=click.Path(path_type=Path))
def init(file: Path) -> None:
    """Make a key file with a fresh key of every kind."""
    from consent_service.persistence.keys import document

    document.create(file, datetime.now(UTC))
    click.echo(f"Made {file}. Keep a copy apart from the database's backups: without it nothing")
    click.echo("in the database can be read again.")


@keys.command("rotate")
@click.argument("use", type=click.Choice((*SIGNING, "kek", "index")))
@FILE
@click.option(
    "--lead-seconds",
    default=120.0,
    show_default=True,
    help="Signing keys: published this long before it signs.",
)
@click.option(
    "--overlap-hours",
    default=24.0,
    show_default=True,
    help="Signing keys: how much longer the old one counts.",
)
@click.option(
    "--settle-seconds",
    default=SETTLE_SECONDS,
    show_default=True,
    help="kek and index: the time in which every process reads the file again.",
)
def rotate(
    use: Any, file: Path, lead_seconds: float, overlap_hours: float, settle_seconds: float
) -> None:
    """Replace the key of one kind while the service runs.

    kek and index work on the database of CONSENT_DATABASE_URL; interrupted, run them again.
    """
    from consent_service.persistence.keys import changes

    with changes.changing(file):
        if use in SIGNING:
            lead, overlap = timedelta(seconds=lead_seconds), timedelta(hours=overlap_hours)
            changes.rotate_signing_key(file, use, datetime.now(UTC), lead, overlap)
            click.echo(f"The new {use} key is published; it signs in {lead_seconds:g} seconds.")
        else:
            with _engine() as engine:
                _rotation(use, engine, file, lambda: time.sleep(settle_seconds)).run()


@keys.command("prune")
@FILE
def prune(file: Path) -> None:
    """Destroy the private halves whose time is over."""
    from consent_service.persistence.keys import changes

    with changes.changing(file):
        destroyed = changes.prune(file, datetime.now(UTC))
    click.echo(f"Destroyed {destroyed} private halves.")


@keys.command("compromise")
@click.argument("use", type=click.Choice(SIGNING))
@click.argument("kid")
@FILE
@click.option(
    "--at", required=True, type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Since when, UTC."
)
def compromise(use: Any, kid: str, file: Path, at: datetime) -> None:
    """Mark a signing key as compromised since an instant; a new one signs at once."""
    from consent_service.persistence.keys import changes

    with changes.changing(file):
        changes.mark_compromised(file, use, kid, at.replace(tzinfo=UTC), datetime.now(UTC))
    click.echo(f"The {use} key is marked as compromised; a new one signs.")


def _rotation(use: str, engine: "Engine", file: Path, settle: Callable[[], None]) -> Any:
    from consent_service.persistence.rotation.index import IndexRotation
    from consent_service.persistence.rotation.wrapping import WrappingRotation

    kind = WrappingRotation if use == "kek" else IndexRotation
    return kind(engine, file, settle, click.echo)


@contextmanager
def _engine() -> Iterator["Engine"]:
    import sqlalchemy as sa

    from consent_service.config import database_url
    from consent_service.persistence.database import engine_options, prepare

    url = database_url(os.environ)
    engine = prepare(sa.create_engine(url, **engine_options(url)))
    try:
        yield engine
    finally:
        engine.dispose()
