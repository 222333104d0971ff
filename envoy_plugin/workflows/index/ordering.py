"""The first rows of an order, out of any number: few are kept, and what is behind the last of them isn't looked at."""

from collections.abc import Collection, Sequence
from typing import Any, Final, TypeAlias

from envoy_plugin.workflows.index.summary import Summary, facts_of
from envoy_plugin.workflows.models import SortField

ROOM: Final = 1_000
"""How many rows more than are wanted are kept, before they are brought in order and the last ones left."""
Rank: TypeAlias = tuple[bool, Any]
Row: TypeAlias = tuple[tuple[Rank, ...], str, Summary]


class First:
    """The first `most` rows by these fields, with these columns of each.

    Ties are by the ids of jobs; what has no value is last, either way. Of several values the first counts.
    """

    def __init__(self, order: Sequence[SortField], most: int, columns: Collection[str]) -> None:
        self._order = [(one.field, one.sort_order == "Desc") for one in order]
        self._most = most
        self._columns = frozenset(columns)
        self._rows: list[Row] = []
        self._last: Rank | None = None

    def add(self, summary: Summary) -> None:
        """Take a row into account."""
        ranks = tuple(_rank(summary, field, is_down) for field, is_down in self._order)
        if self._last is not None and self._is_behind(ranks[0], self._last):
            return
        kept = {name: summary[name] for name in self._columns if name in summary}
        self._rows.append((ranks, str(summary["jobId"][0]), kept))
        if len(self._rows) >= 2 * self._most + ROOM:
            self._cut()

    def rows(self) -> list[Summary]:
        """The first rows, in order."""
        self._cut()
        return [kept for _, _, kept in self._rows]

    def _is_behind(self, rank: Rank, last: Rank) -> bool:
        return rank < last if self._order[0][1] else rank > last

    def _cut(self) -> None:
        self._rows.sort(key=lambda row: row[1])
        for at, (_, is_down) in reversed([*enumerate(self._order)]):
            self._rows.sort(key=lambda row, at=at: row[0][at], reverse=is_down)  # type: ignore[misc]
        del self._rows[self._most :]
        if self._rows:
            self._last = self._rows[-1][0][0]


def _rank(summary: Summary, field: str, is_down: bool) -> Rank:  # noqa: FBT001 - a part of the order
    """Sorts behind every value where there is none, also where the order is turned round."""
    values = facts_of(summary, (field,)).get(field)
    return (bool(values) is is_down, values[0] if values else 0)
