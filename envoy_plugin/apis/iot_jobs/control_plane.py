"""The operations of operators on jobs and executions. Source: botocore, `iot`; developer guide, "Jobs"."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from envoy_plugin.apis.iot_jobs.calls import Call
from envoy_plugin.apis.iot_jobs.constraints import check_thing, read
from envoy_plugin.apis.iot_jobs.ending import (
    TRIES,
    cancel_execution,
    cancel_fleet,
    delete_execution,
    delete_fleet,
    why_canceled,
)
from envoy_plugin.apis.iot_jobs.executions import KIND as EXECUTION
from envoy_plugin.apis.iot_jobs.executions import Execution, find_execution
from envoy_plugin.apis.iot_jobs.fleets import (
    KIND,
    Plan,
    create_fleet,
    find_children,
    find_fleet,
    find_plan,
    id_of,
    status_of,
)
from envoy_plugin.apis.iot_jobs.pages import find_page
from envoy_plugin.apis.iot_jobs.refusals import Refusal, busy, invalid, no_thing
from envoy_plugin.apis.iot_jobs.registry import Thing, queue_of
from envoy_plugin.apis.iot_jobs.requests import (
    CancelExecution,
    CancelJob,
    CreateJob,
    DescribeQuery,
    ExecutionsQuery,
    ForceQuery,
    JobsQuery,
    NumberInPath,
)
from envoy_plugin.apis.iot_jobs.shapes import Shape, control_summary, described, exact, known
from envoy_plugin.apis.iot_jobs.words import REASONS, JobStatus, Status, states_of
from envoy_plugin.engine.listings import Filter, count_listed
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Listing
from envoy_plugin.errors import ThingRefused

COUNTS: Final = {
    "numberOfCanceledThings": Status.CANCELED,
    "numberOfSucceededThings": Status.SUCCEEDED,
    "numberOfFailedThings": Status.FAILED,
    "numberOfRejectedThings": Status.REJECTED,
    "numberOfQueuedThings": Status.QUEUED,
    "numberOfInProgressThings": Status.IN_PROGRESS,
    "numberOfRemovedThings": Status.REMOVED,
    "numberOfTimedOutThings": Status.TIMED_OUT,
}
ENVELOPE_STATES: Final = {
    JobStatus.IN_PROGRESS: frozenset({State.RUNNING}),
    JobStatus.CANCELED: frozenset({State.RUNNING, State.CANCELLED}),
    JobStatus.COMPLETED: frozenset({State.RUNNING, State.SUCCEEDED, State.FAILED}),
    JobStatus.DELETION_IN_PROGRESS: frozenset[State](),
    JobStatus.SCHEDULED: frozenset[State](),
}


async def create_job(call: Call) -> Shape:
    """CreateJob."""
    job_id, said = call.job_id, call.body(CreateJob)
    things = await _targets(call, said.targets)
    sent = await create_fleet(call.engine, said.plan(job_id, [thing.name for thing in things]), things)
    arn = call.service.place.arn("job", job_id)
    if not sent.created:
        raise ThingRefused(Refusal.EXISTS, f"Job {job_id} already exists.", resourceId=job_id, resourceArn=arn)
    return known({"jobArn": arn, "jobId": job_id, "description": said.description or None})


async def describe_job(call: Call) -> Shape:
    """DescribeJob."""
    envelope = await find_fleet(call.engine, call.job_id)
    plan = await find_plan(call.engine, envelope)
    children = await find_children(call.engine, envelope.id)
    executions = [Execution.of(job) for job in children if not job.deleted]
    things = plan.things if plan else [execution.thing for execution in executions]
    why = await why_canceled(call.engine, envelope)
    counts = Counter(execution.status for execution in executions)
    told = {
        **_summary(call, envelope),
        "forceCanceled": bool(why.get("force")),
        "reasonCode": why.get("reasonCode"),
        "comment": why.get("comment"),
        "targets": [call.service.place.arn("thing", thing) for thing in things],
        "jobProcessDetails": {name: counts[status] for name, status in COUNTS.items()},
        **(_planned(plan) if plan else {}),
    }
    return {"job": known(told)}


async def get_job_document(call: Call) -> Shape:
    """GetJobDocument."""
    plan = await find_plan(call.engine, await find_fleet(call.engine, call.job_id))
    if plan is None:
        raise ThingRefused(Refusal.NOT_FOUND, f"The document of job {call.job_id} isn't kept any more.")
    return {"document": plan.document}


async def cancel_job(call: Call) -> Shape:
    """CancelJob."""
    said, force = call.body(CancelJob), call.asked(ForceQuery).force
    why = known({"reasonCode": said.reason_code or None, "comment": said.comment or None})
    envelope = await cancel_fleet(call.engine, call.job_id, force=force, why=why)
    plan = await find_plan(call.engine, envelope)
    description = plan.description if plan and plan.description else None
    job_id = call.job_id
    return known({"jobArn": call.service.place.arn("job", job_id), "jobId": job_id, "description": description})


async def delete_job(call: Call) -> Shape:
    """DeleteJob."""
    await delete_fleet(call.engine, call.job_id, force=call.asked(ForceQuery).force)
    return {}


async def list_jobs(call: Call) -> Shape:
    """ListJobs, the newest first."""
    asked = call.asked(JobsQuery)
    if asked.target_selection == "CONTINUOUS":
        return {"jobs": []}
    wanted = Filter(kind=KIND, states=_envelope_states(asked.status))
    page = await find_page(call.engine, wanted, asked)
    jobs = [_summary(call, job) for job in page.jobs if not job.deleted and asked.status in {None, status_of(job)}]
    return known({"jobs": jobs, "nextToken": page.cursor})


async def describe_execution(call: Call) -> Shape:
    """DescribeJobExecution, of executions that are over, too."""
    number = call.asked(DescribeQuery).execution_number
    found = await find_execution(call.engine, call.thing, call.job_id, number)
    return {"execution": described(found, call.service.place)}


async def cancel_job_execution(call: Call) -> Shape:
    """CancelJobExecution."""
    said, force = call.body(CancelExecution), call.asked(ForceQuery).force
    for _ in range(TRIES):
        found = await find_execution(call.engine, call.thing, call.job_id)
        expected, details = said.expected_version, said.status_details
        if await cancel_execution(call.engine, found, force=force, expected_version=expected, details=details):
            return {}
    raise busy()


async def delete_job_execution(call: Call) -> Shape:
    """DeleteJobExecution."""
    number = read(NumberInPath, call.path).number
    for _ in range(TRIES):
        found = await find_execution(call.engine, call.thing, call.job_id, number)
        if await delete_execution(call.engine, found, force=call.asked(ForceQuery).force):
            return {}
    raise busy()


async def list_executions_of_job(call: Call) -> Shape:
    """ListJobExecutionsForJob."""
    asked = call.asked(ExecutionsQuery)
    envelope = await find_fleet(call.engine, call.job_id)
    found, token = await _executions(call, Filter(parent=envelope.id, states=_states(asked.status)), asked)
    place = call.service.place
    told = [
        {"thingArn": place.arn("thing", each.thing), "jobExecutionSummary": control_summary(each)} for each in found
    ]
    return known({"executionSummaries": told, "nextToken": token})


async def list_executions_of_thing(call: Call) -> Shape:
    """ListJobExecutionsForThing, the newest first; those of a thing that was deleted, too."""
    asked, thing = call.asked(ExecutionsQuery), call.thing
    if asked.job_id is None:
        wanted = Filter(queue=queue_of(thing), kind=EXECUTION, states=_states(asked.status))
        found, token = await _executions(call, wanted, asked)
    else:
        found, token = await _execution_of_job(call, asked.job_id, asked.status), None
    if not found and not await _is_known(call, thing):
        raise no_thing(thing)
    told = [{"jobId": each.job_id, "jobExecutionSummary": control_summary(each)} for each in found]
    return known({"executionSummaries": told, "nextToken": token})


async def _is_known(call: Call, thing: str) -> bool:
    """Whether there is such a thing, or was, and something is kept that it had to do."""
    counts = await count_listed(call.engine, Listing.QUEUE, queue_of(thing))
    return any(counts.values()) or await call.service.registry.find(thing) is not None


async def _execution_of_job(call: Call, job_id: str, status: Status | None) -> list[Execution]:
    try:
        one = await find_execution(call.engine, call.thing, job_id)
    except ThingRefused:
        return []
    return [one] if status in {None, one.status} else []


async def _targets(call: Call, arns: Sequence[str]) -> list[Thing]:
    names = [call.service.place.thing_named(arn) for arn in arns]
    strangers = [arn for arn, name in zip(arns, names, strict=True) if name is None]
    if strangers:
        raise invalid(f"targets must be ARNs of things, like {call.service.place.arn('thing', 'NAME')}.")
    return await call.service.registry.find_many(list(dict.fromkeys(check_thing(str(name)) for name in names)))


def _summary(call: Call, envelope: Job) -> Shape:
    """JobSummary, which is part of Job, too."""
    job_id = id_of(envelope)
    return known(
        {
            "jobArn": call.service.place.arn("job", job_id),
            "jobId": job_id,
            "targetSelection": "SNAPSHOT",
            "status": status_of(envelope),
            "createdAt": exact(envelope.created),
            "lastUpdatedAt": exact(envelope.changed),
            "completedAt": exact(envelope.changed) if envelope.state.ended else None,
        }
    )


def _planned(plan: Plan) -> Shape:
    minutes = None if plan.limit is None else math.ceil(plan.limit / timedelta(minutes=1))
    retries = {"ALL": plan.retries} if isinstance(plan.retries, int) else _by_failure(plan.retries)
    criteria = [{"failureType": kind, "numberOfRetries": most} for kind, most in retries.items() if most]
    return {
        "description": plan.description or None,
        "timeoutConfig": None if minutes is None else {"inProgressTimeoutInMinutes": minutes},
        "jobExecutionsRetryConfig": {"criteriaList": criteria} if criteria else None,
    }


def _by_failure(retries: Mapping[str, int]) -> dict[str, int]:
    return {"FAILED": retries.get("*", 0), "TIMED_OUT": retries.get(REASONS[Status.TIMED_OUT], 0)}


def _envelope_states(status: JobStatus | None) -> frozenset[State]:
    """The states in which an envelope can have this status."""
    return frozenset(State) if status is None else ENVELOPE_STATES[status]


def _states(status: Status | None) -> frozenset[State]:
    return frozenset(State) if status is None else states_of(status)


async def _executions(call: Call, wanted: Filter, asked: ExecutionsQuery) -> tuple[list[Execution], str | None]:
    page = await find_page(call.engine, wanted, asked)
    found = [Execution.of(job) for job in page.jobs if not job.deleted]
    return [each for each in found if asked.status in {None, each.status}], page.cursor
