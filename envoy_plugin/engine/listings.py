"""Lists of jobs, page by page, and counts. What a page costs depends on its size, not on how many jobs there are.

By a fact that jobs are listed by (their queue, kind, install or parent), a list is in the order in which they were
made, the newest first, and its cursors hold while jobs come and go. By state alone, each state's index has its order.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.ids import first_id_at
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import load_jobs, queues_of, text_of
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Listing
from envoy_plugin.errors import BadCursor

MOST_LISTED: Final = 1_000
MOST_LOOKED_AT: Final = 1_000
"""How many jobs one page looks at, where more is asked of them than the list tells."""
LEAST_READ: Final = 100
"""How many jobs are read at once where few of them may be wanted."""
BY_STATE: Final = re.compile(r"s:([a-z]+:?[^ ]*) (\S+) (\S+)")
BY_ID: Final = re.compile(r"i:(\S+)")

Place: TypeAlias = tuple[str, str]
"""Where a page goes on: a cursor, and the id before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs: in these states, with these facts, made from `created_after` on and before `created_before`.

    Jobs are found by the first fact here that they are listed by: parent, queue, install, kind. Those that weren't
    enqueued with it aren't found by it, but `everywhere`: then each page looks through the jobs of these states.
    """

    states: frozenset[State] = field(default=frozenset(State))
    queue: str | None = None
    kind: str | None = None
    install: str | None = None
    parent: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    everywhere: bool = False

    @property
    def facts(self) -> dict[Listing, str]:
        """The facts that are asked for, the most telling first."""
        order = (Listing.PARENT, Listing.QUEUE, Listing.INSTALL, Listing.KIND)
        return {fact: value for fact in order if (value := getattr(self, fact)) is not None}

    def fits(self, job: Job) -> bool:
        """Whether a job is one of these."""
        in_time = (self.created_after is None or job.made >= self.created_after) and (
            self.created_before is None or job.made < self.created_before
        )
        return in_time and job.state in self.states and all(getattr(job, f) == v for f, v in self.facts.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some jobs, and where the next page begins; None: there is none."""

    jobs: tuple[Job, ...]
    cursor: str | None


async def find_jobs(engine: Engine, wanted: Filter, *, cursor: str | None = None, limit: int = 50) -> Page:
    """A page of at most `limit` jobs, at most 1,000.

    It may hold fewer, even none, and still have a cursor: where the list alone doesn't tell which jobs are wanted, one
    page looks at no more than 1,000.

    Raises:
        BadCursor: `cursor` is of another list, or of none.
    """
    limit = max(1, min(limit, MOST_LISTED))
    find = _by_fact if wanted.facts and not wanted.everywhere else _by_state
    found: list[Job] = []
    place, looked = cursor, 0
    async for places in find(engine, wanted, cursor, max(limit, LEAST_READ) if wanted.everywhere else limit):
        jobs = {job.id: job for job in await load_jobs(engine, [job_id for _, job_id in places])}
        for place, job_id in places:
            if job_id in jobs and wanted.fits(jobs[job_id]):
                found.append(jobs[job_id])
            if len(found) == limit:
                return Page(jobs=tuple(found), cursor=place)
        looked += len(places)
        if looked >= MOST_LOOKED_AT:
            return Page(jobs=tuple(found), cursor=place)
    return Page(jobs=tuple(found), cursor=None)


async def every_job(engine: Engine, wanted: Filter) -> AsyncIterator[Job]:
    """Every job that is wanted, page after page."""
    page = await find_jobs(engine, wanted, limit=MOST_LISTED)
    while True:
        for job in page.jobs:
            yield job
        if page.cursor is None:
            return
        page = await find_jobs(engine, wanted, cursor=page.cursor, limit=MOST_LISTED)


async def count_listed(engine: Engine, fact: Listing, value: str) -> dict[State, int]:
    """How many jobs of which a fact has this value there are in each state."""
    async with engine.redis.pipeline(transaction=False) as pipe:
        for state in State:
            pipe.zcard(engine.keys.listing(fact, value, state))
        return dict(zip(State, await pipe.execute(), strict=True))


async def _by_fact(engine: Engine, wanted: Filter, cursor: str | None, limit: int) -> AsyncIterator[list[Place]]:
    fact, value = next(iter(wanted.facts.items()))
    lists = [engine.keys.listing(fact, value, state) for state in sorted(wanted.states)]
    first = f"[{first_id_at(wanted.created_after)}" if wanted.created_after else "-"
    last = f"({first_id_at(wanted.created_before)}" if wanted.created_before else "+"
    if cursor is not None:
        last = f"({_parse(BY_ID, cursor)[0]}"
    while True:
        async with engine.redis.pipeline(transaction=False) as pipe:
            for key in lists:
                pipe.zrange(key, last, first, desc=True, bylex=True, offset=0, num=limit)
            ids = sorted((text_of(job_id) for page in await pipe.execute() for job_id in page), reverse=True)[:limit]
        if not ids:
            return
        yield [(f"i:{job_id}", job_id) for job_id in ids]
        last = f"({ids[-1]}"


async def _by_state(engine: Engine, wanted: Filter, cursor: str | None, limit: int) -> AsyncIterator[list[Place]]:
    indexes = [str(state) for state in State if state in wanted.states and state is not State.AVAILABLE]
    if State.AVAILABLE in wanted.states:
        queues = await queues_of(engine) if wanted.queue is None else [wanted.queue]
        indexes += [f"{State.AVAILABLE}:{queue}" for queue in queues]
    score, job_id = "+inf", ""
    if cursor is not None:
        index, score, job_id = _parse(BY_STATE, cursor)
        if index not in indexes:
            raise BadCursor
        indexes = indexes[indexes.index(index) :]
    for index in indexes:
        while ids := await _next_of(engine, index, score, job_id, limit):
            yield [(f"s:{index} {at:.0f} {found}", found) for found, at in ids]
            job_id, score = ids[-1][0], f"{ids[-1][1]:.0f}"
        score, job_id = "+inf", ""


async def _next_of(engine: Engine, index: str, score: str, job_id: str, limit: int) -> list[tuple[str, float]]:
    """The entries of an index after this one: by score, the highest first, then by id."""
    offset = 0
    while True:
        found: Any = await engine.redis.zrange(
            engine.keys.of(index), score, "-inf", desc=True, byscore=True, offset=offset, num=limit, withscores=True
        )
        page = [(text_of(member), at) for member, at in found]
        after = [(member, at) for member, at in page if not job_id or f"{at:.0f}" != score or member < job_id]
        if after or len(page) < limit:
            return after
        offset += limit


def _parse(shape: re.Pattern[str], cursor: str) -> tuple[str, ...]:
    found = shape.fullmatch(cursor)
    if found is None:
        raise BadCursor
    return found.groups()
