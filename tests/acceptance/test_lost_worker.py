"""The jobs of a worker that dies or hangs run elsewhere, soon, and what it says afterwards is refused."""

import signal
import time

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import list_jobs
from envoy_plugin.engine.states import State
from tests.acceptance.effects import Effect, effects_in
from tests.acceptance.envoy_side import Envoy, Event
from tests.acceptance.processes import Process, Site, eventually

LEASE = 2
PROMISED = LEASE + 2
VISITS = ["visit-1", "visit-2", "visit-3"]


async def two_workers(site: Site) -> tuple[Envoy, Process, Process]:
    """Envoy, a worker that holds every visit's door, and an idle one. Nothing else runs, and nothing else is sent."""
    site.variables["JOB_LEASE"] = str(LEASE)
    envoy = await site.platform(*(word for visit in VISITS for word in ("--job", visit)))
    web, busy = await site.web(), await site.worker("busy")
    for visit in VISITS:
        await site.deliver(web, Event.make("entry_sign_out", visit))
    await eventually("every visit is worked on", lambda: len(started(site)) == len(VISITS))
    assert await web.stop() == 0
    return envoy, busy, await site.worker("idle")


def started(site: Site) -> list[Effect]:
    return effects_in(site.directory, "started")


async def started_elsewhere(site: Site, worker: Process) -> list[Effect]:
    """The runs of the visits by this worker, once there are that many."""

    def find() -> list[Effect] | None:
        found = [effect for effect in started(site) if effect.pid == worker.pid]
        return found if len(found) >= len(VISITS) else None

    return await eventually("every visit is worked on elsewhere", find, within=3 * PROMISED)


async def all_done(envoy: Envoy) -> bool:
    return await envoy.statuses(VISITS) == {"done": len(VISITS)}


async def test_jobs_of_a_killed_worker_run_elsewhere_within_lease_and_two_seconds(site: Site, engine: Engine) -> None:
    envoy, busy, idle = await two_workers(site)
    killed_at = time.time()
    await busy.kill()
    again = await started_elsewhere(site, idle)
    site.touch("go")
    await eventually("Envoy was told", lambda: all_done(envoy))
    print(f"later by {[round(effect.at - killed_at, 2) for effect in again]} s")  # noqa: T201 - shown by pytest -rP
    assert max(effect.at for effect in again) - killed_at <= PROMISED
    assert {effect.attempt for effect in again} == {1}
    assert await envoy.ends() == dict.fromkeys(VISITS, 1)
    jobs = [job for job in await list_jobs(engine, {State.SUCCEEDED}) if job.queue == "events"]
    assert [(job.attempt, job.crashes, job.retries_left) for job in jobs] == [(1, 1, 5)] * len(VISITS)


@pytest.mark.soak
async def test_jobs_of_a_stopped_worker_run_elsewhere_and_its_late_end_is_refused(site: Site, engine: Engine) -> None:
    envoy, busy, idle = await two_workers(site)
    stopped_at = time.time()
    busy.send(signal.SIGSTOP)
    again = await started_elsewhere(site, idle)
    site.touch(f"go.{busy.pid}")
    busy.send(signal.SIGCONT)
    await eventually("the late worker has lost each", lambda: busy.output.count('"event": "job.lost"') >= len(VISITS))
    assert {job.state for job in await list_jobs(engine) if job.queue == "events"} == {State.RUNNING}
    site.touch(f"go.{idle.pid}")
    await eventually("Envoy was told", lambda: all_done(envoy))
    assert max(effect.at for effect in again) - stopped_at <= PROMISED
    assert {(await envoy.job(visit))["status_message"] for visit in VISITS} == {f"Opened by {idle.pid}"}
    assert await envoy.ends() == dict.fromkeys(VISITS, 1)


@pytest.mark.soak
async def test_a_worker_that_was_stopped_works_on_when_it_continues(site: Site) -> None:
    envoy, busy, idle = await two_workers(site)
    busy.send(signal.SIGSTOP)
    await started_elsewhere(site, idle)
    busy.send(signal.SIGCONT)
    await idle.kill()
    site.touch("go")
    await eventually("Envoy was told", lambda: all_done(envoy))
    assert busy.popen is not None
    assert busy.popen.poll() is None
