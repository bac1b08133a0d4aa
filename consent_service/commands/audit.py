"""`consent-service audit` and `verify`: the log, or what somebody has of it, verified.

All but the whole log is verified offline (`audit.offline`), as by the stand-alone verifier.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from consent_service.commands.assembled import assembled_parts, verify_with_keys

if TYPE_CHECKING:
    from consent_service.audit.offline import Published

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_KEPT = click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=_FILE,
    help="A checkpoint that you kept, from /log/checkpoint. May be repeated.",
)


def _offline(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command that needs the two files everybody may have of a log, and no settings.

    It answers the exit code.
    """

    @click.option(
        "--jwks",
        required=True,
        type=_FILE,
        help="The service's published keys, from /.well-known/jwks.json.",
    )
    @click.option(
        "--log",
        "log_description",
        required=True,
        type=_FILE,
        help="The log's description, from /.well-known/consent-log.json.",
    )
    @wraps(command)
    def run(jwks: Path, log_description: Path, **options: Any) -> None:
        from consent_service.audit.offline import read_published

        with _usable():
            code = command(read_published(jwks, log_description), **options)
        sys.exit(code)

    return run


@contextmanager
def _usable() -> Iterator[None]:
    """What cannot be used is one sentence, and not the exit code of a lie."""
    from consent_service.audit.offline import UnusableInput

    try:
        yield
    except UnusableInput as unusable:
        raise _Unusable(unusable.detail) from None


class _Unusable(click.ClickException):
    exit_code = 2  # as click itself for a wrong command line (`audit.offline.UNUSABLE`)


@click.group()
def audit() -> None:
    """The log."""


@audit.command("verify")
@_KEPT
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that check side by side; one for each processor unless told otherwise.",
)
def audit_verify(checkpoints: tuple[Path, ...], workers: int | None) -> None:
    """Verify the whole log of the configured database; exits 1 at the first lie."""
    from consent_service.audit.offline import read_text

    with _usable():
        outside = [read_text(path) for path in checkpoints]
    with assembled_parts(is_examined=True) as parts:
        report = verify_with_keys(parts, outside, workers)
    for checked in report.checked:
        click.echo(checked)
    for finding in (*report.notices, *report.findings):
        click.echo(f"{finding.kind}: {finding.place}: {finding.detail}")
    click.echo("The log verifies." if not report.findings else "THE LOG DOES NOT VERIFY.")
    sys.exit(report.exit_code)


@audit.command("adopt")
@click.argument("checkpoint", type=_FILE)
def audit_adopt(checkpoint: Path) -> None:
    """Make a kept checkpoint the anchor of a log whose anchor was lost.

    Take the newest that anybody kept: what was cut off after it cannot be noticed.
    """
    from consent_service.audit.offline import read_text
    from consent_service.persistence.log.adopting import adopt

    with _usable():
        note = read_text(checkpoint)
    with assembled_parts(is_examined=True) as parts:
        kept = adopt(parts.units.engine, parts.anchor, parts.log_identity(), note)
    click.echo(f"The anchor is the checkpoint of {kept.size} entries, {kept.time.isoformat()}.")


@audit.command("verify-export")
@click.argument("export", type=click.File("rb"))
@_KEPT
@_offline
def audit_verify_export(
    published: "Published", export: IO[bytes], checkpoints: tuple[Path, ...]
) -> int:
    """Verify an export line by line: no database, no service; - is standard input.

    Exits 0 when every line is verified and every checkpoint you kept compared, 1 when something is
    a lie, 2 when a file cannot be used, 3 when a line is not proven or a checkpoint not compared.
    """
    from consent_service.audit.offline import check_export, read_kept

    kept = read_kept(checkpoints, published)
    return check_export(export, published, datetime.now(UTC), click.echo, kept=kept)


@audit.command("verify-checkpoints")
@click.argument("checkpoints", nargs=-1, required=True, type=_FILE)
@click.option(
    "--consistency",
    "proofs",
    multiple=True,
    type=_FILE,
    help="What /log/consistency?old=&new= answered. May be repeated.",
)
@_offline
def audit_verify_checkpoints(
    published: "Published", checkpoints: tuple[Path, ...], proofs: tuple[Path, ...]
) -> int:
    """Verify checkpoints that you kept, and by proofs that each grew out of the one before it.

    Exits as verify-export does.
    """
    from consent_service.audit.offline import check_checkpoints

    return check_checkpoints(checkpoints, published, click.echo, proofs=proofs)


@click.command()
@click.argument("receipt", type=_FILE)
@_KEPT
@click.option(
    "--export",
    type=click.File("rb"),
    help="An export with leaf hashes (leaves=true), to look the receipt's entries up in.",
)
@_offline
def verify(
    published: "Published", receipt: Path, checkpoints: tuple[Path, ...], export: IO[bytes] | None
) -> int:
    """Verify a receipt with published keys alone: no database, no service, years later.

    Exits 0 when all of it is verified and every checkpoint you kept compared, 1 when something is a
    lie, 2 when a file cannot be used, 3 when something is not proven or not compared.
    """
    from consent_service.audit.offline import check_receipt, read_kept

    kept = read_kept(checkpoints, published)
    now, data = datetime.now(UTC), receipt.read_bytes()
    return check_receipt(data, published, now, click.echo, kept=kept, export=export)
