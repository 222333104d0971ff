"""Being told of jobs as they change, and answering what their steps ask."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from envoy_plugin.errors import BadProperty, JobNotFound
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.models import JobAttachmentDetails, JobDependencyDetails, JobHoldDetails
from envoy_plugin.workflows.notifications import NotificationManager, StepInfoResponse
from envoy_plugin.workflows.operating.privileges import Caller
from envoy_plugin.workflows.operating.scope import Scope
from envoy_plugin.workflows.telling.messages import AllowedAction, NotificationMessage
from envoy_plugin.workflows.telling.watching import Watcher
from tests.workflows.ear import Ear
from tests.workflows.office import Office
from tests.workflows.stage import ITEM


@pytest.fixture
async def ear(office: Office) -> Ear:
    """One who listens for the plugin itself."""
    return Ear(NotificationManager(office.stage.store, item=ITEM))


async def subscribed(office: Office, ear: Ear, template: str = "visit") -> str:
    """A new job of which it is told."""
    job_id = await office.job(template)
    await ear.manager.subscribe_to_job(job_id, ear)
    return job_id


async def test_whoever_subscribes_is_told_how_the_job_stands(office: Office, ear: Ear) -> None:
    job_id = await subscribed(office, ear)
    [first] = ear.heard
    [state] = first.message["step_states"]
    assert (first.msg_type, first.message["job_id"], first.message["percent_complete"]) == ("JobState", job_id, 0)
    assert (state["step"].step_id, state["state"]) == ("sign", "ready")
    assert await ear.next() == ""
    with pytest.raises(JobNotFound):
        await ear.manager.subscribe_to_job("nobody", ear)


async def test_what_was_told_of_a_step_last_is_told_to_whoever_comes_later(office: Office, ear: Ear) -> None:
    office.define("fails", Step.function("a", "f", retries=0))
    office.define("done", Step.function("a", "f", proceeds=False))
    failed = await office.job("fails")
    await office.stage.fail()
    await office.stage.advance()
    done = await office.job("done")
    await office.stage.do()
    for job_id, kind, msg in ((failed, "StepError", "failed: error"), (done, "StepStopped", "waits to be finished")):
        [state] = (await ear.state(job_id))["step_states"]
        assert (state["last"].msg_type, msg in state["last"].message["msg"]) == (kind, True)
    await office.plugin.close_jobs([done])
    assert (await ear.state(done))["step_states"] == []


async def test_nobody_is_told_of_the_jobs_of_another_item(office: Office, ear: Ear) -> None:
    job_id, watcher = await office.job(), Watcher(office.stage.store)
    ours = Scope(store=office.stage.store, item=ITEM, caller=Caller())
    theirs = replace(ours, item="another")
    with pytest.raises(JobNotFound):
        await watcher.watch(theirs, job_id, ear)
    await watcher.watch(ours, job_id, ear)
    with pytest.raises(JobNotFound):
        await watcher.watch(theirs, job_id, ear)


async def test_a_visit_is_told_from_its_first_step_to_its_end(office: Office, ear: Ear) -> None:
    job_id = await subscribed(office, ear)
    await office.plugin.start_steps(job_id)
    assert await ear.next() == "StepFinished StepStarted"
    assert ear.heard[0].message["step_ids"] == ["sign"]
    assert [step.step_id for step in ear.heard[0].message["current_steps"]] == ["badge"]
    await office.stage.do()
    assert await ear.next() == "StepFinished StepStarted StepInfoRequired"
    asked = ear.heard[-1].message
    assert (asked["question"], asked["question_responses"][0]) == (
        "Shall they come in?",
        {"name": "Yes", "value": "Yes"},
    )
    answer = StepInfoResponse(job_id=job_id, step_id="host", question_response="Yes", comment="welcome")
    assert (await ear.manager.send(answer)).success
    assert await ear.next() == "StepFinished JobUpdated JobCommentUpdated"
    assert ear.heard[1].message["properties"] == {"closed": True}
    assert ear.heard[2].message["adds"][0].comment == "welcome"


async def test_a_step_that_fails_is_told_once(office: Office, ear: Ear) -> None:
    office.define("fails", Step.function("a", "f", retries=0))
    await subscribed(office, ear, "fails")
    await office.stage.fail()
    await office.stage.advance()
    assert await ear.next() == "StepError"
    assert (ear.heard[0].message["step_id"], ear.heard[0].message["msg"]) == ("a", "failed: error")


async def test_a_manual_step_is_started_paused_and_finished_by_its_answer(office: Office, ear: Ear) -> None:
    job_id = await subscribed(office, ear, "one")
    await office.plugin.start_steps(job_id)
    assert await ear.next() == "StepStarted StepInfoRequired"
    assert ear.heard[1].message["allowed_actions"] == AllowedAction.PAUSE | AllowedAction.FINISH
    await ear.manager.send(StepInfoResponse(job_id=job_id, step_id="only", manual_response=False))
    assert await ear.next() == "StepPaused"
    await office.plugin.start_steps(job_id)
    await ear.manager.send(StepInfoResponse(job_id=job_id, step_id="only", manual_response=True))
    await office.plugin.finish_steps(job_id)
    assert await ear.next() == "StepStarted StepInfoRequired StepFinished"


async def test_the_comment_of_an_answer_is_one_of_the_job(office: Office, ear: Ear) -> None:
    office.define("ask", Step.question("a", "Well?", answers=["Yes"], assigned="user:ada"), closes=False)
    job_id = await subscribed(office, ear, "ask")
    ada = ear.manager.for_user("ada")
    await office.plugin.start_steps(job_id)
    await ear.next()
    for answer, said in (("No", "never"), ("Yes", "x" * 4_001), ("Yes", "They need a vest."), ("Yes", "again")):
        response = StepInfoResponse(job_id=job_id, step_id="a", question_response=answer, comment=said)
        with contextlib.suppress(BadProperty):
            await ada.send(response)
    [comment] = await office.plugin.get_job_comments(job_id)
    assert (comment.comment, comment.last_modified_by) == ("They need a vest.", "ada")
    assert await ear.next() == "StepFinished JobCommentUpdated"


async def test_an_answer_that_says_nothing_changes_nothing(office: Office, ear: Ear) -> None:
    office.define("code", Step.function("a", "f"))
    ask = Step.question("a", "Well?", answers=["Yes"])
    office.define("ask", ask)
    one, asked, code = await office.job("one"), await office.job("ask"), await office.job("code")
    await office.plugin.start_steps(one)
    for job_id, step_id, said in ((one, "only", None), (asked, "a", None), (asked, "a", False), (asked, "a", True)):
        with pytest.raises(BadProperty, match="missing"):
            await ear.manager.send(StepInfoResponse(job_id=job_id, step_id=step_id, manual_response=said))
    for job_id, step_id, status in ((code, "a", "NotRunning"), (one, "x", "StepNotInDiagram")):
        answer = await ear.manager.send(StepInfoResponse(job_id=job_id, step_id=step_id, manual_response=False))
        assert answer.step_responses[0].status == status
    assert [await office.stage.current(job_id) for job_id in (one, asked, code)] == [["only"], ["a"], ["a"]]


async def test_what_code_does_is_told_when_it_is_stopped(office: Office, ear: Ear) -> None:
    office.define("code", Step.function("a", "f"))
    job_id = await subscribed(office, ear, "code")
    await office.plugin.stop_steps(job_id)
    assert await ear.next() == "StepCancelled"


async def test_holds_and_assignments_are_told(office: Office, ear: Ear) -> None:
    job_id, other = await subscribed(office, ear), await office.job()
    hold = JobHoldDetails(job_id=job_id, step_ids=["sign"])
    waits = JobDependencyDetails(job_id=job_id, step_ids=["badge"], dependent_job_id=other)
    await office.plugin.add_holds(hold)
    await office.plugin.add_dependency(waits)
    assert await ear.next() == "StepHeld StepHeld"
    assert [(one.message["manual"], one.message["dependency"]) for one in ear.heard] == [(True, False), (False, True)]
    await office.plugin.release_holds(hold)
    await office.plugin.release_dependency(waits)
    await office.plugin.assign_current_step(job_id, "bob", "User")
    assert await ear.next() == "StepHoldReleased StepHoldReleased StepReassigned"
    assert (ear.heard[2].message["assigned_type"], ear.heard[2].message["assigned_to"]) == ("User", "bob")


async def test_what_is_said_of_a_job_is_told(office: Office, ear: Ear) -> None:
    job_id = await subscribed(office, ear)
    await office.update(job_id, priority="High", notes="n")
    await office.plugin.add_job_comment(job_id, "hello")
    made = await office.plugin.add_attachment(JobAttachmentDetails(job_id=job_id, attachment=b"x", alias="a"))
    await office.plugin.set_job_location(job_id, {"type": "Point", "coordinates": [1, 2]})
    assert await ear.next() == "JobUpdated JobCommentUpdated JobAttachmentUpdated JobLocationUpdated"
    assert ear.heard[0].message["properties"] == {"priority": "High", "notes": "n"}
    details = JobAttachmentDetails(job_id=job_id, attachment_id=made.attachment_id, alias="b")
    await office.plugin.update_attachment(details)
    assert await ear.next() == "JobAttachmentUpdated"
    await office.plugin.delete_attachment(job_id, made.attachment_id)
    assert await ear.next() == "JobAttachmentUpdated"
    assert ear.heard[0].message["deletes"] == [made.attachment_id]


async def test_nobody_is_told_of_what_they_left_or_of_what_is_gone(office: Office, ear: Ear) -> None:
    job_id = await office.job()
    first, second = [await ear.manager.subscribe_to_job(job_id, ear) for _ in range(2)]
    assert [ear.manager.unsubscribe(first), ear.manager.unsubscribe(first)] == [True, False]
    await office.update(job_id, notes="n")
    assert await ear.next() == "JobUpdated"
    await office.plugin.delete_jobs([job_id])
    assert (await ear.next(), repr(ear.manager)) == ("", "NotificationManager(item='install-1', jobs=0)")
    assert not ear.manager.unsubscribe(second)
    again = await ear.manager.subscribe_to_job(await office.job(), ear)
    assert (ear.manager.unsubscribe(again), await ear.next()) == (True, "")
    assert "jobs=0" in repr(ear.manager)


async def test_a_plain_function_is_told_too_and_nothing_else(office: Office, ear: Ear) -> None:
    heard, job_id, nothing = list[NotificationMessage](), await office.job(), cast("Any", "nothing")
    await ear.manager.subscribe_to_job(job_id, heard.append)
    assert [message.msg_type for message in heard] == ["JobState"]
    with pytest.raises(BadProperty, match="callback can't be this: it is a function"):
        await ear.manager.subscribe_to_job(job_id, nothing)


async def test_whoever_leaves_while_messages_are_told_is_told_no_more(office: Office, ear: Ear) -> None:
    job_id, numbers = await office.job(), list[str]()

    async def leave(message: NotificationMessage) -> None:
        for number in numbers:
            ear.manager.unsubscribe(number)

    await ear.manager.subscribe_to_job(job_id, leave)
    numbers.append(await ear.manager.subscribe_to_job(job_id, ear))
    await office.update(job_id, notes="n")
    assert await ear.next() == ""


async def test_one_that_raises_keeps_nobody_from_being_told(
    office: Office, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    async def raises(message: NotificationMessage) -> None:
        raise ValueError(message.msg_type)

    job_id = await office.job()
    await ear.manager.subscribe_to_job(job_id, raises)
    await ear.manager.subscribe_to_job(job_id, ear)
    await office.update(job_id, notes="n")
    assert await ear.next() == "JobUpdated"
    assert caplog.text.count("notifications.raised error=ValueError") == 2


async def test_a_listener_hears_of_it_by_itself(office: Office) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(message: NotificationMessage) -> None:
        heard.put_nowait(message.msg_type)

    job_id = await office.job()
    manager = NotificationManager.for_item(office.stage.store, ITEM)
    async with manager.listening(every=timedelta(milliseconds=5)):
        await manager.subscribe_to_job(job_id, hear)
        await office.update(job_id, notes="n")
        assert [await asyncio.wait_for(heard.get(), 5) for _ in range(2)] == ["JobState", "JobUpdated"]


async def test_a_listener_outlives_a_redis_that_is_away(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(message: NotificationMessage) -> None:
        heard.put_nowait(message.msg_type)

    job_id = await office.job()
    manager = NotificationManager(office.stage.store, item=ITEM)
    await manager.subscribe_to_job(job_id, hear)
    redis, key = office.stage.engine.redis, office.stage.engine.keys.job(job_id)
    await redis.rename(key, f"{key}:away")
    await redis.set(key, "no hash")
    async with manager.listening(every=timedelta(milliseconds=1)):
        while "notifications.unread error=" not in caplog.text:
            await asyncio.wait({asyncio.ensure_future(redis.ping())})
        await redis.rename(f"{key}:away", key)
        await office.update(job_id, notes="n")
        assert [await asyncio.wait_for(heard.get(), 5) for _ in range(2)] == ["JobState", "JobUpdated"]
