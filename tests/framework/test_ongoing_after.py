"""`Ongoing(after=job)`: Envoy hears the end of another job, whoever works on it, and whoever ends it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin import Done, Enqueued, Failed, Ignored, Ongoing, Plugin, Retry, Run, Snooze, Text
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.retries import Backoff
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, Delete, Enqueue, Unhold
from envoy_plugin.simulator.faults import Fault
from tests.framework.served import UPDATES, Served, Stage, a_webhook, eventually

NOW = Backoff(base=timedelta(0), factor=1, cap=timedelta(0))
Says = Callable[[Run], Any]
Serve = Callable[..., Awaitable[Served]]


def plugin_of(says: Any, *, message: str | None = None, background: bool = True, **options: Any) -> Plugin:
    """A plugin whose handler leaves the work to a task that says this."""
    plugin = Plugin("visitor-doors")

    @plugin.task(retries=1)
    async def work(run: Run) -> Any:
        return says(run) if callable(says) else says

    @plugin.on("entry_sign_in", background=background)
    async def begin() -> Ongoing:
        return Ongoing(message, after=await work.enqueue(**options))

    return plugin


async def end_of_all(served: Served) -> dict[str, Job]:
    """The jobs by their kind, once all of them are over at two looks; times pass at once."""
    before: list[Job] = []

    async def look() -> dict[str, Job]:
        await served.passes(timedelta(days=2))
        last, before[:] = before[:], await served.jobs()
        over = last == before and all(job.state.ended for job in before)
        return {job.kind: job for job in before} if over else {}

    return await eventually(look)


SAID = [
    (Done("Printed", Text("Badge", "7")), {"status": "done", "status_message": "Printed"}),
    (None, {"status": "done", "status_message": None}),
    (Ignored("Has one", "badge"), {"status": "ignored", "status_message": "Has one", "failure_reason": "badge"}),
    (Failed("No paper"), {"status": "failed", "status_message": "No paper", "failure_reason": "rejected"}),
    (Retry("Busy"), {"status": "failed", "status_message": "Busy", "failure_reason": "error"}),
    (lambda run: Snooze(timedelta(hours=1)) if run._held.claim == 1 else Done("Late"), {"status_message": "Late"}),
]


@pytest.mark.parametrize(("says", "shown"), SAID)
@pytest.mark.parametrize("background", [True, False], ids=["background", "inline"])
async def test_envoy_is_told_what_the_task_says_at_its_end(
    stage: Stage, says: Any, shown: dict[str, Any], *, background: bool
) -> None:
    served = await stage.serve(plugin_of(says, background=background))
    await served.deliver()
    assert served.shown()["status"] in {"in_progress", shown.get("status", "done")}
    jobs = await end_of_all(served)
    assert {name: served.shown()[name] for name in shown} == shown
    assert len(served.updates()) == 1
    assert len(served.shown()["attachments"]) == len(getattr(says, "attachments", ()))
    if background:
        assert (jobs["entry_sign_in"].state, jobs["entry_sign_in"].heir) == (State.SUCCEEDED, jobs["task:work"].id)


@pytest.mark.parametrize("background", [True, False], ids=["background", "inline"])
async def test_an_operator_who_cancels_the_work_is_told_of(stage: Stage, *, background: bool) -> None:
    served = await stage.serve(plugin_of(Done("never"), background=background, hold="approval"))
    await served.deliver()
    task = await the_task(served)
    await served.engine.run(Cancel(id=task.id, reason=Reason.OPERATOR))
    await end_of_all(served)
    shown = served.shown()
    assert (shown["status"], shown["status_message"]) == ("failed", "Cancelled by an operator")


async def the_task(served: Served) -> Job:
    """The task, once what began it is over."""

    async def look() -> Job | None:
        jobs = {job.kind: job for job in await served.jobs()}
        begun = jobs.get("entry_sign_in")
        return jobs.get("task:work") if begun is None or begun.state.ended else None

    return await eventually(look)


async def test_the_message_is_shown_until_the_end(stage: Stage) -> None:
    served = await stage.serve(plugin_of(Done("Printed"), message="Waiting for approval", hold="approval"))
    await served.deliver()
    task = await the_task(served)
    await eventually(lambda: is_shown(served, "Waiting for approval"))
    assert served.shown()["status"] == "in_progress"
    await served.engine.run(Unhold(id=task.id, hold="approval"))
    await eventually(lambda: is_shown(served, "Printed"))


async def is_shown(served: Served, message: str) -> bool:
    return bool(served.shown().get("status_message") == message)


async def test_a_message_that_comes_after_the_end_is_not_shown(stage: Stage) -> None:
    served = await stage.serve(plugin_of(Done("Printed"), message="Soon", hold="approval"))
    served.envoy.fail(Fault(path=UPDATES, status=503))
    await served.deliver()
    task = await the_task(served)
    await eventually(lambda: waits_again(served))
    await served.engine.run(Cancel(id=task.id, reason=Reason.OPERATOR))
    served.envoy.fail()
    await end_of_all(served)
    assert [update["status_message"] for update in served.updates()] == ["Cancelled by an operator"]


async def waits_again(served: Served) -> bool:
    return any(job.queue == "report" and job.attempt == 2 for job in await served.jobs())


async def foreign(served: Served, queue: str, **facts: Any) -> Enqueued:
    """A job that none of the plugin's workers runs."""
    return await served.engine.enqueue(Enqueue(queue=queue, kind="other", backoff=NOW, **facts))


