"""Holds and dependencies: who set them, what they stop, and how they end."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import Depend, Enqueue, Hold, Succeed
from envoy_plugin.errors import BadProperty, DependencyCycle, JobNotFound, JobRefused, NotAllowed
from envoy_plugin.workflows.definitions.diagrams import Diagram, Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import JobDependencyDetails, JobHold, JobHoldDetails
from envoy_plugin.workflows.responses import JobActionResponse
from envoy_plugin.workflows.running.create import NewWorkflow
from envoy_plugin.workflows.running.record import MANUAL_HOLD, Workflow, load
from tests.engine.clock import Clock
from tests.workflows.office import Office
from tests.workflows.stage import ITEM

HOUR = timedelta(hours=1)


def said(response: JobActionResponse) -> str:
    """The statuses of an answer."""
    return " ".join(one.status for one in response.step_responses)


async def hold(office: Office, job_id: str, *step_ids: str, by: JobsManager | None = None) -> str:
    """Hold steps; answers the statuses."""
    return said(await (by or office.plugin).add_holds(JobHoldDetails(job_id=job_id, step_ids=step_ids)))


async def release(office: Office, job_id: str, *step_ids: str) -> str:
    """Release steps; answers the statuses."""
    return said(await office.plugin.release_holds(JobHoldDetails(job_id=job_id, step_ids=step_ids)))


def waits(job_id: str, step_id: str, other: str, other_step: str | None = None) -> JobDependencyDetails:
    """This step waits for that job, or a step of it."""
    return JobDependencyDetails(job_id=job_id, step_ids=[step_id], dependent_job_id=other, dependent_step_id=other_step)


async def holds(office: Office, job_id: str) -> list[JobHold]:
    """All holds of a job, past ones too."""
    return list((await office.plugin.get_job(job_id, holds=True)).holds or ())


async def actions(office: Office, job_id: str) -> str:
    """The history after the job was made, in one line."""
    rows = await office.plugin.get_job_history(job_id)
    return " ".join(f"{row.action}:{row.step_id or ''}" for row in rows[2:])


async def test_releasing_without_steps_is_for_those_that_are_held_alike(office: Office) -> None:
    job_id, other = await office.job("visit"), await office.job("visit")
    steps = [step.id for step in (await office.plugin.get_job_diagram(job_id)).steps]
    await hold(office, job_id, steps[0])
    waiting = waits(job_id, steps[1], other)
    assert said(await office.plugin.add_dependency(waiting)) == "Success"
    released = await office.plugin.release_holds(JobHoldDetails(job_id=job_id))
    assert (released.success, [one.step_id for one in released.step_responses]) == (True, [steps[0]])
    await hold(office, job_id, steps[0])
    released = await office.plugin.release_dependency(replace(waiting, step_ids=[]))
    assert (released.success, [one.step_id for one in released.step_responses]) == (True, [steps[1]])


async def test_a_held_step_does_nothing_until_it_is_released(office: Office) -> None:
    job_id = await office.job("visit")
    assert await hold(office, job_id, by=office.chief()) == "Success"
    assert await office.statuses(job_id) == {
        "start_steps": "Held",
        "finish_steps": "Held",
        "stop_steps": "NotRunning",
        "refresh_steps": "NotRunning",
    }
    [step] = (await office.plugin.get_job(job_id)).current_steps
    assert (step.manual_hold, step.dependencies) == (True, False)
    assert await release(office, job_id) == "Success"
    [one] = await holds(office, job_id)
    assert (one.set_by, one.released_by, one.released_date is None) == ("ada", "", False)
    assert await actions(office, job_id) == "Held:sign HoldReleased:sign Reactivated:"


async def test_each_hold_of_a_step_is_shown_with_who_released_it(office: Office) -> None:
    job_id = await office.job("visit")
    for name in ("ada", "bob"):
        await hold(office, job_id, by=office.chief("eve"))
        await office.chief(name).release_holds(JobHoldDetails(job_id=job_id))
    assert [(one.set_by, one.released_by) for one in await holds(office, job_id)] == [("eve", "ada"), ("eve", "bob")]


async def test_a_step_that_is_not_reached_yet_is_held_too(office: Office) -> None:
    job_id = await office.job("visit")
    assert await hold(office, job_id, "badge", "sign") == "Success Success"
    assert await release(office, job_id, "sign") == "Success"
    await office.plugin.start_steps(job_id)
    assert await office.stage.engine.claim("steps", 1, who="w", lease=None) == []
    assert await release(office, job_id) == "Success"
    await office.stage.do()
    assert await office.stage.current(job_id) == ["host"]


async def test_a_hold_ends_by_itself_at_its_time(office: Office, clock: Clock) -> None:
    job_id = await office.job("visit")
    until = clock.after(HOUR)
    given = (until + timedelta(microseconds=7)).astimezone(timezone(HOUR))
    await office.plugin.add_holds(JobHoldDetails(job_id=job_id, step_ids=["sign"], scheduled_release=given))
    [step] = (await office.plugin.get_job(job_id)).current_steps
    assert step.hold_scheduled_release == until
    clock.move(HOUR)
    [one] = await holds(office, job_id)
    assert (one.released_date, one.released_by, one.scheduled_release) == (until, None, until)
    assert str(one.scheduled_release).endswith("+00:00")
    assert await actions(office, job_id) == "Held:sign HoldReleased:sign"
    assert said(await office.plugin.start_steps(job_id)) == "Success"


async def test_a_hold_whose_time_has_come_holds_nothing_though_nobody_has_looked(office: Office, clock: Clock) -> None:
    job_id = await office.job("visit")
    await office.plugin.add_holds(JobHoldDetails(job_id=job_id, scheduled_release=clock.after(HOUR)))
    clock.move(HOUR)
    assert [await release(office, job_id, "sign"), await hold(office, job_id)] == ["NotHeld", "Success"]
    assert [one.released_date is None for one in await holds(office, job_id)] == [False, True]
    assert await actions(office, job_id) == "Held:sign HoldReleased:sign Held:sign"


async def test_a_hold_until_a_moment_that_is_past_is_refused(office: Office, clock: Clock) -> None:
    job_id = await office.job("visit")
    for until in (clock.after(-HOUR), clock.after(timedelta())):
        with pytest.raises(BadProperty, match="past"):
            await office.plugin.add_holds(JobHoldDetails(job_id=job_id, scheduled_release=until))
    assert await holds(office, job_id) == []


async def test_a_job_is_active_again_when_the_last_of_all_its_steps_is_free(office: Office) -> None:
    job_id, other = await office.job("visit"), await office.job("visit")
    await hold(office, job_id, "sign", "badge")
    await office.plugin.add_dependency(waits(job_id, "host", other))
    assert await release(office, job_id) == "Success Success"
    assert "Reactivated" not in await actions(office, job_id)
    await office.plugin.release_dependency(waits(job_id, "host", other))
    assert (await actions(office, job_id)).endswith("HoldReleased:host Reactivated:")
    await hold(office, job_id, "sign", "badge")
    await release(office, job_id)
    assert (await actions(office, job_id)).endswith("HoldReleased:sign HoldReleased:badge Reactivated:")


async def test_every_step_of_a_large_job_is_held_and_released_in_one_call(office: Office) -> None:
    office.define("large", *(Step.manual(f"s{number}") for number in range(200)))
    job_id = await office.job("large")
    assert {*(await hold(office, job_id, *(f"s{number}" for number in range(200)))).split()} == {"Success"}
    assert len(await holds(office, job_id)) == 200
    assert (await release(office, job_id)).split() == ["Success"] * 200


async def test_past_holds_make_room_for_new_ones(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envoy_plugin.workflows.operating.holds.MOST_HOLDS", 2)
    job_id = await office.job("visit")
    await hold(office, job_id, "host")
    for _ in range(3):
        await hold(office, job_id, "sign")
        await release(office, job_id, "sign")
    assert [(one.step_id, one.released_date is None) for one in await holds(office, job_id)] == [
        ("host", True),
        ("sign", False),
    ]
    await hold(office, job_id, "sign")
    with pytest.raises(JobRefused, match="at most 2 holds"):
        await hold(office, job_id, "badge")


async def test_a_step_that_begins_at_the_same_instant_is_not_held(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.define("code", Step.function("a", "f"))
    job_id, engine, real = await office.job("code"), office.stage.engine, office.stage.engine.call

    async def call(verbs: Any, *rest: Any) -> list[Any]:
        monkeypatch.undo()
        await engine.claim("steps", 1, who="w", lease=None)
        return await real(verbs, *rest)

    monkeypatch.setattr(engine, "call", call)
    assert await hold(office, job_id) == "AlreadyExecuting"
    assert await holds(office, job_id) == []


async def test_what_can_not_be_held_or_released_says_why(office: Office, clock: Clock) -> None:
    job_id = await office.job()
    assert await hold(office, job_id, "x") == "StepNotInDiagram"
    assert await release(office, job_id) == "NoActiveStep"
    assert await release(office, job_id, "only") == "NotHeld"
    assert [await hold(office, job_id), await hold(office, job_id)] == ["Success", "Held"]
    await release(office, job_id)
    await office.plugin.start_steps(job_id)
    assert await hold(office, job_id) == "AlreadyExecuting"
    await office.plugin.finish_steps(job_id)
    assert [await hold(office, job_id), await hold(office, job_id, "only")] == ["NoActiveStep", "StepNotCurrent"]
    await office.plugin.close_jobs([job_id])
    assert [await hold(office, job_id, "only"), await release(office, job_id, "only")] == ["JobClosed", "JobClosed"]
    for never in (clock.after(HOUR).replace(tzinfo=None), datetime.max.replace(tzinfo=timezone(-HOUR))):
        with pytest.raises(BadProperty, match="moment"):
            await office.plugin.add_holds(JobHoldDetails(job_id=job_id, scheduled_release=never))
    with pytest.raises(NotAllowed, match="jobUpdateHolds"):
        await hold(office, job_id, by=office.by())


@pytest.mark.parametrize("other_step", [None, "sign"])
async def test_a_step_waits_for_a_job_or_a_step_however_it_ends(office: Office, other_step: str | None) -> None:
    office.define("short", Step.manual("sign"))
    job_id, other = await office.job("visit"), await office.job("short", job_id="other")
    assert said(await office.plugin.add_dependency(waits(job_id, "sign", other, other_step))) == "Success"
    assert said(await office.plugin.add_dependency(waits(job_id, "sign", other, other_step))) == "Held"
    assert said(await office.plugin.start_steps(job_id)) == "Held"
    [step] = (await office.plugin.get_job(job_id)).current_steps
    assert (step.manual_hold, step.dependencies) == (False, True)
    await office.plugin.start_steps(other)
    assert said(await office.plugin.start_steps(job_id)) == "Success"
    [one] = await holds(office, job_id)
    assert (one.dependent_job_id, one.dependent_step_id) == ("other", other_step)
    assert one.released_date is not None


async def test_a_deleted_job_keeps_nobody_waiting(office: Office) -> None:
    job_id, other = await office.job("visit"), await office.job("visit")
    await office.plugin.add_dependency(waits(job_id, "sign", other))
    await office.plugin.delete_jobs([other])
    assert said(await office.plugin.start_steps(job_id)) == "Success"
    [one] = await holds(office, job_id)
    assert one.released_date is not None


async def test_a_dependency_is_released_alone(office: Office) -> None:
    job_id, other = await office.job("visit"), await office.job("visit")
    on = waits(job_id, "sign", other)
    await office.plugin.add_dependency(on)
    await hold(office, job_id)
    assert said(await office.plugin.release_dependency(on)) == "Success"
    assert said(await office.plugin.release_dependency(on)) == "NotHeld"
    assert said(await office.plugin.start_steps(job_id)) == "Held"
    assert await release(office, job_id) == "Success"
    assert said(await office.plugin.start_steps(job_id)) == "Success"
    assert "Reactivated" in await actions(office, job_id)


async def test_steps_that_would_wait_for_themselves_are_named(office: Office) -> None:
    first, second = await office.job("visit", job_id="first"), await office.job("visit", job_id="second")
    await office.plugin.add_dependency(waits(first, "sign", second, "badge"))
    await office.plugin.add_dependency(waits(second, "badge", second, "sign"))
    with pytest.raises(DependencyCycle) as cycle:
        await office.plugin.add_dependency(waits(second, "sign", first, "sign"))
    assert set(cycle.value.cycle) == {"first/sign", "second/badge", "second/sign"}
    with pytest.raises(DependencyCycle, match="first"):
        await office.plugin.add_dependency(waits(first, "sign", first))
    with pytest.raises(DependencyCycle, match="first/sign"):
        await office.plugin.add_dependency(waits(first, "sign", first, "sign"))


async def test_a_circle_that_is_too_large_to_be_looked_for_is_refused(office: Office) -> None:
    office.define("large", *(Step.manual(f"s{number}") for number in range(200)))
    jobs = [await office.job("large", job_id=f"job-{number}") for number in range(6)]
    steps = [step for job in jobs for step in (await loaded(office, job)).steps.values()]
    for at in range(0, len(steps) - 1, 200):
        pairs = zip(steps[at : at + 200], steps[at + 1 : at + 201], strict=False)
        await office.stage.engine.call([Depend(id=one, upstream=other) for one, other in pairs])
    with pytest.raises(JobRefused, match=r"'job-0' .* too many steps wait"):
        await office.plugin.add_dependency(waits(jobs[-1], "s199", jobs[0], "s0"))


async def loaded(office: Office, job_id: str) -> Workflow:
    """A job as the workflow that it is."""
    return await load(office.stage.store, await office.plugin._scope.resolve(job_id))


async def test_what_is_not_there_is_not_waited_for(office: Office) -> None:
    job_id = await office.job("visit")
    with pytest.raises(JobNotFound):
        await office.plugin.add_dependency(waits(job_id, "sign", "nobody"))
    with pytest.raises(JobRefused, match="no step 'x'"):
        await office.plugin.add_dependency(waits(job_id, "sign", job_id, "x"))
    assert said(await office.plugin.add_dependency(waits(job_id, "x", job_id, "sign"))) == "StepNotInDiagram"


async def test_what_code_and_diagrams_hold_is_shown_too(office: Office) -> None:
    office.define("held", Step.manual("a", held=True, then="b"), Step.manual("b"))
    job_id = await office.job("held")
    [one] = await holds(office, job_id)
    assert (one.step_id, one.set_by, one.released_date) == ("a", "", None)
    assert said(await office.chief().release_holds(JobHoldDetails(job_id=job_id))) == "Success"
    [past] = await holds(office, job_id)
    assert (past.step_id, past.set_date, past.released_by) == ("a", one.set_date, "ada")


async def test_jobs_that_would_wait_for_each_other_as_a_whole_are_named(office: Office) -> None:
    first, second = await office.job("visit", job_id="first"), await office.job("visit", job_id="second")
    await office.plugin.add_dependency(waits(first, "badge", second))
    with pytest.raises(DependencyCycle) as cycle:
        await office.plugin.add_dependency(waits(second, "host", first))
    assert cycle.value.cycle == ("second/host", "first", "first/badge", "second")


async def test_what_is_waited_for_is_shown_by_the_id_that_the_job_has(office: Office) -> None:
    job_id, other = await office.job("visit"), await office.job("visit", job_id="other")
    engine_id = (await loaded(office, other)).id
    await office.plugin.add_dependency(waits(job_id, "sign", engine_id, "badge"))
    [one] = await holds(office, job_id)
    assert (one.dependent_job_id, one.dependent_step_id) == ("other", "badge")
    with pytest.raises(DependencyCycle, match="other/sign -> other"):
        await office.plugin.add_dependency(waits("other", "sign", engine_id))


async def test_a_hold_of_a_step_that_is_gone_is_over(office: Office) -> None:
    await office.stage.store.save_diagram(ITEM, diagram(Step.manual("a", then="b"), Step.manual("b")))
    await office.stage.store.save_template(ITEM, Template(id="stored", diagram_id="d"))
    job_id, other = await office.job("stored"), await office.job("visit")
    await hold(office, job_id, "b")
    await office.plugin.add_dependency(waits(job_id, "b", other))
    await office.stage.store.save_diagram(ITEM, diagram(Step.manual("a")))
    await office.plugin.upgrade_jobs([job_id])
    assert [one.released_date is None for one in await holds(office, job_id)] == [False, False]


def diagram(*steps: Step) -> Diagram:
    """A diagram whose first step is `a`."""
    return Diagram(id="d", initial="a", steps=steps)


async def test_what_code_waits_for_is_shown_too(office: Office) -> None:
    other = await office.job("visit", job_id="other")
    upstream = await loaded(office, other)
    nobody = (await office.stage.engine.enqueue(Enqueue(queue="events", kind="event"))).id
    new = NewWorkflow(item=ITEM, after={"a": [upstream.id, upstream.steps["sign"], nobody]})
    job_id = await office.stage.start(Step.manual("a"), new=new)
    shown = {(one.dependent_job_id, one.dependent_step_id, one.released_date) for one in await holds(office, job_id)}
    assert shown == {("other", None, None), ("other", "sign", None), (nobody, None, None)}
    await office.chief().release_dependency(waits(job_id, "a", upstream.id, "sign"))
    [past] = [one for one in await holds(office, job_id) if one.released_date]
    assert (past.dependent_job_id, past.dependent_step_id, past.released_by) == ("other", "sign", "ada")


async def test_a_step_that_is_long_over_is_known_though_its_job_is_forgotten(office: Office, clock: Clock) -> None:
    office.define("two", Step.titan("a", payload="p", then="b"), Step.manual("b"))
    job_id = await office.job("two")
    await office.stage.engine.run(Succeed.of(await office.stage.claim("default")))
    await office.stage.advance()
    clock.move(timedelta(days=8))
    await office.plugin.close_jobs([job_id])
    await retire(office.stage.engine, Keeping())
    await office.plugin.reopen_jobs([job_id])
    assert [await hold(office, job_id, "a"), await release(office, job_id, "a")] == ["StepNotCurrent"] * 2
    with pytest.raises(JobRefused, match="not a current step"):
        await office.plugin.assign_step(job_id, "a", "bob", "User")


async def test_what_code_waits_for_keeps_nobody_waiting_once_it_is_deleted(office: Office) -> None:
    other = await office.stage.start(Step.manual("x"), template="other")
    upstreams = [other, (await office.stage.load(other)).steps["x"]]
    job_id = await office.stage.start(Step.manual("a"), new=NewWorkflow(item=ITEM, after={"a": upstreams}))
    await office.plugin.delete_jobs([other])
    assert said(await office.plugin.start_steps(job_id)) == "Success"


async def test_what_code_waits_for_is_released_though_it_is_gone(office: Office) -> None:
    gone = await office.stage.engine.enqueue(Enqueue(queue="events", kind="event"))
    job_id = await office.stage.start(Step.manual("a"), new=NewWorkflow(item=ITEM, after={"a": [gone.id]}))
    await office.stage.engine.cancel(gone.id, reason="operator")
    [one] = await holds(office, job_id)
    with pytest.raises(JobNotFound, match="nobody"):
        await office.plugin.release_dependency(waits(job_id, "a", "nobody"))
    assert said(await office.plugin.start_steps(job_id)) == "Held"
    assert said(await office.plugin.release_dependency(waits(job_id, "a", one.dependent_job_id or ""))) == "Success"
    assert said(await office.plugin.start_steps(job_id)) == "Success"


async def test_a_hold_that_the_engine_releases_is_shown_as_released_then(office: Office, clock: Clock) -> None:
    job_id = await office.job("visit")
    await hold(office, job_id, "badge")
    released = clock.after(HOUR)
    clock.move(HOUR)
    await office.stage.release(job_id, "badge")
    clock.move(HOUR)
    await office.plugin.start_steps(job_id)
    [one] = await holds(office, job_id)
    assert (one.released_date, one.released_by) == (released, None)


async def test_what_the_engine_holds_after_a_hold_was_over_is_shown(office: Office, clock: Clock) -> None:
    job_id = await office.job("visit")
    details = JobHoldDetails(job_id=job_id, step_ids=["badge"], scheduled_release=clock.after(HOUR))
    await office.plugin.add_holds(details)
    clock.move(HOUR)
    await sweep(office.stage.engine)
    clock.move(HOUR)
    badge = (await office.stage.load(job_id)).steps["badge"]
    await office.stage.engine.run(Hold(id=badge, hold=MANUAL_HOLD))
    assert [one.released_date is None for one in await holds(office, job_id)] == [False, True]
    assert (await holds(office, job_id))[1].set_date == clock.after(timedelta())
