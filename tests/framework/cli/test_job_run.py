"""`envoy-plugin jobs run`: one job, in this process."""

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin import Done, Event, Plugin
from envoy_plugin.cli.jobs.run import CannotRun, run_here
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, Enqueue, Pause, Policy
from envoy_plugin.errors import JobNotFound, LostLease, WrongState
from envoy_plugin.sealing import Sealer
from tests.framework.cli.project import PLUGIN, Project
from tests.framework.served import Served, Stage, a_webhook, eventually, settings_for


@pytest.fixture
def began() -> asyncio.Event:
    """Set when the handler has begun."""
    return asyncio.Event()


@pytest.fixture
def plugin(began: asyncio.Event) -> Plugin:
    """A sign-in is done at once, an invite fails, and a sign-out goes on for ever."""
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in", background=True)
    async def done(event: Event) -> Done:
        return Done("Door open")

    @plugin.on("invite_created", background=True)
    async def fail(event: Event) -> None:
        raise RuntimeError

    @plugin.on("entry_sign_out", background=True, retries=1)
    async def stay(event: Event) -> None:
        began.set()
        await asyncio.Event().wait()

    return plugin


async def delivered(stage: Stage, plugin: Plugin, event: str = "entry_sign_in") -> tuple[Served, Job]:
    """A plugin without a worker, and the job of one event."""
    served = await stage.serve(plugin, worker=False)
    await served.deliver(event=event)
    return served, await served.event_job()


async def run(served: Served, job_id: str, **variables: str) -> Job:
    settings = settings_for(str(served.runtime.settings.redis_url), served.envoy, **variables)
    return await run_here(served.runtime.plugin, settings, job_id)


async def test_a_job_that_waits_for_a_worker_is_done_here_and_owes_its_report(stage: Stage, plugin: Plugin) -> None:
    served, job = await delivered(stage, plugin)
    done = await run(served, job.id)
    assert (done.state, done.claim, "@" in (done.history[1].detail or "")) == (State.SUCCEEDED, 1, True)
    report = await run(served, (await served.report()).id)
    assert (report.state, served.shown()["status_message"]) == (State.SUCCEEDED, "Door open")


async def test_a_job_in_backoff_neednt_wait_for_its_time(stage: Stage, plugin: Plugin) -> None:
    served, job = await delivered(stage, plugin, "invite_created")
    await run(served, job.id)
    again = await run(served, job.id)
    assert (again.state, again.attempt) == (State.SCHEDULED, 3)
    assert "rescheduled" in [row.event for row in again.history]


async def test_an_interrupted_run_gives_the_job_back(stage: Stage, plugin: Plugin, began: asyncio.Event) -> None:
    served, job = await delivered(stage, plugin, "entry_sign_out")
    running = asyncio.create_task(run(served, job.id))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    job = await served.event_job()
    assert (job.state, job.attempt, job.retries_left) == (State.AVAILABLE, 1, 1)


async def test_a_run_whose_job_is_cancelled_ends(stage: Stage, plugin: Plugin, began: asyncio.Event) -> None:
    served, job = await delivered(stage, plugin, "entry_sign_out")
    running = asyncio.create_task(run(served, job.id, JOB_LEASE="1"))
    await began.wait()
    await served.engine.cancel(job.id, reason=Reason.OPERATOR)
    with pytest.raises(LostLease):
        await running


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"queue": "-", "envelope": True}, "envelope"),
        ({"queue": "default"}, "somebody else"),
        ({"queue": "thing:door"}, "somebody else"),
        ({"kind": "tidy"}, "nothing that does 'tidy'"),
        ({"holds": {"audit": None}}, "waits for hold 'audit'"),
    ],
)
async def test_a_job_that_isnt_for_here_is_refused(
    stage: Stage, plugin: Plugin, facts: dict[str, Any], why: str
) -> None:
    served = await stage.serve(plugin, worker=False)
    made = await served.engine.enqueue(Enqueue(**{"queue": "events", "kind": "entry_sign_in", **facts}))
    with pytest.raises(CannotRun, match=why):
        await run(served, made.id)


async def test_a_blocked_job_says_everything_that_it_waits_for(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False)
    before, upstream = await served.engine.call([Enqueue(queue="q", kind="k", lane="door") for _ in range(2)])
    holds, after = {"audit": None, "path": None}, {upstream.id: Policy.HOLD}
    job = Enqueue(queue="events", kind="entry_sign_in", lane="door", holds=holds, after=after)
    await served.engine.call([Cancel(id=before.id, reason=Reason.OPERATOR), job])
    with pytest.raises(CannotRun) as refused:
        await run(served, job.id)
    lane = f"job '{upstream.id}', which is before it in lane 'door'"
    text = f"hold 'audit' and the end of job '{upstream.id}' and {lane} and its turn in its workflow"
    assert str(refused.value) == f"Job '{job.id}' waits for {text}."


async def test_what_is_over_paused_or_unknown_is_refused(stage: Stage, plugin: Plugin) -> None:
    served, job = await delivered(stage, plugin)
    await served.engine.run(Pause(queue="events", why=b""))
    with pytest.raises(CannotRun, match="in queue 'events', which is paused"):
        await run(served, job.id)
    await served.engine.cancel(job.id, reason=Reason.OPERATOR)
    with pytest.raises(WrongState) as over:
        await run(served, job.id)
    with pytest.raises(JobNotFound):
        await run(served, "a0nowhere")
    assert over.value.state == "cancelled"


async def test_the_lease_is_kept_though_redis_refuses_for_a_moment(
    stage: Stage, plugin: Plugin, began: asyncio.Event, redis: Redis
) -> None:
    served, job = await delivered(stage, plugin, "entry_sign_out")
    running = asyncio.create_task(run(served, job.id, JOB_LEASE="1"))
    await began.wait()
    await redis.config_resetstat()
    await redis.config_set("maxmemory", "1")

    async def refused() -> bool:
        return int((await redis.info("stats"))["total_error_replies"]) > 0

    await eventually(refused)
    await redis.config_set("maxmemory", "0")
    first = (await served.event_job()).expires

    async def touched() -> bool:
        return (await served.event_job()).expires != first

    await eventually(touched)
    running.cancel()
    assert (await asyncio.wait({running}), (await served.event_job()).claim)[1] == 1


async def test_the_command_says_what_became_of_it_and_logs_elsewhere(served: Project, redis: Redis) -> None:
    engine = Engine(redis, prefix="shop-doors", codec=Sealer([served.settings["JWT_SECRET"]]))
    body = engine.seal(json.dumps(a_webhook().document).encode())
    made = [await engine.enqueue(Enqueue(queue="events", kind="entry_sign_in", payload=body)) for _ in range(2)]
    code, out, err = await served.run("jobs", "run", made[0].id, "--json")
    assert (code, json.loads(out)["state"], "entry_sign_in" in err) == (0, "succeeded", False)
    assert (await served.run("jobs", "run", made[0].id))[0] == 1
    served.write(PLUGIN.replace('return Done("Door open")', "raise RuntimeError"))
    assert (await served.run("jobs", "run", made[1].id))[:2] == (1, f"{made[1].id}, attempt 1: failed, error\n")


async def test_without_redis_the_command_says_so(project: Project) -> None:
    code, out, err = await project.run("jobs", "run", "a1")
    assert (code, out, err.splitlines()[-1]) == (1, "", "Redis can't be read: ConnectionError.")
