"""`consent-service keys …`: make, rotate, refill, prune, move, and mark as compromised."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from consent_service.persistence.keys.document import KeyFile

SIGNING = ("seal", "promise", "log", "cosignature", "token")
KINDS = ("kek", "index", "secret", *SIGNING)
SETTLE_SECONDS = 30.0
"""Longer than `keys.live.RELOAD_EVERY`, the longest request, and the file's way to all hosts."""

FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
SETTLE = click.option(
    "--settle-seconds",
    default=SETTLE_SECONDS,
    show_default=True,
    help="The time in which every process reads the file again, where that must be waited for.",
)


@click.group()
def keys() -> None:
    """Make and rotate the deployment's keys."""


@keys.command("init")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--in-module",
    default="",
    metavar="KINDS",
    help="Make these in the hardware module of CONSENT_PKCS11_…: all, or of "
    f"{','.join(KINDS)} those with commas between them.",
)
def init(file: Path, in_module: str) -> None:
    """Make a key file with a fresh key of every kind."""
    from consent_service.persistence.keys import changes

    inside = KINDS if in_module == "all" else tuple(filter(None, in_module.split(",")))
    if unknown := sorted(set(inside) - set(KINDS)):
        raise click.BadParameter(f"no kind of key: {', '.join(unknown)}", param_hint="--in-module")
    changes.create(_key_file(file), datetime.now(UTC), inside)
    click.echo(f"Made {file}. Keep a copy apart from the database's backups: without it nothing")
    click.echo("in the database can be read again.")
    if inside:
        click.echo(f"In the hardware module: {', '.join(inside)}. Back it up by its own means.")


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
    "--into",
    type=click.Choice(("file", "module")),
    help="Where the new key is made; where the old one is, unless you say so.",
)
@SETTLE
def rotate(
    use: Any,
    file: Path,
    lead_seconds: float,
    overlap_hours: float,
    into: Any,
    settle_seconds: float,
) -> None:
    """Replace the key of one kind while the service runs.

    kek and index work on the database of CONSENT_DATABASE_URL; interrupted, run them again.
    """
    from consent_service.persistence.keys import changes

    def settle() -> None:
        time.sleep(settle_seconds)

    with _changing(file) as key_file:
        if use in SIGNING:
            lead, overlap = timedelta(seconds=lead_seconds), timedelta(hours=overlap_hours)
            changes.rotate_signing_key(key_file, use, datetime.now(UTC), lead, overlap, into)
            click.echo(f"The new {use} key is published; it signs in {lead_seconds:g} seconds.")
            _destroy_unused(key_file, settle)
        else:
            with _engine() as engine:
                _rotation(use, engine, key_file, settle, into).run()


@keys.command("refill-employees")
@FILE
def refill_employees(file: Path) -> None:
    """Make the search hashes of employees anew that an older version wrote in another form.

    Works on the database of CONSENT_DATABASE_URL while the service runs; interrupted, run it
    again. Exits 1 where a hash is left that no version wrote: `audit verify` names its entry.
    """
    from consent_service.persistence.keys.index_slots import check_index_fits
    from consent_service.persistence.keys.sealing import KeyRing
    from consent_service.persistence.rotation import refilling

    with _changing(file) as key_file, _engine() as engine:
        held = key_file.read()
        check_index_fits(engine, held.index)
        done = refilling.refill_employees(engine, KeyRing(held.key_encryption), held.index)
    click.echo(f"Looked at {done.entries} entries that name an employee.")
    click.echo(f"Made the search hash of {done.refilled} anew.")
    if done.unexplained:
        click.echo(f"Left {done.unexplained} that no version wrote: see `audit verify`.")
        sys.exit(1)


@keys.command("prune")
@FILE
@SETTLE
def prune(file: Path, settle_seconds: float) -> None:
    """Destroy the private halves whose time is over."""
    from consent_service.persistence.keys import changes

    with _changing(file) as key_file:
        destroyed = changes.prune(key_file, datetime.now(UTC))
        _destroy_unused(key_file, lambda: time.sleep(settle_seconds))
    click.echo(f"Destroyed {destroyed} private halves.")


@keys.command("compromise")
@click.argument("use", type=click.Choice(SIGNING))
@click.argument("kid")
@FILE
@click.option(
    "--at", required=True, type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Since when, UTC."
)
@SETTLE
def compromise(use: Any, kid: str, file: Path, at: datetime, settle_seconds: float) -> None:
    """Mark a signing key as compromised since an instant; a new one signs at once."""
    from consent_service.persistence.keys import changes

    with _changing(file) as key_file:
        changes.mark_compromised(key_file, use, kid, at.replace(tzinfo=UTC), datetime.now(UTC))
        click.echo(f"The {use} key is marked as compromised; a new one signs.")
        _destroy_unused(key_file, lambda: time.sleep(settle_seconds))


@keys.command("move-secret")
@FILE
def move_secret(file: Path) -> None:
    """Take the key of links and sessions, which is not rotated, into the hardware module."""
    from consent_service.persistence.keys import changes

    with _changing(file) as key_file:
        changes.move_secret(key_file)
    click.echo("The key of links and sessions is in the hardware module. It was in the file until")
    click.echo("now: destroy the file's copies.")


def _key_file(path: Path) -> "KeyFile":
    from consent_service.module_settings import ModuleSettings
    from consent_service.persistence.keys.document import KeyFile
    from consent_service.persistence.keys.open_module import module_at

    return KeyFile(path, module_at(ModuleSettings.from_environment(os.environ)))


@contextmanager
def _changing(path: Path) -> Iterator["KeyFile"]:
    from consent_service.persistence.keys.writing import changing

    with changing(path):
        yield _key_file(path)


def _destroy_unused(file: "KeyFile", settle: Callable[[], None]) -> None:
    """In the hardware module: what the file names no more, once no process relies on it."""
    from consent_service.persistence.keys.writing import destroy_unused, unused

    if unused(file):
        settle()
        click.echo(f"Destroyed {destroy_unused(file)} keys in the hardware module.")


def _rotation(
    use: str, engine: "Engine", file: "KeyFile", settle: Callable[[], None], into: Any
) -> Any:
    from consent_service.persistence.rotation.index import IndexRotation
    from consent_service.persistence.rotation.wrapping import WrappingRotation

    kind = WrappingRotation if use == "kek" else IndexRotation
    return kind(engine, file, settle, click.echo, into)


@contextmanager
def _engine() -> Iterator["Engine"]:
    import sqlalchemy as sa

    from consent_service.config import database_url
    from consent_service.persistence.kernel.database import engine_options, prepare

    url = database_url(os.environ)
    engine = prepare(sa.create_engine(url, **engine_options(url)))
    try:
        yield engine
    finally:
        engine.dispose()