FOREIGN = [
    ("default", None, {"status": "done", "status_message": None, "failure_reason": None}),
    ("thing:door-7", Reason.TIMEOUT, {"status": "failed", "status_message": "Timed out"}),
    (
        "default",
        Reason.BAD_EXIT,
        {"status": "failed", "status_message": "The work failed", "failure_reason": "bad_exit"},
    ),
    ("user:ada", Reason.KILLED, {"status": "failed", "status_message": "The work was stopped"}),
    ("thing:door-7", "broken", {"status": "failed", "status_message": "The work failed", "failure_reason": "broken"}),
]


@pytest.mark.parametrize(("queue", "reason", "shown"), FOREIGN)
async def test_the_end_of_a_job_that_others_work_on_is_told_without_what_they_say(
    stage: Stage, queue: str, reason: str | None, shown: dict[str, Any]
) -> None:
    plugin, jobs = Plugin("visitor-doors"), list[Enqueued]()

    @plugin.on("entry_sign_in", background=True)
    async def begin() -> Ongoing:
        return Ongoing(after=jobs[0].id)

    served = await stage.serve(plugin)
    jobs.append(await foreign(served, queue))
    await served.deliver()
    await eventually(lambda: has_root(served, jobs[0].id))
    [held] = await served.engine.claim(queue, 1, who="other", lease=None)
    outcome = b'{"message": "canary"}'
    if reason is None:
        await served.engine.succeed(held, outcome=outcome)
    else:
        await served.engine.fail(held, reason=reason, outcome=outcome)
    told = await served.settled()
    assert {name: told[name] for name in shown} == shown


async def has_root(served: Served, job_id: str) -> bool:
    return (await find_job(served.engine, job_id)).root is not None


async def test_work_that_is_over_already_is_told_at_once(stage: Stage) -> None:
    plugin, jobs = Plugin("visitor-doors"), list[Enqueued]()

    @plugin.on("entry_sign_in", background=True)
    async def begin() -> Ongoing:
        return Ongoing(after=jobs[0])

    served = await stage.serve(plugin)
    jobs.append(await foreign(served, "default"))
    await served.engine.run(Cancel(id=jobs[0].id, reason=Reason.CLIENT_REQUEST))
    await served.deliver()
    assert (await served.settled())["status_message"] == "The work was cancelled"


async def test_a_chain_of_tasks_ends_with_the_last(stage: Stage) -> None:
    plugin = Plugin("visitor-doors")

    @plugin.task()
    async def count(left: int) -> Done | Ongoing:
        return Ongoing(f"{left} left", after=await count.enqueue(left - 1)) if left else Done("Counted")

    @plugin.on("entry_sign_in", background=True)
    async def begin() -> Ongoing:
        return Ongoing(after=await count.enqueue(3))

    served = await stage.serve(plugin)
    await served.deliver()
    await end_of_all(served)
    assert (served.shown()["status"], served.shown()["status_message"]) == ("done", "Counted")


async def test_envoy_is_told_of_work_that_was_deleted_before_its_end_was_told(stage: Stage) -> None:
    served = await stage.serve(plugin_of(Done("never"), message="Soon", background=False, hold="gate"), worker=False)
    await served.deliver()
    [task] = [job for job in await served.jobs() if job.kind == "task:work"]
    await served.engine.run(Cancel(id=task.id, reason=Reason.OPERATOR))
    await served.engine.run(Delete(id=task.id, attempt=1))
    await stage.serve(served.runtime.plugin)
    shown = await served.settled()
    assert (shown["status"], shown["status_message"]) == ("failed", "The work was deleted")


