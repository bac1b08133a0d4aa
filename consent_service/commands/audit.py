"""`consent-service audit` and `verify`: the log, an export of it, or one receipt, verified."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from consent_service.commands.assembled import assembled_parts, verify_with_keys

if TYPE_CHECKING:
    from consent_service.signing.keys import KeySet
    from consent_service.signing.statement import Statement

_FILE = click.Path(path_type=Path, exists=True)


def _published(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two files that everybody may have of a log: its keys, and its description."""
    with_log = click.option(
        "--log",
        "log_description",
        required=True,
        type=_FILE,
        help="The log's description, from /.well-known/consent-log.json.",
    )
    with_keys = click.option(
        "--jwks",
        required=True,
        type=_FILE,
        help="The service's published keys, from /.well-known/jwks.json.",
    )
    return with_keys(with_log(command))


def _read_published(jwks: Path, log_description: Path) -> "tuple[KeySet, str]":
    """The keys, and the log's origin. Raises Misconfigured."""
    from consent_service.errors import Misconfigured
    from consent_service.signing.keys import KeySet

    try:
        published = KeySet.from_jwks(json.loads(jwks.read_text()))
        return published, str(json.loads(log_description.read_text())["origin"])
    except (ValueError, KeyError, TypeError):
        raise Misconfigured("--jwks or --log is not the file the service publishes") from None


@click.group()
def audit() -> None:
    """The log."""


@audit.command("verify")
@click.option("--checkpoint", "checkpoints", multiple=True, type=_FILE)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that check side by side; one for each processor unless told otherwise.",
)
def audit_verify(checkpoints: tuple[Path, ...], workers: int | None) -> None:
    """Verify the whole log of the configured database; exits 1 at the first lie."""
    with assembled_parts() as parts:
        outside = [path.read_text() for path in checkpoints]
        report = verify_with_keys(parts, outside, workers)
    for checked in report.checked:
        click.echo(checked)
    for finding in (*report.notices, *report.findings):
        click.echo(f"{finding.kind}: {finding.place}: {finding.detail}")
    click.echo("The log verifies." if not report.findings else "THE LOG DOES NOT VERIFY.")
    sys.exit(report.exit_code)


@audit.command("verify-export")
@click.argument("export", type=click.File("rb"))
@_published
@click.option("--checkpoint", "checkpoints", multiple=True, type=_FILE)
def audit_verify_export(
    export: IO[bytes], jwks: Path, log_description: Path, checkpoints: tuple[Path, ...]
) -> None:
    """Verify an export line by line: no database, no service; - is standard input.

    Exits 0 when every line is verified, 1 when one fails, 3 when one is not proven yet.
    """
    from consent_service.audit.export_checks import ExportChecks

    keys, origin = _read_published(jwks, log_description)
    kept = [path.read_text() for path in checkpoints]
    checks = ExportChecks(keys, origin, datetime.now(UTC), kept)
    for line in checks.judged(export):
        if line.verdict != "verified":
            place = f"line {line.number} (entry {line.entry or '?'})"
            click.echo(f"{line.verdict:13} {place}: {line.detail}")
    said = [f"{count} {verdict}" for verdict, count in sorted(checks.report.verdicts.items())]
    click.echo(", ".join(said) or "no lines")
    click.echo("What is not in an export, nobody can tell from it.")
    sys.exit(checks.report.exit_code)


def _act(said: "Statement") -> str:
    """A sealed act in words; where no login proves its signer, on whose word it rests."""
    what = f"{said.decision} by {said.role}, {said.time:%Y-%m-%d %H:%M} UTC"
    if said.identity.id_token_sha256 is not None:
        return what
    return f"{what}, asserted by {said.identity.issuer}"


@click.command()
@click.argument("receipt", type=_FILE)
@_published
def verify(receipt: Path, jwks: Path, log_description: Path) -> None:
    """Verify a receipt with published keys alone: no database, no service, years later.

    Exits 0 when every statement is verified, 1 when one fails, 3 when one is not proven yet.
    """
    from consent_service.audit.receipt import verify_receipt

    published, origin = _read_published(jwks, log_description)
    report = verify_receipt(receipt.read_bytes(), published, origin, datetime.now(UTC))
    for one in report.statements:
        said = one.statement
        what = _act(said) if said else "?"
        click.echo(f"{one.verdict:13} statement {one.number} ({what}): {one.detail}")
    sys.exit(report.exit_code)
