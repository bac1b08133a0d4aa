"""The pages of an export that hold the whole tree's leaf hashes, after those of its entries.

Nobody is in them: a leaf is the hash of a header that commits to its body under a random salt, so
that who does not hold the header learns from it only what the size of the tree says already. So
unlike entries they are shown without an entry of the log about it.
"""

import re
from typing import Any, NamedTuple

from consent_service.audit.checkpoint import parse_checkpoint
from consent_service.audit.export_lines import LEAVES_IN_LINE, leaves_json
from consent_service.errors import InvalidInput
from consent_service.services.log.ports import Tree

BEGIN = "leaves"
"""The cursor of the first page; those that follow say where they begin, and where the tree ends."""

_PLACE = re.compile(r"leaves(?:\.([0-9]{1,15})\.([0-9]{1,15}))?", re.ASCII)


class Place(NamedTuple):
    """Where a page begins; `size` is the tree's, None until it is known."""

    first: int
    size: int | None


def read_place(cursor: str | None) -> Place | None:
    """The place that a cursor names; None for one of the entries' pages."""
    found = _PLACE.fullmatch(cursor or "")
    if found is None:
        return None
    first, size = found.groups()
    return Place(0, None) if size is None else Place(int(first), int(size))


def leaf_page(tree: Tree, place: Place, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """Up to `limit` lines of leaf hashes, and the cursor of the next page.

    The first page begins with the checkpoint that all of them lead to. Raises InvalidInput.
    """
    lines: list[dict[str, Any]] = []
    first, size = place
    if size is None:
        note = tree.checkpoint()
        if note is None:
            return [], None
        size = parse_checkpoint(note).size
        lines.append({"checkpoint": note})
    until = min(size, first + limit * LEAVES_IN_LINE)
    leaves = tree.leaves(first, until)
    if len(leaves) != until - first or not leaves:
        raise InvalidInput.field("/cursor", "Not a cursor from an earlier page.")
    lines += leaves_json(first, leaves)
    return lines, f"{BEGIN}.{until}.{size}" if until < size else None
