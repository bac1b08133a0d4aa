"""Tables for people, and the same figures as JSON."""

from collections.abc import Mapping, Sequence
from statistics import median


def ratios(
    rates: Mapping[str, Sequence[float]], pairs: Sequence[tuple[str, str, float | None]]
) -> list[dict[str, object]]:
    """For each (side, floor, goal): medians, and the median of the rounds' own ratios."""
    rows: list[dict[str, object]] = []
    for side, floor, goal in pairs:
        each = [ours / theirs for ours, theirs in zip(rates[side], rates[floor], strict=True)]
        rows.append(
            {
                "side": side,
                "per_second": round(median(rates[side]), 1),
                "floor": floor,
                "floor_per_second": round(median(rates[floor]), 1),
                "ratio": round(median(each), 3),
                "lowest": round(min(each), 3),
                "highest": round(max(each), 3),
                "goal": goal if goal is not None else "",
            }
        )
    return rows


def show(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows of the same columns as a table."""
    columns = list(rows[0])
    cells = [columns, *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(columns))]
    print(f"\n{title}")
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
