"""What is owed to Envoy: every end reaches the dashboard, once, however long Envoy is away."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin import Done, Failed, Password, Plugin, Text
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, Expire
from envoy_plugin.envoy.job import JobStatus
from envoy_plugin.reports import Report, deliver
from envoy_plugin.simulator.faults import FAULTS, Fault
from tests.envoy_server import TOKEN_PATH
from tests.framework.served import UPDATES, Served, Stage, a_webhook, eventually, redis_answers, until
from tests.redis_server import RedisServers


class Door:
    """A background handler that a test holds open, and counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.began = asyncio.Event()
        self.opens = asyncio.Event()
        self.says: Any = Done("In", Password("PIN", "4711"))

    async def __call__(self) -> Any:
        self.runs += 1
        self.began.set()
        await self.opens.wait()
        return self.says


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def plugin(door: Door) -> Plugin:
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in", background=True, retries=0)
    async def handle() -> Any:
        return await door()

    return plugin


@pytest.fixture
async def served(stage: Stage, plugin: Plugin) -> Served:
    """Served, with one event delivered."""
    served = await stage.serve(plugin)
    await served.deliver()
    return served


async def succeeds(served: Served, door: Door) -> None:
    door.opens.set()


async def fails(served: Served, door: Door) -> None:
    door.says = Failed("No", "why", attachments=[Text("Door", "7")])
    door.opens.set()


async def is_cancelled(served: Served, door: Door) -> None:
    await until(door.began.is_set)
    await served.engine.cancel((await served.event_job()).id, reason=Reason.OPERATOR)


async def crashes_for_good(served: Served, door: Door) -> None:
    for crashes in range(5):
        await served.reaches(State.RUNNING)
        await served.leases_end()
        assert (await served.event_job()).crashes == crashes + 1


async def runs_into_its_limit(served: Served, door: Door) -> None:
    await until(door.began.is_set)
    await served._later(timedelta(hours=1)).run(Expire(limit=10, max_crashes=5))


ENDS: list[tuple[Callable[[Served, Door], Awaitable[None]], dict[str, Any]]] = [
    (
        succeeds,
        {
            "status": "done",
            "status_message": "In",
            "attachments": [{"type": "password", "label": "PIN", "value": "4711"}],
        },
    ),
    (
        fails,
        {
            "status": "failed",
            "status_message": "No",
            "failure_reason": "why",
            "attachments": [{"type": "text", "label": "Door", "value": "7"}],
        },
    ),
    (
        is_cancelled,
        {
            "status": "failed",
            "status_message": "Cancelled by an operator",
            "failure_reason": "operator",
            "attachments": [],
        },
    ),
    (
        crashes_for_good,
        {
            "status": "failed",
            "status_message": "The plugin stopped unexpectedly",
            "failure_reason": "crashed",
            "attachments": [],
        },
    ),
    (
        runs_into_its_limit,
        {"status": "failed", "status_message": "Timed out", "failure_reason": "timeout", "attachments": []},
    ),
]


@pytest.mark.parametrize(("end", "said"), ENDS)
async def test_every_end_reaches_the_dashboard_once(
    served: Served, door: Door, end: Callable[[Served, Door], Awaitable[None]], said: dict[str, Any]
) -> None:
    await end(served, door)
    assert (await served.report_finishes()).state is State.SUCCEEDED
    assert served.updates() == [said]
    assert {name: (await served.settled())[name] for name in said} == said


async def test_a_report_outlives_envoys_absence_and_the_handler_does_not_run_again(served: Served, door: Door) -> None:
    served.envoy.fail(Fault(path=UPDATES, status=503))
    door.opens.set()
    tried = await the_report(served, attempt=4)
    assert (tried.state.ended, door.runs) == (False, 1)
    served.envoy.fail()
    report = await served.report_finishes()
    assert (report.state, door.runs) == (State.SUCCEEDED, 1)
    assert len(served.updates()) == 1


