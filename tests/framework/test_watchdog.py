"""What becomes of a process that hangs, of a job that kills every worker, and what workers say of themselves."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis

from envoy_plugin import Plugin
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Enqueue, Expire
from envoy_plugin.sealing import Sealer
from envoy_plugin.tasks.task import Payload
from envoy_plugin.watchdog import watched_over
from envoy_plugin.worker.execution import execute
from envoy_plugin.worker.heartbeats import LIFE, Heartbeat, beat, beating, find_workers
from envoy_plugin.worker.loop import Worker
from tests.framework.cli.project import CREDENTIALS, Project
from tests.framework.served import Served, Stage, eventually, until
from tests.redis_server import RedisServers

DOORS = """\
import os
import time

from envoy_plugin import Plugin

plugin = Plugin("shop-doors")


@plugin.task()
async def hang() -> None:
    time.sleep(60)


@plugin.task(queue="poison")
async def die() -> None:
    os._exit(7)
"""
LOOKED_AT = datetime(2031, 11, 21, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path, redis_url: str) -> Project:
    """A plugin with tasks that end their process."""
    project = Project(tmp_path, {**CREDENTIALS, "REDIS_URL": redis_url})
    project.write(DOORS)
    project.write('[tool.envoy_plugin]\napp = "doors:plugin"\n', "pyproject.toml")
    return project


@pytest.fixture
def engine(redis: Redis) -> Engine:
    """The engine of that plugin."""
    return Engine(redis, prefix="shop-doors", codec=Sealer((CREDENTIALS["JWT_SECRET"],)))


async def enqueue(engine: Engine, task: str, queue: str = "tasks") -> str:
    """A job that may kill two workers."""
    payload = engine.seal(Payload().encode(b"{}"))
    return (await engine.enqueue(Enqueue(queue=queue, kind=f"task:{task}", payload=payload, max_crashes=2))).id


async def test_a_process_whose_event_loop_hangs_shows_its_frames_and_exits_with_1(
    project: Project, engine: Engine
) -> None:
    job_id = await enqueue(engine, "hang")
    async with project.running("worker", WATCHDOG_TIMEOUT="1") as worker:
        output = await worker.rest()
        assert await worker.process.wait() == 1
    assert "Timeout (0:00:01)!" in output
    assert 'doors.py", line 11 in hang' in output
    assert (await find_job(engine, job_id)).state is State.RUNNING


async def test_a_job_that_kills_every_worker_ends_as_crashed(project: Project, engine: Engine) -> None:
    job_id = await enqueue(engine, "die", "poison")
    later = Engine(engine.redis, prefix="shop-doors", clock=lambda: int(datetime.now(UTC).timestamp() * 1000) + 60_000)
    for _ in range(2):
        async with project.running("worker", "--queues", "poison") as worker:
            await worker.rest()
            assert await worker.process.wait() == 7
        await later.run(Expire(limit=10, max_crashes=5))
    job = await find_job(engine, job_id)
    assert (job.state, job.reason, job.attempt, job.crashes) == (State.FAILED, Reason.CRASHED, 1, 2)


async def test_a_worker_claims_from_the_queues_that_it_is_told(project: Project, engine: Engine) -> None:
    await enqueue(engine, "die", "poison")
    async with project.running("worker", "--queues", "tasks,report") as worker:
        await worker.line("worker.started")
        [said] = await eventually(lambda: find_workers(engine))
        assert await worker.stop(signal.SIGTERM) == 0
    assert said.queues == ("tasks", "report")
    assert await find_workers(engine) == []
    code, _, errors = await project.run("worker", "--queues", "tasks,attic")
    assert code == 2
    assert "shop-doors has no queue 'attic'; it has events, poison, tasks, " in " ".join(errors.split())


async def test_a_loop_that_turns_keeps_the_watchdog_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    async with watched_over(timedelta(seconds=0.5)):
        await asyncio.sleep(0.8)
    async with watched_over(timedelta(0)):
        pass
    assert capfd.readouterr().err == ""


async def test_a_worker_says_what_it_runs_since_when_and_when_it_leaves(stage: Stage) -> None:
    plugin, opens, stop = Plugin("visitor-doors"), asyncio.Event(), asyncio.Event()

    @plugin.task()
    async def wait() -> None:
        await opens.wait()

    served = await stage.serve(plugin, worker=False)
    made = await wait.enqueue(install="1001")
    running = asyncio.create_task(a_worker(served).run(["tasks"], stop, drain=timedelta(seconds=5)))
    said = await eventually(lambda: who_runs(served, made.id))
    opens.set()
    stop.set()
    await running
    [job] = said.jobs
    assert (said.queues, said.concurrency, job.kind, job.install) == (("tasks",), 3, "task:wait", "1001")
    assert said.since <= job.since <= said.seen <= datetime.now(UTC)
    assert await find_workers(served.engine) == []


def a_worker(served: Served) -> Worker:
    """One that says often what it does."""
    runtime, often = served.runtime, timedelta(milliseconds=20)
    work = partial(execute, runtime)
    return Worker(runtime.engine, runtime.batcher, work, lease=runtime.settings.job_lease, concurrency=3, beat=often)


async def who_runs(served: Served, job_id: str) -> Heartbeat | None:
    """The worker that says that it runs this job."""
    found = [worker for worker in await find_workers(served.engine) if job_id in {job.id for job in worker.jobs}]
    return found[0] if found else None


def a_heartbeat(who: str, seen: datetime = LOOKED_AT) -> Heartbeat:
    return Heartbeat(who=who, since=seen, seen=seen, queues=("events",), concurrency=1, jobs=())


async def test_workers_are_found_by_name_and_those_that_died_are_not(engine: Engine) -> None:
    for who in ("b", "a", "dead", "odd"):
        await beat(engine, a_heartbeat(who))
    assert 0 < await engine.redis.pttl(engine.keys.worker("a")) <= LIFE.total_seconds() * 1000
    await engine.redis.delete(engine.keys.worker("dead"))
    await engine.redis.set(engine.keys.worker("odd"), b'{"who": "odd"}')
    assert [worker.who for worker in await find_workers(engine)] == ["a", "b"]
    await beat(engine, a_heartbeat("c", LOOKED_AT + timedelta(days=2)))
    assert await engine.redis.zrange(engine.keys.workers, 0, -1) == [b"c"]


async def test_heartbeats_go_on_after_an_absence_of_redis(
    redis_server: RedisServers, caplog: pytest.LogCaptureFixture
) -> None:
    server = redis_server()
    async with Redis.from_url(server.url) as redis:
        engine = Engine(redis, prefix="test")
        server.kill()
        async with beating(engine, lambda: a_heartbeat("a"), every=timedelta(milliseconds=10)):
            await until(lambda: "heartbeat.failed" in caplog.text)
            server.start()
            await eventually(lambda: find_workers(engine))
            server.kill()
