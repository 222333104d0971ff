"""The four operations of devices. Source: botocore, `iot-jobs-data`; developer guide, "Jobs device HTTP API".

What a device may do depends on the state that was read; the same call that writes expects that very state, so that of
two devices at once one is first, and the other decides again from what it finds then.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from envoy_plugin.apis.iot_jobs.calls import Call
from envoy_plugin.apis.iot_jobs.constraints import NEXT, NO_STEP
from envoy_plugin.apis.iot_jobs.executions import (
    Execution,
    encode_details,
    find_execution,
    find_pending,
    load_execution,
)
from envoy_plugin.apis.iot_jobs.guesses import MOST_PENDING
from envoy_plugin.apis.iot_jobs.refusals import Refusal, busy, invalid, no_execution
from envoy_plugin.apis.iot_jobs.registry import queue_of
from envoy_plugin.apis.iot_jobs.requests import DescribeQuery, Start, Update
from envoy_plugin.apis.iot_jobs.shapes import Shape, execution_state, job_execution, summary
from envoy_plugin.apis.iot_jobs.words import BY_DEVICE, REASONS, Status
from envoy_plugin.engine.verbs import NO_LEASE, ClaimJob, Expect, Fail, Note, Resume, Succeed, Touch, Verb
from envoy_plugin.errors import CallRefused, ThingRefused

TRIES: Final = 8
"""How often a request decides again because others were faster."""
TERMINAL: Final = "Job Execution has reached terminal state. It is neither IN_PROGRESS nor QUEUED"


async def get_pending(call: Call) -> Shape:
    """GetPendingJobExecutions."""
    pending = await find_pending(call.engine, call.thing, MOST_PENDING)
    running = [summary(execution) for execution in pending if execution.status is Status.IN_PROGRESS]
    return {"inProgressJobs": running, "queuedJobs": [summary(each) for each in pending[len(running) :]]}


async def start_next(call: Call) -> Shape:
    """StartNextPendingJobExecution: the one that runs already, or else the next."""
    start = call.body(Start)
    step = start.step_timeout_in_minutes
    resume = Resume(
        queue=queue_of(call.thing),
        who=call.key.id,
        lease=None if step is None else timedelta(minutes=step),
        details=encode_details(call.engine, start.status_details),
    )
    for _ in range(TRIES):
        handed = await call.engine.run(resume)
        if not handed:
            return {}
        execution = await load_execution(call.engine, handed[0].id, document=True)
        if execution is not None and execution.status is Status.IN_PROGRESS:
            return {"execution": job_execution(execution)}
    raise busy()


async def describe(call: Call) -> Shape:
    """DescribeJobExecution, of `$next`, too, which starts nothing."""
    asked = call.asked(DescribeQuery)
    if call.path["job"] == NEXT:
        return await _describe_next(call, document=asked.include_job_document)
    found = await _seen(call, asked.execution_number, document=asked.include_job_document)
    if found.status.terminal:
        raise ThingRefused(Refusal.TERMINAL, TERMINAL)
    return {"execution": job_execution(found)}


async def _describe_next(call: Call, *, document: bool) -> Shape:
    for _ in range(TRIES):
        pending = await find_pending(call.engine, call.thing, 1)
        if not pending:
            return {}
        found = await load_execution(call.engine, pending[0].id, document=document)
        if found is not None and found.seen and not found.status.terminal:
            return {"execution": job_execution(found)}
    raise busy()


async def update(call: Call) -> Shape:
    """UpdateJobExecution."""
    said = call.body(Update)
    if said.status not in BY_DEVICE:
        raise await _not_by_device(call, said)
    number = said.execution_number
    for _ in range(TRIES):
        found = await _seen(call, number, document=said.include_job_document)
        number = found.number  # what ends this one in between may begin another, which isn't meant
        _check(found, said)
        try:
            await call.engine.call(_verbs(call, found, said))
        except CallRefused as refused:
            _check_paused(refused, found)
            continue
        return _updated(found, said)
    raise busy()


async def _not_by_device(call: Call, said: Update) -> ThingRefused:
    """Why a status is refused that the service alone gives; with the state of the execution, where there is one."""
    state: Shape = {}
    with suppress(ThingRefused):
        state["executionState"] = execution_state(await _seen(call, said.execution_number))
    message = f"The status of job execution cannot be changed to be {said.status}"
    return ThingRefused(Refusal.TRANSITION, message, **state)


async def _seen(call: Call, number: int | None, *, document: bool = False) -> Execution:
    found = await find_execution(call.engine, call.thing, call.job_id, number, document=document)
    if not found.seen:
        raise no_execution(call.job_id, call.thing)
    return found


def _check(found: Execution, said: Update) -> None:
    state = execution_state(found)
    expected = said.expected_version
    if expected is not None and expected != found.version:
        raise invalid(f"Expected version {expected} but found version {found.version}", executionState=state)
    if found.status.terminal:
        message = f"Job {found.job_id} for {found.thing} has already finished with status {found.status}"
        raise ThingRefused(Refusal.TRANSITION, message, executionState=state)


def _check_paused(refused: CallRefused, found: Execution) -> None:
    if any(getattr(refusal, "why", "") == "paused" for refusal in refused.refusals.values()):
        message = f"Work for {found.thing} is paused"
        raise ThingRefused(Refusal.TRANSITION, message, executionState=execution_state(found))


def _verbs(call: Call, found: Execution, said: Update) -> Sequence[Verb[Any]]:
    """What an accepted update is in the engine."""
    details = encode_details(call.engine, said.status_details)
    expect = Expect(id=found.id, attempt=found.number, revision=found.version)
    step = _step(said)
    match said.status:
        case Status.SUCCEEDED:
            return (expect, Succeed(id=found.id, details=details))
        case Status.IN_PROGRESS if found.status is Status.QUEUED:
            return (expect, ClaimJob(id=found.id, who=call.key.id, lease=step, details=details))
        case Status.IN_PROGRESS:
            touch = () if step is None else (Touch(id=found.id, lease=step),)
            return (expect, Note(id=found.id, content=details), *touch)
        case status:
            return (expect, Fail(id=found.id, reason=REASONS[status], details=details))


def _step(said: Update) -> timedelta | None:
    minutes = said.step_timeout_in_minutes
    if minutes is None:
        return None
    return NO_LEASE if minutes == NO_STEP else timedelta(minutes=minutes)


def _updated(found: Execution, said: Update) -> Shape:
    answer: Shape = {}
    if said.include_job_execution_state:
        details = found.details if said.status_details is None else said.status_details
        now = replace(found, status=said.status, details=details, version=found.version + 1)
        answer["executionState"] = execution_state(now)
    if said.include_job_document:
        answer["jobDocument"] = found.document or ""
    return answer