async def the_report(served: Served, *, attempt: int) -> Job:
    """The report once it waits for this attempt; the waits before it pass at once."""

    async def look() -> Job | None:
        report = await served.report()
        waits = report.state is State.SCHEDULED
        if waits and report.attempt < attempt:
            await served.passes(timedelta(hours=2))
        return report if waits and report.attempt == attempt else None

    return await eventually(look)


@pytest.mark.parametrize("fault", [Fault(drop=True), Fault(malformed=True), Fault(status=500), Fault(status=401)])
async def test_whatever_envoy_does_the_report_is_sent_again(served: Served, door: Door, fault: Fault) -> None:
    served.envoy.fail(fault.model_copy(update={"path": UPDATES}))
    door.opens.set()
    await the_report(served, attempt=2)
    served.envoy.fail()
    assert (await served.report_finishes()).state is State.SUCCEEDED
    assert (await served.settled())["status_message"] == "In"


async def test_the_waits_between_reports_double(served: Served, door: Door) -> None:
    served.envoy.fail(Fault(path=UPDATES, status=503))
    door.opens.set()
    for attempt in range(2, 6):
        report = await the_report(served, attempt=attempt)
        assert report.due is not None
        seconds = (report.due - report.changed).total_seconds()
        assert 0.79 * 2 ** (attempt - 2) <= seconds <= 1.21 * 2 ** (attempt - 2)
        assert report.retries_left == 31 - attempt - 1


async def test_retry_after_is_obeyed(served: Served, door: Door) -> None:
    served.envoy.fail(Fault(path=UPDATES, retry_after=900))
    door.opens.set()
    report = await the_report(served, attempt=2)
    assert report.due is not None
    assert (report.due - report.changed).total_seconds() == pytest.approx(900, abs=1)


async def test_after_thirty_tries_the_report_is_given_up_and_visible(served: Served, door: Door) -> None:
    served.envoy.fail(Fault(path=UPDATES, status=403))
    door.opens.set()
    report = await served.report_finishes()
    assert (report.state, report.reason, report.attempt) == (State.FAILED, Reason.UNREPORTED, 30)
    assert (door.runs, len(served.envoy.requests(UPDATES))) == (1, 30)


@pytest.mark.parametrize("status", [404, 409, 422])
async def test_what_envoy_refuses_for_good_ends_the_report(served: Served, door: Door, status: int) -> None:
    served.envoy.fail(Fault(path=UPDATES, status=status))
    door.opens.set()
    report = await served.report_finishes()
    assert (report.state, report.reason, report.attempt) == (State.FAILED, Reason.REFUSED, 1)
    assert report in await served.jobs(State.FAILED)
    assert (await served.event_job()).state is State.SUCCEEDED


async def test_a_report_of_an_end_that_was_tried_again_is_superseded(served: Served, door: Door) -> None:
    served.envoy.fail(Fault(path=UPDATES, status=503))
    door.says = Failed("No")
    door.opens.set()
    first = await the_report(served, attempt=2)
    door.says = Done("In")
    await served.engine.retry((await served.event_job()).id)
    served.envoy.fail()
    job = await served.finishes()
    assert (job.state, job.attempt, door.runs) == (State.SUCCEEDED, 2, 2)
    assert [update["status_message"] for update in served.updates()] == ["In"]
    superseded = await served.reaches(State.CANCELLED, job_id=first.id)
    assert superseded.reason == Reason.SUPERSEDED


async def test_a_failed_job_that_is_tried_again_tells_envoy_both_ends(served: Served, door: Door) -> None:
    door.says = Failed("No")
    door.opens.set()
    job = await served.finishes()
    door.says = Done("In")
    await served.engine.retry(job.id)
    await served.finishes()
    assert [update["status"] for update in served.updates()] == ["failed", "done"]
    assert (await served.settled())["status"] == "done"