@pytest.mark.parametrize("background", [True, False], ids=["background", "inline"])
async def test_two_events_may_wait_for_one_job(stage: Stage, *, background: bool) -> None:
    served = await stage.serve(plugin_of(Done("Both"), background=background, key="shared", hold="gate"))
    await served.deliver(job="job-1")
    await served.deliver(job="job-2")
    await eventually(lambda: both_wait(served, background=background))
    await served.engine.run(Unhold(id=(await the_task(served)).id, hold="gate"))
    await end_of_all(served)
    assert [served.shown(job)["status_message"] for job in ("job-1", "job-2")] == ["Both", "Both"]


async def both_wait(served: Served, *, background: bool) -> bool:
    jobs = await served.jobs()
    return not background or [job.state for job in jobs if job.queue == "events"] == [State.SUCCEEDED] * 2


async def test_a_failed_end_that_is_tried_again_is_told_again(stage: Stage) -> None:
    served = await stage.serve(plugin_of(lambda run: Done("Printed") if run.attempt > 1 else Failed("No paper")))
    await served.deliver()
    task = (await end_of_all(served))["task:work"]
    assert served.shown()["status"] == "failed"
    await served.engine.retry(task.id)
    await eventually(lambda: is_shown(served, "Printed"))


async def test_a_report_that_waited_waits_on_for_a_job_that_is_tried_again(stage: Stage) -> None:
    served = await stage.serve(plugin_of(Done("Printed"), background=False, hold="gate"), worker=False)
    await served.deliver()
    [task] = [job for job in await served.jobs() if job.kind == "task:work"]
    await served.engine.run(Cancel(id=task.id, reason=Reason.OPERATOR))
    await served.engine.retry(task.id)
    await stage.serve(served.runtime.plugin)
    await eventually(lambda: postponed(served))
    await served.engine.run(Unhold(id=task.id, hold="gate"))
    await end_of_all(served)
    assert [update["status_message"] for update in served.updates()] == ["Printed"]


async def postponed(served: Served) -> bool:
    return any(job.queue == "report" and job.state is State.SCHEDULED for job in await served.jobs())


async def test_work_that_goes_on_in_no_job_is_a_failure(stage: Stage) -> None:
    plugin = Plugin("visitor-doors")

    @plugin.on("entry_sign_in", background=True)
    async def begin() -> Ongoing:
        return Ongoing(after="nobody")

    served = await stage.serve(plugin)
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.reason) == (State.FAILED, Reason.REJECTED)
    assert served.shown()["status_message"] == "The job in which the work should go on doesn't exist"


async def test_without_a_job_at_envoy_nobody_is_told(stage: Stage) -> None:
    served = await stage.serve(plugin_of(Done("Printed"), message="Soon"))
    await served.post(a_webhook(job=None).body)
    jobs = await end_of_all(served)
    assert {kind: job.state for kind, job in jobs.items()} == dict.fromkeys(
        ("entry_sign_in", "task:work"), State.SUCCEEDED
    )


async def test_a_task_that_envoy_does_not_wait_for_ends_well(stage: Stage) -> None:
    plugin = Plugin("visitor-doors")

    @plugin.task()
    async def second() -> None: ...

    @plugin.task()
    async def first() -> Ongoing:
        return Ongoing("Soon", after=await second.enqueue())

    @plugin.on("entry_sign_in", background=True)
    async def begin() -> Done:
        await first.enqueue()
        return Done("Begun")

    served = await stage.serve(plugin)
    await served.deliver()
    jobs = await end_of_all(served)
    assert (jobs["task:first"].state, jobs["task:second"].state) == (State.SUCCEEDED, State.SUCCEEDED)
    assert [update["status_message"] for update in served.updates()] == ["Begun"]


async def test_what_was_cancelled_meanwhile_passes_no_debt_on(stage: Stage) -> None:
    plugin, jobs = Plugin("visitor-doors"), list[Enqueued]()

    @plugin.on("entry_sign_in", background=True)
    async def begin(run: Run) -> Ongoing:
        await served.engine.run(Cancel(id=run.id, reason=Reason.OPERATOR))
        return Ongoing(after=jobs[0])

    served = await stage.serve(plugin)
    jobs.append(await foreign(served, "default"))
    await served.deliver()
    assert (await served.settled())["status_message"] == "Cancelled by an operator"
    assert not await has_root(served, jobs[0].id)
