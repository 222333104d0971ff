"""Which jobs a query is about: found by a tag that all of them have, then each looked at. Bounded, never a scan of all.

Of the tags that every job that fits must have, the rarest chooses the jobs to look at. Where none can be named, those
of the whole item are looked at. What would look at more than 10,000 jobs is refused.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from envoy_plugin.engine.queries import count_tagged, find_tagged
from envoy_plugin.errors import BadQuery, JobNotFound
from envoy_plugin.workflows.location import Extent
from envoy_plugin.workflows.places import meets
from envoy_plugin.workflows.scope import Scope
from envoy_plugin.workflows.search import Search, parse_search
from envoy_plugin.workflows.summary import EVERY, INDEXED, SUMMARY, Pair, Summary, facts_of, tags_of, texts_of
from envoy_plugin.workflows.where import Where, parse_where

MOST_LOOKED_AT: Final = 10_000
BATCH: Final = 500
Choice = tuple[Pair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs. `has_location` None: whether or not."""

    where: Where | None
    search: Search | None
    extent: Extent | None
    has_location: bool | None

    @property
    def choices(self) -> list[Choice]:
        """Of each, every job that fits has one."""
        found: list[Choice] = []
        for field, values in self.where.choices if self.where else ():
            if field in INDEXED or field == "jobId":
                found.append(tuple((field, _text(value)) for value in values))
        found += self.search.choices if self.search else ()
        if self.extent is not None or self.has_location is not None:
            found.append((("hasLocation", str(int(self.extent is not None or bool(self.has_location)))),))
        return found or [(EVERY,)]

    @property
    def tag(self) -> Pair | None:
        """The one tag that says all; None: each job must be looked at."""
        parts = [self.where, self.search, self.extent, self.has_location]
        choices = self.choices
        is_one = sum(part is not None for part in parts) <= 1 and len(choices) == len(choices[0]) == 1
        is_whole = self.search is None and self.extent is None and (self.where is None or self.where.is_equality)
        return choices[0][0] if is_one and is_whole and choices[0][0][0] != "jobId" else None

    def fits(self, summary: Summary) -> bool:
        """Whether a job with this summary is one of them."""
        if self.where is not None and not self.where.fits(facts_of(summary)):
            return False
        if self.search is not None and not self.search.fits(texts_of(summary)):
            return False
        if self.extent is not None and not ("box" in summary and meets(summary["box"], self.extent)):
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


async def find(scope: Scope, wanted: Wanted, first: int = BATCH) -> AsyncIterator[Summary]:
    """The summaries of the jobs that fit, the newest first; `first` is how many are looked at first.

    Raises:
        BadQuery: more than 10,000 jobs would have to be looked at.
    """
    choices, looked = wanted.choices, 0
    choice = await _rarest(scope, choices)
    others = [other for other in choices if other is not choice and all(field != "jobId" for field, _ in other)]
    async for ids in _candidates(scope, choice, max(first, BATCH) if others else first):
        looked += len(ids)
        if looked > MOST_LOOKED_AT:
            raise BadQuery(
                f"more than {MOST_LOOKED_AT} jobs would have to be looked at:"
                f" ask for a value of {', '.join(INDEXED[:6])}, … that fewer jobs have"
            )
        left = await _narrow(scope, ids, others)
        for at in range(0, len(left), first):
            for summary in await _summaries(scope, left[at : at + first]):
                if summary and wanted.fits(summary):
                    yield summary


async def count(scope: Scope, pair: Pair) -> int:
    """How many jobs have a tag."""
    return sum(await count_tagged(scope.store.engine, tags_of(scope.store, scope.item, pair)))


async def _rarest(scope: Scope, choices: Sequence[Choice]) -> Choice:
    if len(choices) == 1:
        return choices[0]
    tags = [[tag for pair in choice for tag in tags_of(scope.store, scope.item, pair)] for choice in choices]
    counts = iter(await count_tagged(scope.store.engine, [tag for one in tags for tag in one]))
    direct = [sum(field == "jobId" for field, _ in choice) for choice in choices]
    sizes = [few + sum(next(counts) for _ in one) for few, one in zip(direct, tags, strict=True)]
    return choices[sizes.index(min(sizes))]


async def _candidates(scope: Scope, choice: Choice, first: int) -> AsyncIterator[list[str]]:
    """The ids of the jobs that have one of these tags, the newest first, page by page."""
    direct = [await _direct(scope, value) for field, value in choice if field == "jobId"]
    named = sorted({job_id for job_id in direct if job_id}, reverse=True)
    named = await _narrow(scope, named, [(EVERY,)])  # an engine's id may be that of another item's job
    if named:
        yield named
    pairs = [pair for pair in choice if pair[0] != "jobId"]
    tags = [tag for pair in pairs for tag in tags_of(scope.store, scope.item, pair)]
    last, limit = "", first
    while tags:
        pages = [await find_tagged(scope.store.engine, tag, before=last, limit=limit) for tag in tags]
        found = sorted({job_id for page in pages for job_id in page} - set(named), reverse=True)
        more = max(map(len, pages)) == limit
        # of several tags only what is no older than the page that ends first is complete
        ends = [page[-1] for page in pages if len(page) == limit]
        page = [job_id for job_id in found if not ends or job_id >= max(ends)]
        if page:
            yield page
        if not more:
            return
        last, limit = max(ends), BATCH


async def _narrow(scope: Scope, ids: Sequence[str], others: Sequence[Choice]) -> list[str]:
    """Those of these jobs that have a tag of each other choice, too."""
    left = list(ids)
    for choice in others:
        if not left:
            break
        async with scope.store.engine.redis.pipeline(transaction=False) as pipe:
            for tag in (tag for pair in choice for tag in tags_of(scope.store, scope.item, pair)):
                pipe.zmscore(scope.store.engine.keys.tag(tag), left)
            scores = await pipe.execute()
        left = [job_id for job_id, *has in zip(left, *scores, strict=True) if any(one is not None for one in has)]
    return left


async def _direct(scope: Scope, job_id: str) -> str | None:
    try:
        return await scope.resolve(job_id)
    except JobNotFound:
        return None


async def _summaries(scope: Scope, ids: Sequence[str]) -> list[Summary]:
    engine = scope.store.engine
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hget(engine.keys.described(job_id), SUMMARY)
        found = await pipe.execute()
    return [from_json(engine.open(sealed)) if sealed else {} for sealed in found]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
