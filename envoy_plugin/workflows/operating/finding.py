"""Which jobs a query is about: found by tags that all of them have, then looked at where tags don't say it all.

Redis puts the tags together, beginning with the rarest; where none can be named, with all jobs of the item. To look at
a job is to read and open its summary. Bounded, never a scan without end.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pydantic_core import from_json

from envoy_plugin.engine.tagged import Group, count_tagged, find_tagged
from envoy_plugin.errors import BadQuery, JobNotFound
from envoy_plugin.workflows.index.search import Search, parse_search
from envoy_plugin.workflows.index.summary import (
    EVERY,
    INDEXED,
    SUMMARY,
    Pair,
    Summary,
    facts_of,
    tag_text,
    tags_of,
    texts_of,
)
from envoy_plugin.workflows.index.where import Where, parse_where
from envoy_plugin.workflows.location import Extent
from envoy_plugin.workflows.operating.scope import Scope

MOST_LOOKED_AT: Final = 100_000
MOST_PASSED: Final = 1_000_000
"""How many jobs that have the rarest tag; that they have the others is asked in Redis, some million times a second."""
MOST_VALUES: Final = 64
"""Of longer lists each job is looked at, rather than Redis asked for every value."""
BATCH: Final = 250
"""How many jobs are looked at in one go: some milliseconds, in which nothing else is served."""
NEVER: Final = 2**53
Choice = tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which jobs. `has_location` None: whether or not."""

    where: Where | None
    search: Search | None
    extent: Extent | None
    has_location: bool | None

    @cached_property
    def choices(self) -> list[Choice]:
        """Of each, every job that fits has one; the long ones only where there is no other."""
        short = [choice for choice in self._all_choices if len(choice) <= MOST_VALUES]
        return short or self._all_choices or [(EVERY,)]

    @cached_property
    def is_told(self) -> bool:
        """Whether every job that has one of each choice fits; else each must be looked at."""
        if self.extent is not None or len(self.choices) < len(self._all_choices) or self.names_ids:
            return False
        is_indexed = self.where is None or self.where.fields <= frozenset(INDEXED)
        return is_indexed and all(part.is_told for part in (self.where, self.search) if part is not None)

    @property
    def names_ids(self) -> bool:
        """Whether jobs are chosen by their ids, which could be those of another item's jobs."""
        return any(field == "jobId" for choice in self.choices for field, _ in choice)

    @cached_property
    def _all_choices(self) -> list[Choice]:
        found: list[Choice] = []
        for field, values in self.where.choices if self.where else ():
            if field in INDEXED or field == "jobId":
                found.append(tuple((field, tag_text(value)) for value in dict.fromkeys(values)))
        found += self.search.choices if self.search else ()
        if self.extent is not None or self.has_location is not None:
            found.append((("hasLocation", str(int(self.extent is not None or bool(self.has_location)))),))
        return found

    def fits(self, summary: Summary) -> bool:
        """Whether a job with this summary is one of them."""
        if self.where is not None and not self.where.fits(facts_of(summary, self.where.fields)):
            return False
        if self.search is not None and not self.search.fits(texts_of(summary)):
            return False
        if self.extent is not None and not ("box" in summary and self.extent.meets(summary["box"])):
            return False
        return self.has_location is None or bool(summary["hasLocation"][0]) == self.has_location


def wanted_of(scope: Scope, query: Any) -> Wanted:
    """What a query, or the details of statistics, ask for.

    Raises:
        BadQuery: `q` or `search` can't be read.
        BadLocation: the extent can't be.
    """
    user = scope.caller.user
    return Wanted(
        where=parse_where(query.q, user=user) if query.q else None,
        search=parse_search(query.search) if query.search else None,
        extent=Extent.parse(query.spatial_extent) if query.spatial_extent else None,
        has_location=query.has_location,
    )


async def find(scope: Scope, wanted: Wanted, *, skip: int = 0, first: int = BATCH) -> AsyncIterator[Summary]:
    """The summaries of the jobs that fit, the newest first, without so many; `first` is how many are read at first.

    Raises:
        BadQuery: more than 100,000 jobs would have to be looked at.
    """
    engine, groups = scope.store.engine, await _groups(scope, wanted)
    looked, passed, before, limit = 0, 0, "", first
    while True:
        left_out = skip if wanted.is_told else 0
        async with scope.store.turn if before else nullcontext():
            page = await find_tagged(engine, groups, before=before, skip=left_out, limit=limit, kept=SUMMARY)
            looked, passed = looked + len(page.ids), passed + page.passed
            _check_bounds(looked, passed)
            found = _fitting(scope, wanted, page.kept)
        dropped = 0 if wanted.is_told else min(skip, len(found))
        skip -= page.skipped + dropped
        for summary in found[dropped:]:
            yield summary
        if not page.before:
            return
        before, limit = page.before, BATCH


def _fitting(scope: Scope, wanted: Wanted, kept: Sequence[bytes | None]) -> list[Summary]:
    """Those that fit; what is gone meanwhile doesn't."""
    found: list[Summary] = [from_json(scope.store.engine.open(sealed)) for sealed in kept if sealed]
    if wanted.is_told:
        return [summary for summary in found if summary]
    return [summary for summary in found if summary and wanted.fits(summary)]


async def count(scope: Scope, wanted: Wanted) -> int:
    """How many jobs fit; only where tags say it all.

    Raises:
        BadQuery: more than 1,000,000 would have to be passed.
    """
    engine, groups = scope.store.engine, await _groups(scope, wanted)
    if len(wanted.choices) == len(wanted.choices[0]) == 1:
        return sum(await count_tagged(engine, groups[0].tags))
    counted, passed, page = 0, 0, await find_tagged(engine, groups, skip=NEVER, limit=1)
    while True:
        counted, passed = counted + page.skipped, passed + page.passed
        _check_bounds(0, passed)
        if not page.before:
            return counted
        page = await find_tagged(engine, groups, before=page.before, skip=NEVER, limit=1)


def _check_bounds(looked: int, passed: int) -> None:
    if looked > MOST_LOOKED_AT or passed > MOST_PASSED:
        most = MOST_LOOKED_AT if looked > MOST_LOOKED_AT else MOST_PASSED
        raise BadQuery(
            f"more than {most} jobs would have to be looked at:"
            f" ask for a value of {', '.join(INDEXED[:6])}, … that fewer jobs have"
        )


async def _groups(scope: Scope, wanted: Wanted) -> list[Group]:
    """What jobs are found by; where ids are named, the item's own jobs among them."""
    groups = [await _group(scope, choice) for choice in wanted.choices]
    return [*groups, await _group(scope, (EVERY,))] if wanted.names_ids else groups


async def _group(scope: Scope, choice: Choice) -> Group:
    ids = [await _direct(scope, value) for field, value in choice if field == "jobId"]
    pairs = [pair for pair in choice if pair[0] != "jobId"]
    tags = [tag for pair in pairs for tag in tags_of(scope.store, scope.item, pair)]
    return Group(tags=tags, ids=[job_id for job_id in ids if job_id])


async def _direct(scope: Scope, job_id: str) -> str | None:
    try:
        return await scope.resolve(job_id)
    except JobNotFound:
        return None
