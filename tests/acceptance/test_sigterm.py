"""A process that is told to stop takes nothing new, ends what ends in time, gives back the rest, and exits with 0."""

import asyncio
import signal
import time

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import list_jobs
from tests.acceptance.effects import count_effects, effects_in
from tests.acceptance.envoy_side import Envoy, Event
from tests.acceptance.processes import STOP_SECONDS, Process, Site, eventually

VISIT = "visit-1"
LOAD = 160
STOPS = [signal.SIGTERM, signal.SIGINT]
STOPPING = '"event": "process.stopping"'


async def busy_worker(site: Site) -> tuple[Envoy, Process]:
    """A worker in the middle of a handler."""
    envoy = await site.platform("--job", VISIT)
    web, worker = await site.web(), await site.worker()
    await site.deliver(web, Event.make("entry_sign_out", VISIT))
    await eventually("the handler runs", lambda: effects_in(site.directory, "started"))
    return envoy, worker


async def finish_elsewhere(site: Site, envoy: Envoy) -> None:
    """Let another worker end what is left, at once: what was given back waits for no lease."""
    site.touch("go")
    await site.worker("next")
    await eventually("Envoy was told", lambda: is_done(envoy), within=5)


async def is_done(envoy: Envoy) -> bool:
    return bool((await envoy.job(VISIT))["status"] == "done")


async def event_job(engine: Engine) -> Job:
    return next(job for job in await list_jobs(engine) if job.queue == "events")


async def assert_nothing_was_spent(site: Site, engine: Engine, envoy: Envoy) -> None:
    job = await event_job(engine)
    assert (job.attempt, job.retries_left, job.crashes) == (1, 5, 0)
    assert len(effects_in(site.directory, "opened")) == 1
    assert await envoy.ends() == {VISIT: 1}


@pytest.mark.parametrize("number", STOPS)
async def test_a_worker_lets_a_handler_end(site: Site, engine: Engine, number: signal.Signals) -> None:
    envoy, worker = await busy_worker(site)
    worker.send(number)
    await eventually("the worker knows", lambda: STOPPING in worker.output)
    site.touch("go")
    assert await worker.ended() == 0
    assert len(effects_in(site.directory, "opened")) == 1
    await finish_elsewhere(site, envoy)
    await assert_nothing_was_spent(site, engine, envoy)
    assert len(effects_in(site.directory, "started")) == 1


@pytest.mark.long
async def test_a_worker_gives_back_what_takes_too_long_and_is_gone_in_time(site: Site, engine: Engine) -> None:
    envoy, worker = await busy_worker(site)
    asked_at = time.monotonic()
    assert await worker.stop() == 0
    assert time.monotonic() - asked_at < STOP_SECONDS
    await finish_elsewhere(site, envoy)
    await assert_nothing_was_spent(site, engine, envoy)
    assert [effect.attempt for effect in effects_in(site.directory, "started")] == [1, 1]


@pytest.mark.parametrize("number", STOPS)
async def test_being_told_to_stop_again_and_again_changes_nothing(
    site: Site, engine: Engine, number: signal.Signals
) -> None:
    site.variables["DRAIN_TIMEOUT"] = "1"
    envoy, worker = await busy_worker(site)
    assert await hammer(worker, number) == 0
    await finish_elsewhere(site, envoy)
    await assert_nothing_was_spent(site, engine, envoy)


async def hammer(process: Process, number: signal.Signals) -> int:
    """The exit code of a process that gets signal upon signal until its end."""
    popen = process.popen
    assert popen is not None

    def has_ended() -> bool:
        process.send(number)
        return popen.poll() is not None

    await eventually("it has ended", has_ended, within=STOP_SECONDS, every=0.001)
    return popen.returncode


@pytest.mark.parametrize("number", STOPS)
async def test_web_answers_what_it_has_taken_and_takes_nothing_new(site: Site, number: signal.Signals) -> None:
    web = await site.web()
    asked = asyncio.create_task(site.deliver(web, Event.make("entry_screened", VISIT)))
    await eventually("the handler runs", lambda: effects_in(site.directory, "started"))
    web.send(number)
    await eventually("web knows", lambda: STOPPING in web.output)
    late = await site.deliver(web, Event.make("entry_reviewed", "visit-2"))
    site.touch("go")
    answer = await asked
    assert answer is not None
    assert (answer.status, await web.ended()) == (200, 0)
    assert late is None or late.status == 503
    assert {effect.job for effect in effects_in(site.directory)} == {VISIT}


@pytest.mark.parametrize("number", STOPS)
async def test_web_leaves_with_0_however_often_it_is_told(site: Site, number: signal.Signals) -> None:
    web = await site.web()
    assert await hammer(web, number) == 0


async def test_web_loses_no_event_that_it_accepted_while_it_was_told_to_stop(site: Site, engine: Engine) -> None:
    web = await site.web()
    events = [Event.make("entry_sign_in", f"visit-{number}", seed=number) for number in range(200)]
    deliveries = asyncio.gather(*(site.deliver(web, event) for event in events))
    await eventually("some were accepted", lambda: has_jobs(engine), every=0.001)
    assert await web.stop() == 0
    statuses = [answer and answer.status for answer in await deliveries]
    accepted = statuses.count(202)
    assert set(statuses) <= {202, 503, None}
    assert accepted > 0
    assert len(await list_jobs(engine, limit=1_000)) == accepted


async def has_jobs(engine: Engine) -> bool:
    return bool(await list_jobs(engine, limit=1))


async def test_a_worker_that_stops_under_load_loses_and_spends_nothing(site: Site, engine: Engine) -> None:
    envoy = await site.platform()
    web, worker = await site.web(), await site.worker()
    events = [Event.make("entry_sign_in", f"visit-{number}", seed=number) for number in range(LOAD)]
    await envoy.know(*(event.job_id for event in events))
    await asyncio.gather(*(site.deliver(web, event) for event in events))
    await eventually("some doors were opened", lambda: len(effects_in(site.directory, "opened")) >= LOAD // 8)
    assert await worker.stop() == 0
    assert len(effects_in(site.directory, "opened")) < LOAD
    await site.worker("next")
    await eventually("Envoy heard of each", lambda: heard_of(envoy, LOAD))
    jobs = [job for job in await list_jobs(engine, limit=1_000) if job.queue == "events"]
    assert {(job.attempt, job.retries_left, job.crashes) for job in jobs} == {(1, 5, 0)}
    assert set(count_effects(site.directory, "started").values()) == {1}
    assert set((await envoy.ends()).values()) == {1}


async def heard_of(envoy: Envoy, count: int) -> bool:
    return len(await envoy.ends()) == count


@pytest.mark.parametrize(("way", "drain"), [("gone", "2"), pytest.param("silent", "20", marks=pytest.mark.soak)])
async def test_a_worker_leaves_in_time_without_redis(site: Site, engine: Engine, way: str, drain: str) -> None:
    site.variables |= {"JOB_LEASE": "2", "DRAIN_TIMEOUT": drain}
    envoy, worker = await busy_worker(site)
    assert site.redis.process is not None
    site.redis.process.send_signal(signal.SIGSTOP)
    if way == "gone":
        site.redis.kill()
    assert await worker.stop() == 0
    if way == "gone":
        site.redis.start()
    site.redis.process.send_signal(signal.SIGCONT)
    site.touch("go")
    await site.worker("next")
    await eventually("Envoy was told", lambda: is_done(envoy))
    assert (await event_job(engine)).attempt == 1
