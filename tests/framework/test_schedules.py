"""Schedules: once whatever the number of processes, made up for once, and by the clocks of their zone."""

import asyncio
import io
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from envoy_plugin import Plugin
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import list_jobs
from envoy_plugin.engine.states import State
from envoy_plugin.runtime import Runtime, open_runtime
from envoy_plugin.serving import Role, serve
from envoy_plugin.worker.ticking import enqueue_due, ticking
from tests.framework.served import Stage, eventually, settings_for, until
from tests.redis_server import RedisServers

MINUTE = timedelta(minutes=1)
START = datetime(2031, 11, 21, 9, 55, tzinfo=UTC)
Process = Callable[[Plugin], Awaitable[Runtime]]


class Clock:
    """The time of every process of a test: seconds since 1970."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def process(stage: Stage, clock: Clock) -> Process:
    """Opens a process of a plugin that neither answers nor works."""

    async def opened(plugin: Plugin) -> Runtime:
        settings = settings_for(stage.redis_url, stage.envoy)
        return await stage.stack.enter_async_context(open_runtime(plugin, settings, clock=clock))

    return opened


@pytest.fixture
def plugin() -> Plugin:
    plugin = Plugin("visitor-doors")

    @plugin.every("10m")
    @plugin.task(retries=2, lane="one")
    async def tidy(thoroughly: bool = False) -> None: ...  # noqa: FBT001, FBT002 - a task's argument

    return plugin


async def made(runtime: Runtime) -> list[Job]:
    """The jobs that schedules have made."""
    return await list_jobs(runtime.engine, limit=1000)


async def test_a_tick_is_one_job_however_many_processes_there_are(
    process: Process, plugin: Plugin, clock: Clock
) -> None:
    processes = [await process(plugin) for _ in range(4)]
    await enqueue_due(processes[0])
    clock.now += 5 * MINUTE
    waits = await asyncio.gather(*map(enqueue_due, processes))
    [job] = await made(processes[0])
    assert (job.kind, job.install, job.retries_left, job.lane) == ("task:tidy", "-", 2, "-:one")
    assert set(waits) == {MINUTE}


async def test_a_process_that_was_slow_makes_no_second_job(process: Process, plugin: Plugin, clock: Clock) -> None:
    runtime = await process(plugin)
    await enqueue_due(runtime)
    [key] = [name async for name in runtime.engine.redis.scan_iter(f"{runtime.engine.keys.of('schedule')}:*")]
    seen = await runtime.engine.redis.get(key)
    clock.now += 5 * MINUTE
    await enqueue_due(runtime)
    assert seen is not None
    await runtime.engine.redis.set(key, seen)
    await enqueue_due(runtime)
    assert len(await made(runtime)) == 1


async def test_a_new_schedule_begins_with_its_next_time(process: Process, plugin: Plugin, clock: Clock) -> None:
    runtime = await process(plugin)
    clock.now = START.replace(minute=59, second=50)
    assert await enqueue_due(runtime) == timedelta(seconds=10)
    assert await made(runtime) == []


async def test_what_was_missed_while_nobody_worked_runs_once(process: Process, plugin: Plugin, clock: Clock) -> None:
    runtime = await process(plugin)
    await enqueue_due(runtime)
    clock.now += timedelta(days=3)
    await enqueue_due(runtime)
    await enqueue_due(runtime)
    assert len(await made(runtime)) == 1
    clock.now += 10 * MINUTE
    await enqueue_due(runtime)
    assert len(await made(runtime)) == 2


NIGHTS = [(datetime(2031, 3, 29, 22, tzinfo=UTC), "03:00"), (datetime(2031, 10, 25, 22, tzinfo=UTC), "02:30")]


@pytest.mark.parametrize(("evening", "local"), NIGHTS, ids=["spring", "autumn"])
async def test_when_the_clocks_change_a_nightly_schedule_runs_once(
    process: Process, clock: Clock, evening: datetime, local: str
) -> None:
    plugin = Plugin("visitor-doors")

    @plugin.cron("30 2 * * *", tz="Europe/Berlin")
    async def count() -> None: ...

    runtime, clock.now = await process(plugin), evening
    for _ in range(8 * 6):
        await enqueue_due(runtime)
        clock.now += 10 * MINUTE
    [job] = await made(runtime)
    hours = {"03:00": 1, "02:30": 0.5}[local]
    assert job.created == evening.replace(hour=0) + timedelta(days=1, hours=hours)


async def test_two_schedules_of_one_function_are_two_jobs(process: Process, plugin: Plugin, clock: Clock) -> None:
    @plugin.every("5m")
    @plugin.every("1m")
    async def look() -> None: ...

    runtime = await process(plugin)
    await enqueue_due(runtime)
    clock.now += 5 * MINUTE
    await enqueue_due(runtime)
    assert sorted(job.kind for job in await made(runtime)) == ["task:look", "task:look", "task:tidy"]


async def test_a_worker_looks_after_the_schedules_and_runs_what_is_due(stage: Stage, plugin: Plugin) -> None:
    runs = asyncio.Event()

    @plugin.every("1s")
    async def run() -> None:
        runs.set()

    settings = settings_for(stage.redis_url, stage.envoy)
    worker = asyncio.create_task(serve(plugin, settings, [Role.WORKER]))
    await asyncio.wait_for(runs.wait(), 10)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(worker, 10)


async def test_schedules_go_on_after_an_absence_of_redis(
    stage: Stage, plugin: Plugin, redis_server: RedisServers, logged: io.StringIO
) -> None:
    @plugin.every("1s")
    async def run() -> None: ...

    server = redis_server()
    served = await stage.serve(plugin, worker=False, REDIS_URL=server.url)
    server.kill()
    async with ticking(served.runtime):
        await until(lambda: "tick.failed" in logged.getvalue())
        server.start()
        await eventually(lambda: served.jobs(State.AVAILABLE))


async def test_a_plugin_without_schedules_asks_redis_nothing(process: Process) -> None:
    runtime = await process(Plugin("visitor-doors"))
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ticking(runtime))
        assert asyncio.all_tasks() == before
