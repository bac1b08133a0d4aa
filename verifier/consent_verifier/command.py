"""`consent-verifier receipt|export|checkpoints …`: files in, sentences and an exit code out."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from consent_service import __version__
from consent_service.audit.offline import (
    UNUSABLE,
    UnusableInput,
    check_checkpoints,
    check_export,
    check_receipt,
    read_kept,
    read_published,
)

EXIT_CODES = (
    "Exits 0 when all is verified and compared, 1 when something is a lie, 2 when a file cannot be "
    "used, and 3 when something is not proven, or a checkpoint not compared."
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    sys.exit(run(_parser().parse_args(arguments)))


def run(given: argparse.Namespace) -> int:
    """The exit code of one command; what cannot be used is one sentence."""
    try:
        return _run(given)
    except (UnusableInput, OSError) as unusable:
        sys.stderr.write(f"consent-verifier: {_sentence(unusable)}\n")
        return UNUSABLE


def _run(given: argparse.Namespace) -> int:
    published = read_published(given.jwks, given.log)
    now = datetime.now(UTC)
    if given.command == "checkpoints":
        return check_checkpoints(given.checkpoints, published, _say, proofs=given.consistency)
    kept = read_kept(given.checkpoint, published)
    if given.command == "export":
        with given.export.open("rb") as export:
            return check_export(export, published, now, _say, kept=kept)
    receipt = given.receipt.read_bytes()
    if given.export is None:
        return check_receipt(receipt, published, now, _say, kept=kept)
    with given.export.open("rb") as export:
        return check_receipt(receipt, published, now, _say, kept=kept, export=export)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")


def _sentence(unusable: UnusableInput | OSError) -> str:
    if isinstance(unusable, UnusableInput):
        return unusable.detail
    return f"{unusable.filename}: {unusable.strerror}"


def _parser() -> argparse.ArgumentParser:
    published = argparse.ArgumentParser(add_help=False)
    published.add_argument("--jwks", required=True, type=Path, help="/.well-known/jwks.json, kept")
    published.add_argument(
        "--log", required=True, type=Path, help="/.well-known/consent-log.json, kept"
    )
    kept = argparse.ArgumentParser(add_help=False)
    kept.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        type=Path,
        help="a checkpoint that you kept, from /log/checkpoint; may be repeated",
    )
    parser = argparse.ArgumentParser(prog="consent-verifier", description=EXIT_CODES)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    receipt = commands.add_parser("receipt", parents=[published, kept], help="verify a receipt")
    receipt.add_argument("receipt", type=Path)
    receipt.add_argument(
        "--export", type=Path, help="an export with leaf hashes, to look its entries up in"
    )
    export = commands.add_parser("export", parents=[published, kept], help="verify an export")
    export.add_argument("export", type=Path)
    checkpoints = commands.add_parser(
        "checkpoints", parents=[published], help="verify checkpoints, and that the log only grew"
    )
    checkpoints.add_argument("checkpoints", nargs="+", type=Path)
    checkpoints.add_argument(
        "--consistency",
        action="append",
        default=[],
        type=Path,
        help="what /log/consistency?old=&new= answered; may be repeated",
    )
    return parser
