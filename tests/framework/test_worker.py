"""The worker: leases, other workers' jobs, stopping, Redis' absence, bounds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from envoy_plugin import Event, Plugin, Run
from envoy_plugin.engine.states import Reason, State
from tests.framework.served import Served, Stage, a_webhook, eventually, redis_answers, until, working
from tests.redis_server import RedisServer, RedisServers

FULL_DRAIN = "10"


class Door:
    """A background handler that a test holds open; who began, ended and was cancelled, and how many are inside."""

    def __init__(self) -> None:
        self.opens = asyncio.Event()
        self.began: list[str] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []
        self.inside = 0
        self.most = 0

    async def __call__(self, event: Event) -> None:
        name = event.meta.job.id if event.meta.job else "-"
        self.began.append(name)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.opens.wait()
            self.ended.append(name)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            self.inside -= 1


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def plugin(door: Door) -> Plugin:
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in", background=True)
    async def handle(event: Event) -> None:
        await door(event)

    return plugin


async def has_begun(door: Door, count: int = 1) -> None:
    await until(lambda: len(door.began) >= count)


async def test_a_handler_that_outlives_its_lease_keeps_its_job(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin, JOB_LEASE="1")
    await served.deliver()
    begun = (await served.reaches(State.RUNNING)).changed
    await until(lambda: datetime.now(UTC) > begun + timedelta(seconds=1.5))
    door.opens.set()
    job = await served.finishes()
    assert (job.state, job.claim, job.crashes, len(door.began)) == (State.SUCCEEDED, 1, 0, 1)


async def test_a_handler_whose_job_was_cancelled_is_cancelled_here(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin, JOB_LEASE="1")
    await served.deliver()
    await has_begun(door)
    await served.engine.cancel((await served.event_job()).id, reason=Reason.OPERATOR)
    await until(lambda: door.cancelled)
    assert (await served.event_job()).state is State.CANCELLED


async def test_a_handler_whose_lease_was_lost_is_cancelled_and_runs_elsewhere(
    stage: Stage, plugin: Plugin, door: Door
) -> None:
    served = await stage.serve(plugin, JOB_LEASE="1")
    await served.deliver()
    await has_begun(door)
    await served.leases_end()
    await until(lambda: door.cancelled)
    await has_begun(door, 2)
    door.opens.set()
    job = await served.finishes()
    assert (job.state, job.attempt, job.claim, job.crashes) == (State.SUCCEEDED, 1, 2, 1)


async def test_the_job_of_a_worker_that_died_runs_elsewhere_after_its_lease(
    stage: Stage, plugin: Plugin, door: Door
) -> None:
    door.opens.set()
    served = await stage.serve(plugin, worker=False)
    await served.deliver()
    await served.engine.claim("events", 1, who="died since", lease=timedelta(seconds=1))
    claimed = (await served.event_job()).changed
    await stage.serve(plugin)
    job = await served.reaches(State.SUCCEEDED)
    assert timedelta(seconds=1) <= job.changed - claimed <= timedelta(seconds=3)
    assert (job.attempt, job.claim, job.crashes, job.retries_left) == (1, 2, 1, 5)


async def test_what_runs_may_end_while_the_process_stops(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin, worker=False, DRAIN_TIMEOUT=FULL_DRAIN)
    await served.deliver()
    async with working(served.runtime) as stop:
        await has_begun(door)
        stop.set()
        await served.deliver(job="too late")
        door.opens.set()
    states = {job.unique: job.state for job in await served.jobs() if job.queue == "events"}
    assert states == {"1001:job-1": State.SUCCEEDED, "1001:too late": State.AVAILABLE}
    assert door.ended == ["job-1"]


async def test_what_does_not_end_in_time_is_given_back_and_nothing_is_spent(
    stage: Stage, plugin: Plugin, door: Door
) -> None:
    served = await stage.serve(plugin, worker=False)
    for name in ("a", "b", "c"):
        await served.deliver(job=name)
    async with working(served.runtime):
        await has_begun(door, 3)
    for job in await served.jobs():
        assert (job.state, job.attempt, job.retries_left, job.crashes) == (State.AVAILABLE, 1, 5, 0)
        assert [row.event for row in job.history] == ["enqueued", "claimed", "released"]
    assert sorted(door.cancelled) == ["a", "b", "c"]


async def test_a_handler_that_will_not_be_cancelled_does_not_keep_the_process(stage: Stage, plugin: Plugin) -> None:
    begun, goes = asyncio.Event(), asyncio.Event()

    @plugin.on("entry_sign_out", background=True)
    async def stubborn() -> None:
        begun.set()
        while not goes.is_set():
            try:
                await goes.wait()
            except asyncio.CancelledError:
                continue

    served = await stage.serve(plugin, worker=False)
    await served.deliver(event="entry_sign_out")
    async with working(served.runtime):
        await begun.wait()
    job = await served.event_job()
    goes.set()
    assert (job.state, job.attempt) == (State.AVAILABLE, 1)


async def test_a_handler_that_cancels_itself_is_tried_again(stage: Stage, plugin: Plugin) -> None:
    claims: list[int] = []

    @plugin.on("entry_sign_out", background=True)
    async def cancels_once(run: Run) -> None:
        claims.append(run.attempt)
        if len(claims) == 1:
            raise asyncio.CancelledError

    served = await stage.serve(plugin)
    await served.deliver(event="entry_sign_out")
    await served.reaches(State.SCHEDULED)
    await served.passes(timedelta(minutes=1))
    job = await served.finishes()
    assert (job.state, claims) == (State.SUCCEEDED, [1, 2])


async def test_no_more_jobs_run_at_once_than_allowed(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin, worker=False)
    await asyncio.gather(*(served.post(a_webhook(job=f"job-{n}").body) for n in range(10)))
    await stage.serve(plugin, WORKER_CONCURRENCY="3")
    await has_begun(door, 3)
    door.opens.set()
    await served.finishes()
    assert (door.most, len(door.ended)) == (3, 10)


async def test_handlers_that_hang_do_not_keep_reports_back(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin, WORKER_CONCURRENCY="1")
    await served.deliver(job="hangs")
    await has_begun(door)
    await served.deliver(job="waits")
    [waiting] = await served.jobs(State.AVAILABLE)
    await served.engine.cancel(waiting.id, reason=Reason.OPERATOR)
    assert (await served.settled("waits"))["status_message"] == "Cancelled by an operator"


async def test_many_jobs_are_claimed_and_ended_in_few_calls(
    stage: Stage, plugin: Plugin, door: Door, redis: Redis
) -> None:
    served = await stage.serve(plugin, worker=False)
    await asyncio.gather(*(served.post(a_webhook(job=None, meta={"location": None, "n": n}).body) for n in range(100)))
    door.opens.set()
    await redis.config_resetstat()
    await stage.serve(plugin, WORKER_CONCURRENCY="50")
    await until(lambda: len(door.ended) == 100)
    await eventually(lambda: all_ended(served))
    calls = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert calls < 40


async def all_ended(served: Served) -> bool:
    return len(await served.jobs(State.SUCCEEDED)) == 100


async def test_a_new_job_is_taken_at_once_by_a_worker_that_waits(stage: Stage, plugin: Plugin, door: Door) -> None:
    door.opens.set()
    served = await stage.serve(plugin)
    waits = []
    for name in ("a", "b", "c", "d"):
        await served.deliver(job=name)
        await served.finishes()
    for job in [job for job in await served.jobs() if job.queue == "events"]:
        enqueued, claimed, *_ = job.history
        waits.append((claimed.at - enqueued.at).total_seconds())
    assert sorted(waits)[1] < 0.25


@pytest.fixture
async def durable(redis_server: RedisServers) -> AsyncIterator[tuple[RedisServer, Redis]]:
    """A Redis that keeps what it has acknowledged, and a client of it."""
    server = redis_server(appendonly="yes", appendfsync="always")
    async with Redis.from_url(server.url) as client:
        yield server, client


@pytest.mark.parametrize("dies", ["while handlers run", "while nobody works"])
async def test_when_redis_dies_and_comes_back_nothing_is_lost(
    stage: Stage, plugin: Plugin, door: Door, durable: tuple[RedisServer, Redis], dies: str
) -> None:
    server, client = durable
    served = await stage.serve(plugin, worker=dies == "while handlers run", REDIS_URL=server.url)
    names = [f"job-{n}" for n in range(20)]
    for name in names:
        await served.deliver(job=name)
    await until(lambda: len(door.began) >= 16 or dies == "while nobody works")
    await restart(server, client, door.opens.set)
    if dies == "while nobody works":
        await stage.serve(plugin, REDIS_URL=server.url)
    await served.finishes()
    assert set(door.ended) == set(names)
    assert {served.shown(name)["status"] for name in names} == {"done"}


async def test_an_absence_of_redis_longer_than_the_lease_takes_no_job_from_a_live_worker(
    stage: Stage, plugin: Plugin, door: Door, durable: tuple[RedisServer, Redis]
) -> None:
    server, client = durable
    served = await stage.serve(plugin, REDIS_URL=server.url, JOB_LEASE="1")
    await served.deliver()
    await has_begun(door)
    server.kill()
    back = datetime.now(UTC) + timedelta(seconds=3)
    await until(lambda: datetime.now(UTC) > back)
    server.start()
    await eventually(lambda: has_sweepers(client))
    door.opens.set()
    job = await served.finishes()
    assert (job.state, job.claim, job.crashes, len(door.began)) == (State.SUCCEEDED, 1, 0, 1)


async def has_sweepers(client: Redis) -> bool:
    """Whether leases are ended again: the sweepers' second sign of life is a sweep."""
    try:
        return bool((await client.info("commandstats")).get("cmdstat_time", {"calls": 0})["calls"] >= 3)
    except RedisError:
        return False


async def restart(server: RedisServer, client: Redis, between: Callable[[], Any]) -> None:
    """Kill Redis, do something, start it again."""
    server.kill()
    between()
    assert not await redis_answers(client)
    server.start()
    await eventually(lambda: redis_answers(client))
