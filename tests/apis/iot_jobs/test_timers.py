"""The in-progress timer of a job, the step timer of an execution, and retries."""

from datetime import timedelta
from typing import Any

import pytest

from tests.apis.iot_jobs.site import JOB, Site

ALL = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 2}]}


async def left(site: Site) -> int | None:
    """The seconds that are left."""
    seen = await site.device.describe()
    found: int | None = seen.get("approximateSecondsBeforeTimedOut")
    return found


async def status(site: Site) -> str:
    return str((await site.execution())["status"])


async def test_the_worked_example_of_the_developer_guide(site: Site) -> None:
    """12:00 and 20 minutes; 12:05 step 7; 12:10 step 5; 12:13 step 9, which the 20 minutes cut to 12:20."""
    await site.create(minutes=20)
    await site.device.start()
    assert await left(site) == 20 * 60
    for minutes, step, seconds in ((5, 7, 7 * 60), (5, 5, 5 * 60), (3, 9, 7 * 60)):
        await site.passes(minutes=minutes)
        await site.device.update("IN_PROGRESS", stepTimeoutInMinutes=step)
        assert await left(site) == seconds
    await site.passes(minutes=6, seconds=59)
    assert await status(site) == "IN_PROGRESS"
    await site.passes(seconds=1)
    assert await status(site) == "TIMED_OUT"


async def test_what_is_queued_never_times_out(site: Site) -> None:
    await site.create(minutes=1)
    assert await left(site) is None
    await site.passes(days=3)
    assert await status(site) == "QUEUED"


async def test_without_a_timer_nothing_times_out(site: Site) -> None:
    await site.create()
    await site.device.start()
    assert await left(site) is None
    await site.passes(days=3)
    assert await status(site) == "IN_PROGRESS"


async def test_a_timed_out_execution_takes_no_update_and_its_job_is_over(site: Site) -> None:
    await site.create()
    await site.device.start(stepTimeoutInMinutes=1)
    await site.passes(minutes=1)
    assert (await site.device.update_refused("SUCCEEDED")).code == "InvalidStateTransitionException"
    ended = await site.execution()
    assert (ended["status"], ended["versionNumber"]) == ("TIMED_OUT", 3)
    assert "approximateSecondsBeforeTimedOut" not in ended
    job = await site.job()
    assert (job["status"], job["jobProcessDetails"]["numberOfTimedOutThings"]) == ("COMPLETED", 1)


async def test_a_step_time_replaces_the_last_one_and_minus_one_ends_it(site: Site) -> None:
    await site.create()
    await site.device.update("IN_PROGRESS", stepTimeoutInMinutes=10)
    await site.device.update("IN_PROGRESS")
    assert await left(site) == 600
    await site.device.update("IN_PROGRESS", stepTimeoutInMinutes=1)
    assert await left(site) == 60
    await site.device.update("IN_PROGRESS", stepTimeoutInMinutes=-1)
    assert await left(site) is None


async def test_ending_the_step_timer_leaves_the_timer_of_the_job(site: Site) -> None:
    await site.create(minutes=20)
    await site.device.start(stepTimeoutInMinutes=5)
    assert await left(site) == 300
    await site.device.update("IN_PROGRESS", stepTimeoutInMinutes=-1)
    assert await left(site) == 1200


async def test_a_start_without_a_step_timer_has_the_timer_of_the_job(site: Site) -> None:
    await site.create(minutes=20)
    await site.device.update("IN_PROGRESS", stepTimeoutInMinutes=-1)
    assert await left(site) == 1200


async def test_a_step_time_never_reaches_beyond_the_timer_of_the_job(site: Site) -> None:
    for job in (JOB, "job-2"):
        await site.create(job, minutes=20)
    assert (await site.device.start(stepTimeoutInMinutes=30))["approximateSecondsBeforeTimedOut"] == 1200
    await site.device.update("IN_PROGRESS", "job-2", stepTimeoutInMinutes=30)
    assert (await site.device.describe("job-2"))["approximateSecondsBeforeTimedOut"] == 1200


async def test_a_retry_has_timers_of_its_own(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=ALL, minutes=20)
    await site.device.start(stepTimeoutInMinutes=5)
    await site.passes(minutes=5)
    assert await left(site) is None
    await site.passes(minutes=30)
    await site.device.start()
    assert await left(site) == 1200


async def test_a_timer_that_ran_out_unnoticed_shows_nothing_left(site: Site) -> None:
    await site.create(minutes=1)
    await site.device.start()
    site.clock.move(timedelta(minutes=2))
    assert await left(site) == 0


async def test_being_handed_the_same_again_moves_the_step_timer_if_asked(site: Site) -> None:
    await site.create()
    await site.device.start(stepTimeoutInMinutes=5)
    await site.passes(minutes=4)
    assert (await site.device.start())["approximateSecondsBeforeTimedOut"] == 60
    again = await site.device.start(stepTimeoutInMinutes=5)
    assert (again["approximateSecondsBeforeTimedOut"], again["versionNumber"]) == (300, 2)


async def test_a_step_time_beside_an_end_is_checked_and_means_nothing(site: Site) -> None:
    await site.create()
    await site.device.start()
    assert (await site.device.update_refused("SUCCEEDED", stepTimeoutInMinutes=0)).status == 400
    await site.device.update("SUCCEEDED", stepTimeoutInMinutes=5)


