"""Many consumers at once, some of them killed in mid-call, with touches that race the end of the time-out.

`--soak` makes it 64 consumers, 8 of them killed, over 10,000 jobs.
"""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector

from envoy_plugin.engine.attempts import find_lives
from envoy_plugin.engine.listings import Filter, every_job
from envoy_plugin.engine.queries import count_jobs
from envoy_plugin.engine.states import UNENDED, State
from tests.apis.titan.site import SECOND, Site

TIMEOUT = 10
CHUNK = 50
PATIENCE = 100
SOAKING = 900
PACE = 4
"""How many seconds pass, about, for each call that every consumer has made: time here is counted in calls."""


MANY: Final = 1_000
"""Of so many jobs some are late, whatever the machine does."""


@dataclass(slots=True)
class Storm:
    """What the consumers have seen and done."""

    site: Site
    consumers: int
    total: int
    handed_out: Counter[str] = field(default_factory=Counter)
    granted: Counter[str] = field(default_factory=Counter)
    late: int = 0
    killed: int = 0
    is_over: bool = False

    async def enqueue(self) -> None:
        for _ in range(0, self.total, CHUNK):
            jobs = [{"timeout": TIMEOUT, "max_retries": 25, "retries_delay": 0}] * CHUNK
            assert (await self.site.ask("POST", "/jobs", json={"jobs": jobs})).status == 201

    async def consume(self, dice: random.Random) -> None:
        """Take jobs and end them, as a worker that is sometimes slow and sometimes touches, until none is left."""
        while not self.is_over:
            jobs = await self.site.consume(dice.randint(1, 3))
            if not jobs:
                await self.let_time_pass(dice)
                counts = await count_jobs(self.site.engine)
                self.is_over = not any(counts[state] for state in UNENDED)
            for job in jobs:
                self.handed_out[job["id"]] += 1
                await self.work(job, dice)

    async def work(self, job: Any, dice: random.Random) -> None:
        for _ in range(dice.choice((0, 0, 1, 2))):
            await self.post(job, "touch", dice)
        if dice.random() < 0.05:
            return  # forgotten, as by a worker that died
        if await self.post(job, "success", dice) == 200:
            self.granted[job["id"].rpartition("-")[0]] += 1

    async def post(self, job: Any, what: str, dice: random.Random) -> int:
        await self.let_time_pass(dice)
        ended = await self.site.post(job["id"], what, log="done")
        assert ended.status in {200, 409}
        self.late += ended.status == 409
        return ended.status

    async def let_time_pass(self, dice: random.Random) -> None:
        if dice.random() < PACE / self.consumers:
            await self.site.passes(SECOND)

    async def be_killed(self, dice: random.Random) -> None:
        """The same, but the process dies in the middle of a call."""
        working = asyncio.create_task(self.consume(dice))
        await asyncio.sleep(dice.uniform(0.02, 0.2))
        working.cancel()
        with suppress(asyncio.CancelledError, ClientError):
            await working
        self.killed += 1


async def run(storm: Storm, killed: int) -> None:
    dice = random.Random(7)
    async with asyncio.TaskGroup() as group:
        for number in range(storm.consumers):
            work = storm.be_killed if number < killed else storm.consume
            group.create_task(work(random.Random(dice.random())))


@pytest.mark.parametrize(
    ("consumers", "killed", "total"),
    [
        pytest.param(16, 8, 150, marks=pytest.mark.timeout(PATIENCE)),
        pytest.param(64, 8, 10_000, marks=[pytest.mark.soak, pytest.mark.timeout(SOAKING)]),
    ],
)
async def test_each_job_succeeds_in_exactly_one_attempt(site: Site, consumers: int, killed: int, total: int) -> None:
    async with ClientSession(connector=TCPConnector(limit=0)) as http:
        storm = Storm(Site(engine=site.engine, clock=site.clock, http=http, url=site.url), consumers, total)
        await storm.enqueue()
        await run(storm, killed)
    assert set(storm.handed_out.values()) == {1}, "an id was handed out twice"
    assert set(storm.granted.values()) == {1}, "a job ended twice"
    assert (storm.killed, total - len(storm.granted) <= killed) == (killed, True)
    assert storm.late or total < MANY, "nothing raced the time-out"
    await check_ends(site, total)


async def check_ends(site: Site, total: int) -> None:
    """Every job is there, its last attempt has succeeded, and none before it."""
    jobs = [job async for job in every_job(site.engine, Filter(queue="default"))]
    assert (len(jobs), {job.state for job in jobs}) == (total, {State.SUCCEEDED})
    earlier = [(job.id, number) for job in jobs for number in range(1, job.attempt)]
    lives = await find_lives(site.engine, earlier)
    assert earlier, "nothing timed out"
    assert {(life.state, life.reason) for life in lives if life is not None} == {(State.FAILED, "timeout")}
