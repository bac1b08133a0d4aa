"""What the offline commands do: files in, sentences out, and one of four exit codes.

`consent-service` and the stand-alone verifier differ only in how they read their command line. The
exit code is 0 where everything is verified and compared, 1 where something is a lie, 2 where the
input cannot be used, and 3 where something is not proven, or a kept checkpoint is not compared.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from consent_service.audit.checkpoint import Checkpoint, InvalidCheckpoint
from consent_service.audit.export_checks import ExportChecks
from consent_service.audit.export_lines import InvalidExport
from consent_service.audit.history import History, KeptCheckpoint, KeptReport, LogForked
from consent_service.audit.log_export import read_log_export
from consent_service.audit.merkle import InvalidProof, verify_consistency
from consent_service.audit.note import InvalidNote, decode_base64
from consent_service.audit.origins import OriginRow, Origins
from consent_service.audit.receipt import verify_receipt
from consent_service.audit.receipt_document import InvalidReceipt
from consent_service.errors import ConsentServiceError
from consent_service.signing.keys import KeySet
from consent_service.signing.members import Members
from consent_service.signing.statement import Statement
from consent_service.signing.strict_json import NotJson, parse_json

VERIFIED, FAILED, UNUSABLE, UNPROVEN = range(4)
"""The exit codes."""

_CODES = {"failed": FAILED, "unverifiable": UNPROVEN, "not compared": UNPROVEN}

Say = Callable[[str], None]


class UnusableInput(ConsentServiceError):
    """A file is not what it is said to be, so nothing can be said of anything."""

    code = "unusable_input"


@dataclass(frozen=True)
class Published:
    """What everybody may have of a log: its published keys, and its names."""

    keys: KeySet
    origins: Origins


@dataclass(frozen=True)
class Consistency:
    """The answer of /log/consistency: a proof that one tree is the beginning of another."""

    old: int
    new: int
    path: tuple[bytes, ...]


def read_published(jwks: Path, description: Path) -> Published:
    """The keys of /.well-known/jwks.json, and the names in consent-log.json beside it.

    Raises UnusableInput.
    """
    origins = _read_origins(description)
    try:
        return Published(KeySet.from_jwks(_read_json(jwks)), origins)
    except ConsentServiceError as wrong:
        raise UnusableInput(f"{jwks}: {wrong.detail}") from None


def read_kept(paths: Iterable[Path], published: Published) -> list[KeptCheckpoint]:
    """Checkpoints of this log that somebody kept. Raises UnusableInput."""
    return [KeptCheckpoint(str(path), _read_checkpoint(path, published)) for path in paths]


def read_consistency(path: Path) -> Consistency:
    """A proof as /log/consistency answers it. Raises UnusableInput."""
    names = ("old", "new", "path")
    try:
        members = Members(_read_json(path), names, refusal=UnusableInput)
        hashes = tuple(decode_base64(str(one)) for one in members.items("path"))
        return Consistency(members.integer("old"), members.integer("new"), hashes)
    except (UnusableInput, InvalidNote) as wrong:
        raise UnusableInput(f"{path} is no consistency proof: {wrong.detail}") from None


def read_text(path: Path) -> str:
    """The text of a file, newlines as they stand. Raises UnusableInput."""
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise UnusableInput(f"{path} cannot be read as text") from None


def check_receipt(
    receipt: bytes,
    published: Published,
    now: datetime,
    say: Say,
    *,
    kept: Sequence[KeptCheckpoint] = (),
    export: Iterable[bytes] | None = None,
) -> int:
    """Verify a receipt; `export` are the lines of an export with leaf hashes.

    Raises UnusableInput.
    """
    try:
        tree = None if export is None else read_log_export(export)
        report = verify_receipt(receipt, published.keys, published.origins, now, tree, kept)
    except InvalidReceipt as wrong:
        raise UnusableInput(f"not a receipt: {wrong.detail}") from None
    except (InvalidExport, InvalidProof, InvalidCheckpoint) as wrong:
        raise UnusableInput(f"the export cannot be used: {wrong.detail}") from None
    for one in report.statements:
        said = one.statement
        what = _act(said) if said else "?"
        say(f"{one.verdict:13} statement {one.number} ({what}): {one.detail}")
    if report.checkpoint is not None:
        verdict, _, detail = report.checkpoint
        say(f"{verdict:13} the receipt's checkpoint: {detail}")
    _say_kept(report.kept, say)
    say("Whether an act was left out of a receipt, a later one too, nobody can tell from it.")
    return report.exit_code


def check_export(
    export: Iterable[bytes],
    published: Published,
    now: datetime,
    say: Say,
    *,
    kept: Sequence[KeptCheckpoint] = (),
) -> int:
    """Verify an export line by line."""
    checks = ExportChecks(published.keys, published.origins, now, kept)
    for line in checks.judged(export):
        if line.verdict != "verified":
            entry = f" (entry {line.entry})" if line.entry else ""
            say(f"{line.verdict:13} line {line.number}{entry}: {line.detail}")
    report = checks.report
    counts = [f"{count} {verdict}" for verdict, count in sorted(report.verdicts.items())]
    say(", ".join(counts) or "no lines")
    if report.tree is not None:
        verdict, _, detail = report.tree
        say(f"{verdict:13} the tree of all leaf hashes: {detail}")
    elif report.sizes > 1:
        say(f"The checkpoints in it, of {report.sizes} sizes, were not compared with each other:")
        say("an export with leaf hashes (leaves=true) lets them be.")
    _say_kept(report.kept, say)
    say("What is not in an export, nobody can tell from it.")
    return report.exit_code


def check_checkpoints(
    paths: Sequence[Path], published: Published, say: Say, *, proofs: Iterable[Path] = ()
) -> int:
    """Verify checkpoints, and that each is the beginning of the next larger one.

    For the latter `proofs` are needed, as /log/consistency answers them. Raises UnusableInput.
    """
    known = {(one.old, one.new): one for one in map(read_consistency, proofs)}
    history, code = History(published.origins), VERIFIED
    read: dict[int, Checkpoint] = {}
    for path in paths:
        verdict, detail = "verified", ""
        try:
            note = read_text(path)
            checkpoint = published.origins.verify(note, published.keys)
            history.add(checkpoint)
            detail = f"{checkpoint.size} entries at {checkpoint.time:%Y-%m-%d %H:%M:%S} UTC"
            if checkpoint.key.status == "compromised":
                verdict, detail = "unverifiable", "the log's key was compromised"
            elif history.is_lost(checkpoint):
                verdict, detail = "not compared", f"{detail}, of what a restore lost"
            else:
                read[checkpoint.size] = checkpoint
        except (InvalidCheckpoint, LogForked) as wrong:
            verdict, detail = "failed", wrong.detail
        say(f"{verdict:13} {path}: {detail}")
        code = _worse(code, _CODES.get(verdict, VERIFIED))
    for old, new in pairwise(sorted(read)):
        code = _worse(code, _check_growth(read[old], read[new], known.get((old, new)), say))
    return code


def _check_growth(old: Checkpoint, new: Checkpoint, proof: Consistency | None, say: Say) -> int:
    place = f"from {old.size} to {new.size} entries"
    if proof is None and old.size > 0:
        asked = f"/log/consistency?old={old.size}&new={new.size}"
        say(f"{'not compared':13} {place}: no proof; the log has it at {asked}")
        return UNPROVEN
    try:
        verify_consistency(old.size, old.root, new.size, new.root, proof.path if proof else ())
    except InvalidProof as wrong:
        say(f"{'failed':13} {place}: {wrong.detail}")
        return FAILED
    say(f"{'compared':13} {place}: the log only grew")
    return VERIFIED


def _worse(one: int, other: int) -> int:
    """The code of both: a lie before what is not proven."""
    return FAILED if FAILED in (one, other) else max(one, other)


def _act(said: Statement) -> str:
    """A sealed act in words; where no login proves its signer, on whose word it rests."""
    what = f"{said.decision} by {said.role}, {said.time:%Y-%m-%d %H:%M} UTC"
    if said.identity.id_token_sha256 is not None:
        return what
    return f"{what}, asserted by {said.identity.issuer}"


def _say_kept(reports: Iterable[KeptReport], say: Say) -> None:
    for one in reports:
        say(f"{one.verdict:13} kept checkpoint {one.name}: {one.detail}")


def _read_checkpoint(path: Path, published: Published) -> Checkpoint:
    try:
        return published.origins.verify(read_text(path), published.keys)
    except InvalidCheckpoint as wrong:
        raise UnusableInput(f"{path} is no checkpoint of this log: {wrong.detail}") from None


def _read_origins(description: Path) -> Origins:
    """The one name of a log, or, where it had several, all of them and where each begins."""
    match _read_json(description):
        case {"origins": [_, *_] as rows}:
            origins = Origins(tuple(_read_origin(row, description) for row in rows))
            _check_begins(origins, description)
            return origins
        case {"origin": str(origin)} if origin:
            return Origins.named(origin)
    raise UnusableInput(f"{description} does not name a log: no origin")


def _check_begins(origins: Origins, description: Path) -> None:
    """A name that begins twice would make what contradicts the log a part that was lost."""
    begins = [row.first_index for row in origins.rows]
    names = [row.origin for row in origins.rows]
    if begins != sorted({0, *begins}) or len(set(names)) != len(names):
        raise UnusableInput(f"{description} does not name a log: no name begins twice")


def _read_origin(row: object, description: Path) -> OriginRow:
    match row:
        case {
            "first_index": int(first),
            "origin": str(origin),
            "predecessor": str() | None as note,
        }:
            return OriginRow(first, origin, note)
    raise UnusableInput(f"{description} does not name a log: its origins cannot be read")


def _read_json(path: Path) -> object:
    try:
        return parse_json(read_text(path))
    except NotJson as wrong:
        raise UnusableInput(f"{path}: {wrong.detail}") from None
