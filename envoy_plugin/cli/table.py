"""Text in columns."""

from collections.abc import Iterable, Sequence
from typing import Final

GAP: Final = "  "


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of equal length as lines; each column but the last is as wide as its widest cell.

    What a terminal would obey instead of showing it is escaped.
    """
    lines = [[cell if cell.isprintable() else cell.encode("unicode_escape").decode() for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