async def test_a_report_that_was_given_up_can_be_sent_again(served: Served, door: Door) -> None:
    served.envoy.fail(Fault(path=UPDATES, status=409))
    door.opens.set()
    report = await served.report_finishes()
    served.envoy.fail()
    await served.engine.retry(report.id)
    assert (await served.report_finishes()).state is State.SUCCEEDED
    assert (await served.settled())["status_message"] == "In"
    assert door.runs == 1


async def test_a_cancelled_job_that_nobody_ran_is_reported_too(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin, worker=False)
    await served.deliver()
    await served.engine.run(Cancel(id=(await served.event_job()).id, reason=Reason.OPERATOR))
    other = await stage.serve(plugin)
    await other.report_finishes()
    assert (await served.settled())["status_message"] == "Cancelled by an operator"
    assert door.runs == 0


async def test_what_an_operator_did_goes_before_what_the_handler_says_later(served: Served, door: Door) -> None:
    await is_cancelled(served, door)
    door.opens.set()
    await served.report_finishes()
    assert (await served.settled())["status_message"] == "Cancelled by an operator"
    assert len(served.updates()) == 1


async def test_a_job_that_envoy_does_not_know_ends_its_report(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin)
    door.opens.set()
    await served.post(a_webhook(job="unknown to Envoy").body)
    report = await served.report_finishes()
    assert (report.state, report.reason) == (State.FAILED, Reason.REFUSED)


async def test_a_report_in_hand_of_an_end_that_was_tried_again_sends_nothing(
    stage: Stage, plugin: Plugin, door: Door
) -> None:
    served = await stage.serve(plugin, worker=False)
    await served.deliver()
    job = await served.event_job()
    await served.engine.cancel(job.id, reason=Reason.OPERATOR)
    [held] = await served.engine.claim("report", 1, who="here", lease=None)
    await served.engine.retry(job.id)
    superseded = Cancel(id=held.id, reason=Reason.SUPERSEDED)
    assert await deliver(served.engine, served.runtime.api, held) == superseded
    unknown = replace(held, id="unknown.1")
    assert await deliver(served.engine, served.runtime.api, unknown) == replace(superseded, id="unknown.1")
    assert served.updates() == []


async def test_a_report_that_no_key_opens_fails_and_is_visible(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False)
    await served.deliver()
    await served.engine.cancel((await served.event_job()).id, reason=Reason.OPERATOR)
    await stage.serve(plugin, SECRET_KEY="another-root-secret")
    report = await served.report_finishes()
    assert (report.state, report.reason) == (State.FAILED, Reason.UNREADABLE)
    assert served.updates() == []


async def test_a_report_shows_no_words_in_its_repr() -> None:
    report = Report.of(Done("canary", Password("canary", "canary")), "job-1")
    assert repr(report) == "Report(job_id='job-1', status=<JobStatus.DONE: 'done'>)"
    assert "canary" not in str(report)
    assert report.status is JobStatus.DONE


async def test_redis_going_away_while_a_report_is_sent_spends_nothing(
    stage: Stage, plugin: Plugin, door: Door, redis_server: RedisServers
) -> None:
    server = redis_server(appendonly="yes", appendfsync="always")
    served = await stage.serve(plugin, REDIS_URL=server.url)
    served.envoy.fail(Fault(path=TOKEN_PATH, delay=0.5, times=1))
    door.opens.set()
    await served.deliver()
    await until(lambda: not served.envoy.app[FAULTS].live())
    server.kill()
    await until(lambda: served.envoy.requests(TOKEN_PATH))
    for _ in range(2):  # by then the token can't be kept, either
        assert not await redis_answers(served.engine.redis)
    server.start()
    await served.engine.redis.delete(f"{served.engine.keys.token}:lock")  # it would run out by itself
    report = await served.report_finishes()
    assert (report.state, report.attempt, report.crashes) == (State.SUCCEEDED, 1, 0)
