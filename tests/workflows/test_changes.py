"""Several changes between two looks at a job: each is told by itself and in order; none is lost, or told twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import Assign, Cancel, Hold, Unhold
from envoy_plugin.workflows.definitions.diagrams import Path, Step
from envoy_plugin.workflows.models import JobAttachmentDetails, JobDependencyDetails, JobHistoryAction, JobHoldDetails
from envoy_plugin.workflows.notifications import NotificationManager
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.history import MOST_CHANGES
from envoy_plugin.workflows.telling import watching
from envoy_plugin.workflows.telling.messages import NotificationMessage
from tests.engine.clock import Clock
from tests.workflows.ear import Ear
from tests.workflows.office import Office
from tests.workflows.stage import ITEM

CODE = Step.function("code", "f", proceeds=False)


@pytest.fixture
async def ear(office: Office) -> Ear:
    """One who listens for the plugin itself."""
    return Ear(NotificationManager(office.stage.store, item=ITEM))


async def watched(office: Office, ear: Ear, *steps: Step, **facts: object) -> str:
    """A new job of which it is told."""
    if steps:
        office.define("t", *steps, **facts)
    job_id = await office.job("t" if steps else "visit")
    await ear.manager.subscribe_to_job(job_id, ear)
    return job_id


async def test_a_step_that_was_started_paused_and_finished_meanwhile_is_told_of_all_of_it(
    office: Office, ear: Ear
) -> None:
    job_id = await watched(office, ear, Step.manual("only", proceeds=False), closes=False)
    for act in ("start_steps", "stop_steps", "start_steps", "finish_steps"):
        await getattr(office.plugin, act)(job_id)
    one = "StepStarted StepInfoRequired"
    assert await ear.next() == f"{one} StepPaused {one} StepFinished"
    assert await ear.next() == ""


async def test_a_visit_between_two_looks_is_told_step_by_step(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    await office.plugin.start_steps(job_id)
    await office.stage.do()
    await office.stage.answer(job_id, "host", "Yes")
    finished = "StepFinished StepStarted StepFinished StepStarted StepInfoRequired StepFinished"
    assert await ear.next() == f"{finished} JobUpdated"
    ended = [one.message["step_ids"] for one in ear.heard if one.msg_type == "StepFinished"]
    assert (ended, ear.heard[-1].message["properties"]) == ([["sign"], ["badge"], ["host"]], {"closed": True})


async def test_a_loop_tells_each_of_its_rounds(office: Office, ear: Ear) -> None:
    await watched(
        office, ear, Step.function("a", "f", then={"a": "result.again", "b": "not result.again"}), Step.manual("b")
    )
    for again in (True, True, False):
        await office.stage.do({"again": again})
    assert await ear.next() == "StepFinished StepStarted StepFinished StepStarted StepFinished"


async def test_a_step_that_fails_and_is_run_again_is_told_both_times(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear, Step.function("a", "f", retries=0))
    await office.stage.fail()
    await office.stage.advance()
    await office.plugin.start_steps(job_id)
    await office.stage.fail("boom")
    await office.stage.advance()
    assert await ear.next() == "StepError StepStarted StepError"
    assert [one.message["msg"] for one in ear.heard if one.msg_type == "StepError"] == ["failed: error", "failed: boom"]


async def test_holds_that_came_and_went_are_told(office: Office, ear: Ear) -> None:
    job_id, other = await watched(office, ear), await office.job()
    hold = JobHoldDetails(job_id=job_id, step_ids=["sign"])
    waits = JobDependencyDetails(job_id=job_id, step_ids=["sign"], dependent_job_id=other)
    await office.plugin.add_holds(hold)
    await office.plugin.add_dependency(waits)
    await office.plugin.release_holds(hold)
    await office.plugin.release_dependency(waits)
    assert await ear.next() == "StepHeld StepHeld StepHoldReleased StepHoldReleased"
    kinds = [(one.message["manual"], one.message["dependency"]) for one in ear.heard[:2]]
    assert (kinds, await ear.next()) == ([(True, False), (True, True)], "")


async def test_a_hold_that_time_releases_is_told_and_what_it_held_begins(
    office: Office, ear: Ear, clock: Clock
) -> None:
    job_id = await watched(office, ear, Step.function("a", "f"))
    until = await office.stage.engine.now() + timedelta(minutes=5)
    await office.plugin.add_holds(JobHoldDetails(job_id=job_id, step_ids=["a"], scheduled_release=until))
    assert await ear.next() == "StepHeld"
    assert (ear.heard[0].message["scheduled_release"], ear.heard[0].message["manual"]) == (until, True)
    clock.move(timedelta(minutes=6))
    await sweep(office.stage.engine)
    assert await ear.next() == "StepHoldReleased StepStarted"
    await office.stage.do()
    assert await ear.next() == "StepFinished JobUpdated"


async def test_what_began_and_ended_after_a_hold_that_time_released_is_told_as_begun(
    office: Office, ear: Ear, clock: Clock
) -> None:
    job_id = await watched(office, ear, Step.function("a", "f"), closes=False)
    until = await office.stage.engine.now() + timedelta(minutes=5)
    await office.plugin.add_holds(JobHoldDetails(job_id=job_id, step_ids=["a"], scheduled_release=until))
    assert await ear.next() == "StepHeld"
    clock.move(timedelta(minutes=6))
    await sweep(office.stage.engine)
    await office.stage.do()
    assert await ear.next() == "StepStarted StepFinished"


async def test_a_step_that_opens_while_it_is_held_is_not_told_as_begun(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    await office.plugin.add_holds(JobHoldDetails(job_id=job_id, step_ids=["badge"]))
    await office.plugin.start_steps(job_id)
    assert await ear.next() == "StepHeld StepFinished"
    await office.plugin.release_holds(JobHoldDetails(job_id=job_id, step_ids=["badge"]))
    assert await ear.next() == "StepHoldReleased StepStarted"


async def test_whose_a_step_is_that_opens_again_is_told_with_the_end_before_it(office: Office, ear: Ear) -> None:
    back = replace(Step.manual("b"), paths=(Path(to="a", assigned="user:bob"),))
    job_id = await watched(office, ear, Step.manual("a", assigned="user:ada", then="b"), back)
    for step_id in ("a", "b"):
        await office.plugin.start_steps(job_id, [step_id])
    assert await ear.next() == "StepFinished StepFinished"
    assert [step.assigned_to for step in ear.heard[-1].message["current_steps"]] == ["bob"]


async def test_a_hold_that_code_sets_is_told_too(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    step = (await office.stage.load(job_id)).steps["sign"]
    await office.stage.engine.run(Hold(id=step, hold="manual"))
    assert await ear.next() == "StepHeld"
    await office.stage.engine.run(Unhold(id=step, hold="manual"))
    assert await ear.next() == "StepHoldReleased"


async def test_each_assignment_is_told_with_whom(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    for name in ("bob", "ada", "bob"):
        await office.plugin.assign_current_step(job_id, name, "User")
    await office.stage.assign(job_id, "sign", "group:front-desk")
    assert await ear.next() == "StepReassigned StepReassigned StepReassigned StepReassigned"
    assert [one.message["assigned_to"] for one in ear.heard] == ["bob", "ada", "bob", "front-desk"]


async def test_properties_that_changed_back_are_told(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    for priority in ("High", "Low", "High"):
        await office.update(job_id, priority=priority, notes="n" * 300 + priority)
    assert await ear.next() == "JobUpdated JobUpdated JobUpdated"
    told = [one.message["properties"] for one in ear.heard]
    assert [one["priority"] for one in told] == ["High", "Low", "High"]
    assert {one["notes"] for one in told} == {"n" * 300 + "High"}, "a long text is told as it is by then"


async def test_what_code_says_of_a_job_is_told(office: Office, ear: Ear) -> None:
    template = Step.manual("a", then="b"), Step.manual("b")
    job_id = await watched(office, ear, *template)
    await office.stage.handle(job_id).say(job_status="At the door")
    assert await ear.next() == "JobUpdated"
    assert ear.heard[0].message["properties"] == {"job_status": "At the door"}


async def test_an_attachment_that_came_and_went_is_told(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    made = await office.plugin.add_attachment(JobAttachmentDetails(job_id=job_id, attachment=b"x", alias="a"))
    change = JobAttachmentDetails(job_id=job_id, attachment_id=made.attachment_id, alias="b")
    await office.plugin.update_attachment(change)
    await office.plugin.delete_attachment(job_id, made.attachment_id)
    assert await ear.next() == " ".join(["JobAttachmentUpdated"] * 3)
    adds, updates, deletes = (one.message for one in ear.heard)
    assert [adds["adds"][0].id, updates["updates"][0].id, *deletes["deletes"]] == [made.attachment_id] * 3


async def test_comments_and_other_changes_are_told_in_the_order_in_which_they_were_made(
    office: Office, ear: Ear
) -> None:
    job_id = await watched(office, ear)
    for number in range(3):
        await office.plugin.add_job_comment(job_id, str(number))
        await office.update(job_id, notes=str(number))
    assert await ear.next() == " ".join(["JobCommentUpdated JobUpdated"] * 3)
    comments = [one.message["adds"][0].comment for one in ear.heard if one.msg_type == "JobCommentUpdated"]
    assert comments == ["0", "1", "2"]


async def test_a_location_that_changed_twice_is_told_twice(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    for across in (1, 2):
        await office.plugin.set_job_location(job_id, {"type": "Point", "coordinates": [across, 2]})
    assert await ear.next() == "JobLocationUpdated JobLocationUpdated"


async def test_a_step_that_does_not_proceed_is_told_as_stopped_before_it_is_finished(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear, CODE, closes=False)
    await office.stage.do()
    assert await ear.next() == "StepStopped"
    await office.plugin.finish_steps(job_id)
    assert await ear.next() == "StepFinished"


async def test_a_question_that_does_not_proceed_is_told_as_stopped(office: Office, ear: Ear) -> None:
    question = Step.question("q", "Now?", answers=["Yes"], proceeds=False)
    job_id = await watched(office, ear, question, closes=False)
    await office.stage.answer(job_id, "q", "Yes")
    await office.plugin.finish_steps(job_id)
    assert await ear.next() == "StepStopped StepFinished"


async def test_a_pull_workers_step_that_does_not_proceed_is_told_as_stopped(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear, Step.titan("a", payload="p", proceeds=False), closes=False)
    held = await office.stage.claim("default")
    await office.stage.engine.succeed(held)
    await office.stage.advance()
    assert await ear.next() == "StepStopped"
    state = await ear.state(job_id)
    assert [(one["state"], one["last"].msg_type) for one in state["step_states"]] == [("done", "StepStopped")]


async def test_progress_is_told_when_it_is_noted(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear, Step.function("a", "f"))
    held = await office.stage.claim("steps")
    await office.stage.engine.note(held, b'{"message":"half of it","fraction":0.5}')
    assert await ear.next() == "StepProgress"
    assert (ear.heard[0].message["msg"], ear.heard[0].message["fraction"]) == ("half of it", 0.5)
    await office.stage.engine.note(held, b"1", memo="piece")
    assert await ear.next() == ""
    [step] = (await ear.state(job_id))["step_states"]
    assert step["last"].message["msg"] == "half of it"
    await office.stage.engine.note(held, b"no JSON")
    assert (await ear.next(), ear.heard[0].message["msg"]) == ("StepProgress", "")


async def test_setting_a_step_current_tells_how_the_job_stands_then(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    await office.plugin.set_current_step(job_id, "host")
    assert await ear.next() == "StepStarted StepInfoRequired JobState"
    assert [one["step"].step_id for one in ear.heard[-1].message["step_states"]] == ["host"]


async def test_closing_reopening_and_upgrading_are_told(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear, Step.manual("a", then="b"), Step.manual("b"))
    await office.plugin.close_jobs([job_id])
    await office.plugin.reopen_jobs([job_id])
    assert await ear.next() == "JobUpdated JobUpdated JobState"
    office.define("t", Step.manual("a", then="c"), Step.manual("c"))
    await office.job("t")
    await office.plugin.upgrade_jobs([job_id])
    assert (await ear.next(), ear.heard[0].message["diagram_version"]) == ("JobState", 2)
    await office.plugin.start_steps(job_id)
    assert await ear.next() == "StepFinished"


async def test_a_step_that_is_stopped_by_other_means_is_told_as_cancelled_or_paused(office: Office, ear: Ear) -> None:
    await watched(office, ear, Step.function("a", "f"), closes=False)
    held = await office.stage.claim("steps")
    await office.stage.engine.call([Hold(id=held.id, hold="run")])
    await office.stage.engine.release(held)
    assert await ear.next() == "StepCancelled"


async def test_after_more_changes_than_the_history_has_how_the_job_stands_is_told(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    for number in range(MOST_CHANGES + 1):
        await office.update(job_id, notes=str(number))
    kinds = (await ear.next()).split()
    assert (set(kinds), kinds[-1]) == ({"JobUpdated", "JobState"}, "JobState")
    assert ear.heard[-2].message["properties"] == {"notes": str(MOST_CHANGES)}


async def test_what_no_row_tells_of_is_told_as_it_is_then(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    workflow = await office.stage.load(job_id)
    await office.stage.engine.run(Assign(id=workflow.steps["sign"], queue="user:bob", assignee="user:bob"))
    draft = Draft(office.stage.store, workflow)
    draft.say(priority="High", location={"type": "Multipoint", "parts": [[[1, 2]]], "box": [1, 2, 1, 2]})
    draft.keep("attachment:a", {"alias": "a", "by": "ada", "at": workflow.now.isoformat()})
    draft.record(JobHistoryAction.UPDATED)
    await office.stage.engine.call(draft.call())
    assert await ear.next() == "StepReassigned JobUpdated JobLocationUpdated JobAttachmentUpdated"
    assert ear.heard[1].message["properties"] == {"priority": "High"}
    ends = [Cancel(id=one, reason="operator") for one in (*workflow.steps.values(), job_id)]
    await office.stage.engine.call(ends)
    assert (await ear.next(), ear.heard[0].message["properties"]) == ("JobUpdated", {"closed": True})


async def test_whoever_comes_while_others_are_told_is_told_the_same_from_then_on(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    late = Ear(ear.manager)
    await office.update(job_id, notes="before")
    await ear.manager.subscribe_to_job(job_id, late)
    await office.update(job_id, notes="after")
    assert await ear.next() == "JobUpdated JobUpdated"
    assert [one.msg_type for one in late.heard] == ["JobState", "JobUpdated", "JobUpdated"]


async def test_many_who_subscribe_at_once_make_one_look(office: Office, ear: Ear) -> None:
    job_id = await office.job("visit")
    redis = office.stage.engine.redis
    before = (await redis.info("commandstats"))["cmdstat_exec"]["calls"]
    await asyncio.gather(*(ear.manager.subscribe_to_job(job_id, ear) for _ in range(50)))
    after = (await redis.info("commandstats"))["cmdstat_exec"]["calls"]
    assert (len(ear.heard), after - before) == (50, 2), "one to learn of its steps, and one for all of it"


async def test_a_job_that_cannot_be_read_keeps_nobody_from_others_and_is_told_of_later(
    office: Office, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = [await watched(office, ear) for _ in range(2)]
    redis, key = office.stage.engine.redis, office.stage.engine.keys.described(broken)
    kept = await redis.hget(key, "_walk")
    await office.update(broken, notes="1")
    await redis.hset(key, "_walk", office.stage.engine.seal(b"no JSON"))
    await office.update(whole, notes="2")
    assert [await ear.next(), await ear.next()] == ["JobUpdated", ""]
    assert caplog.text.count("notifications.unreadable") == 1
    await redis.hset(key, "_walk", kept or b"")
    assert (await ear.next(), ear.heard[0].message["properties"]) == ("JobUpdated", {"notes": "1"})


async def test_whoever_comes_while_messages_are_told_is_not_told_what_they_know(office: Office, ear: Ear) -> None:
    job_id, late = await watched(office, ear), Ear(ear.manager)

    async def bring(message: NotificationMessage) -> None:
        if message.msg_type == "JobUpdated" and not late.heard:
            await ear.manager.subscribe_to_job(job_id, late)

    await ear.manager.subscribe_to_job(job_id, bring)
    for notes in ("1", "2", "3"):
        await office.update(job_id, notes=notes)
    assert await ear.next() == "JobUpdated JobUpdated JobUpdated"
    assert [one.msg_type for one in late.heard] == ["JobState"]


async def test_a_change_in_this_process_is_told_long_before_the_next_look_is_due(office: Office, ear: Ear) -> None:
    job_id = await watched(office, ear)
    ear.heard.clear()
    async with ear.manager.listening(every=timedelta(hours=1)):
        await office.update(job_id, notes="n")
        async with asyncio.timeout(5):
            await ear.hears()
    assert [one.msg_type for one in ear.heard] == ["JobUpdated"]
    assert watching.LEAST_REST >= 19