async def test_a_retry_is_a_new_execution(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=ALL)
    await site.device.start(statusDetails={"step": "1"})
    site.clock.move(site.second)
    answered = await site.device.update("FAILED", includeJobExecutionState=True)
    assert answered["executionState"] == {"status": "FAILED", "statusDetails": {"step": "1"}, "versionNumber": 3}
    fresh = await site.device.describe()
    assert (fresh["executionNumber"], fresh["versionNumber"], fresh["status"]) == (2, 1, "QUEUED")
    assert fresh["queuedAt"] == site.clock.now // 1000
    assert "startedAt" not in fresh
    assert "statusDetails" not in fresh
    [row] = (await site.operator("list_job_executions_for_job", jobId=JOB))["executionSummaries"]
    assert row["jobExecutionSummary"]["retryAttempt"] == 1


async def test_what_was_canceled_is_not_tried_again(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=ALL)
    await site.device.start()
    await site.operator("cancel_job_execution", thingName=site.device.thing, jobId=JOB, force=True)
    assert await site.device.start() is None
    ended = await site.execution()
    assert (ended["status"], ended["executionNumber"], ended["versionNumber"]) == ("CANCELED", 1, 3)


async def test_a_retry_is_behind_what_was_queued_before_it(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=ALL)
    site.clock.move(site.second)
    await site.create("job-2")
    await site.device.start()
    site.clock.move(site.second)
    await site.device.update("FAILED")
    pending = (await site.device.pending())["queuedJobs"]
    assert [(row["jobId"], row["executionNumber"]) for row in pending] == [("job-2", 1), (JOB, 2)]
    assert (await site.device.start())["jobId"] == "job-2"


async def test_earlier_executions_can_be_told_apart(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=ALL)
    began = site.clock.now / 1000
    await site.device.update("IN_PROGRESS")
    site.clock.move(site.second)
    await site.device.update("FAILED", statusDetails={"why": "paper"})
    assert (await site.device.refused("describe_job_execution", executionNumber=1)).code == "TerminalStateException"
    failure = await site.device.update_refused("SUCCEEDED", executionNumber=1)
    assert failure.code == "InvalidStateTransitionException"
    assert (await site.device.update_refused("SUCCEEDED", executionNumber=3)).code == "ResourceNotFoundException"
    earlier = await site.execution(executionNumber=1)
    assert (earlier["status"], earlier["versionNumber"]) == ("FAILED", 3)
    times = [earlier[name].timestamp() - began for name in ("queuedAt", "startedAt", "lastUpdatedAt")]
    assert times == pytest.approx([0, 0, 1])
    assert earlier["statusDetails"]["detailsMap"] == {"why": "paper"}
    await site.device.update("SUCCEEDED", executionNumber=2)


async def test_a_late_answer_that_names_its_execution_does_not_end_the_next_one(site: Site) -> None:
    await site.create(jobExecutionsRetryConfig=ALL, minutes=1)
    late = await site.device.start()
    await site.passes(minutes=1)
    fresh = await site.device.start()
    assert [(each["executionNumber"], each["versionNumber"]) for each in (late, fresh)] == [(1, 2), (2, 2)]
    failure = await site.device.update_refused("SUCCEEDED", expectedVersion=2, executionNumber=1)
    assert failure.message == "Expected version 2 but found version 3"
    assert (await site.device.describe())["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("criteria", "ends", "attempts"),
    [
        ({"FAILED": 1}, "FAILED", 2),
        ({"FAILED": 1}, "TIMED_OUT", 1),
        ({"TIMED_OUT": 2}, "TIMED_OUT", 3),
        ({"TIMED_OUT": 2}, "FAILED", 1),
        ({"TIMED_OUT": 1, "FAILED": 2}, "FAILED", 3),
        ({"ALL": 2}, "REJECTED", 1),
        ({"ALL": 2}, "SUCCEEDED", 1),
        ({"ALL": 0}, "FAILED", 1),
    ],
)
async def test_each_kind_of_failure_has_its_retries(
    site: Site, criteria: dict[str, int], ends: str, attempts: int
) -> None:
    rows = [{"failureType": kind, "numberOfRetries": most} for kind, most in criteria.items()]
    await site.create(jobExecutionsRetryConfig={"criteriaList": rows}, minutes=1)
    while await site.device.start():
        if ends == "TIMED_OUT":
            await site.passes(minutes=1)
        else:
            await site.device.update(ends)
    ended = await site.execution()
    assert (ended["status"], ended["executionNumber"]) == (ends, attempts)


@pytest.mark.parametrize(
    "criteria",
    [
        [],
        [{"failureType": "REJECTED", "numberOfRetries": 1}],
        [{"failureType": "ALL", "numberOfRetries": 11}],
        [{"failureType": "ALL", "numberOfRetries": -1}],
        [{"failureType": "ALL", "numberOfRetries": 1}, {"failureType": "FAILED", "numberOfRetries": 1}],
        [{"failureType": "FAILED", "numberOfRetries": 6}, {"failureType": "TIMED_OUT", "numberOfRetries": 5}],
        [{"failureType": "FAILED", "numberOfRetries": 1}] * 2,
        [{"failureType": "FAILED"}],
    ],
)
async def test_retries_that_make_no_sense_are_refused(site: Site, criteria: list[Any]) -> None:
    said: dict[str, Any] = {"targets": [site.arn()], "document": "{}", "jobId": JOB}
    failure = await site.operator.refused("create_job", **said, jobExecutionsRetryConfig={"criteriaList": criteria})
    assert (failure.code, failure.status) == ("InvalidRequestException", 400)
    assert (await site.operator.refused("describe_job", jobId=JOB)).code == "ResourceNotFoundException"
