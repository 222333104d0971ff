"""Holds and dependencies of steps: the engine keeps what is shut, the job who shut it, and when it was opened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from envoy_plugin.engine.ids import Ids
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import load_jobs
from envoy_plugin.engine.verbs import Depend, Hold, Policy, Undepend, Unhold
from envoy_plugin.errors import BadProperty, DependencyCycle, JobRefused
from envoy_plugin.workflows.advance import find_step
from envoy_plugin.workflows.comments import opened
from envoy_plugin.workflows.draft import Draft
from envoy_plugin.workflows.models import JobDependencyDetails, JobHistoryAction, JobHold, JobHoldDetails
from envoy_plugin.workflows.phases import Phase, phase_of
from envoy_plugin.workflows.privileges import Privilege
from envoy_plugin.workflows.record import MANUAL_HOLD, OWN_HOLDS, Workflow
from envoy_plugin.workflows.responses import DESCRIPTIONS, JobActionResponse, Status, StepResponse
from envoy_plugin.workflows.scope import Scope
from envoy_plugin.workflows.store import Store
from envoy_plugin.workflows.summary import read_date

PREFIX: Final = "hold:"
Kept: TypeAlias = Mapping[str, Any]
Act: TypeAlias = Callable[[Draft, str], Status]
_ids: Final = Ids()


async def add_holds(scope: Scope, details: JobHoldDetails) -> JobActionResponse:
    """See `JobsManager.add_holds`."""
    until = details.scheduled_release
    if until is not None and until.tzinfo is None:
        raise BadProperty("scheduled_release", "it is a moment with an offset")

    def hold(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        if any(name not in OWN_HOLDS for name in job.gates.holds):
            return Status.HELD
        draft.verbs.append(Hold(id=job.id, hold=MANUAL_HOLD, until=until))
        _remember(draft, scope, step_id, until=until.isoformat() if until else None)
        draft.record(JobHistoryAction.HELD, step_id, until=until.isoformat() if until else None)
        return Status.SUCCESS

    return await _act(scope, details.job_id, details.step_ids, _if_idle(hold))


async def release_holds(scope: Scope, details: JobHoldDetails) -> JobActionResponse:
    """See `JobsManager.release_holds`."""

    def release(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        held = [name for name in job.gates.holds if name not in OWN_HOLDS]
        if not held:
            return Status.NOT_HELD
        draft.verbs += [Unhold(id=job.id, hold=name) for name in held]
        _release(draft, scope, step_id, upstream=None)
        return Status.SUCCESS

    return await _act(scope, details.job_id, details.step_ids, release, all_of=_held_by_hand)


async def add_dependency(scope: Scope, details: JobDependencyDetails) -> JobActionResponse:
    """See `JobsManager.add_dependency`."""
    scope.caller.demand(Privilege.HOLDS)
    upstream = await _upstream(scope, details)

    def depend(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        if upstream in job.gates.upstreams:
            return Status.HELD
        draft.verbs.append(Depend(id=job.id, upstream=upstream, policy=Policy.RUN))
        names = {"job": details.dependent_job_id, "other_step": details.dependent_step_id}
        _remember(draft, scope, step_id, upstream=upstream, **names)
        draft.record(JobHistoryAction.DEPENDENCY_ADDED, step_id, upstream=upstream)
        return Status.SUCCESS

    try:
        return await _act(scope, details.job_id, details.step_ids, _if_idle(depend))
    except DependencyCycle as cycle:
        raise DependencyCycle([await _name(scope, job_id) for job_id in cycle.cycle]) from None


async def release_dependency(scope: Scope, details: JobDependencyDetails) -> JobActionResponse:
    """See `JobsManager.release_dependency`."""
    scope.caller.demand(Privilege.HOLDS)
    upstream = await _upstream(scope, details)

    def undepend(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        if upstream not in job.gates.upstreams:
            return Status.NOT_HELD
        draft.verbs.append(Undepend(id=job.id, upstream=upstream))
        _release(draft, scope, step_id, upstream=upstream)
        return Status.SUCCESS

    def waiting(workflow: Workflow) -> list[str]:
        return [step_id for step_id, job in workflow.jobs.items() if upstream in job.gates.upstreams]

    return await _act(scope, details.job_id, details.step_ids, undepend, all_of=waiting)


async def holds_of(store: Store, workflow: Workflow) -> list[JobHold]:
    """The holds and dependencies of a job, those that are over among them, in the order in which they were set."""
    kept = opened(store, workflow, PREFIX)
    upstreams = [told["upstream"] for told in kept.values() if told.get("upstream")]
    ends = {job.id: job.changed for job in await load_jobs(store.engine, upstreams) if job.state.ended}
    return [_read(workflow, hold_id, told, ends) for hold_id, told in kept.items()] + _unsaid(workflow, kept)


def is_shut(job: Job, told: Kept, now: datetime) -> bool:
    """Whether what was set still holds the step's job."""
    if "released_at" in told:
        return False
    if told.get("upstream"):
        return told["upstream"] in job.gates.upstreams
    until = read_date(told["until"]) if told.get("until") else None
    return MANUAL_HOLD in job.gates.holds and (until is None or until > now)


async def _act(
    scope: Scope,
    job_id: str,
    step_ids: Sequence[str],
    act: Act,
    all_of: Callable[[Workflow], Sequence[str]] = lambda workflow: workflow.current,
) -> JobActionResponse:
    scope.caller.demand(Privilege.HOLDS)
    responses: list[StepResponse] = []

    def change(draft: Draft) -> None:
        responses.clear()
        for step_id in dict.fromkeys(step_ids or all_of(draft.workflow) or [""]):
            status = _refusal(draft, step_id) or act(draft, step_id)
            responses.append(StepResponse(step_id=step_id, status=status, status_description=DESCRIPTIONS[status]))

    await scope.revise([job_id], change)
    return JobActionResponse(step_responses=tuple(responses))


def _refusal(draft: Draft, step_id: str) -> Status | None:
    if draft.workflow.closed:
        return Status.JOB_CLOSED
    if not step_id:
        return Status.NO_ACTIVE_STEP
    return None if step_id in draft.workflow.jobs else Status.STEP_NOT_IN_DIAGRAM


def _if_idle(act: Act) -> Act:
    """Refuses a step that runs, or is over."""

    def guarded(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        if job.state.ended:
            return Status.STEP_NOT_CURRENT
        is_running = phase_of(job, draft.workflow.now) is Phase.RUNNING
        return Status.ALREADY_EXECUTING if is_running else act(draft, step_id)

    return guarded


def _held(workflow: Workflow) -> list[str]:
    by_hand = _held_by_hand(workflow)
    return [step_id for step_id, job in workflow.jobs.items() if job.gates.upstreams or step_id in by_hand]


def _held_by_hand(workflow: Workflow) -> list[str]:
    jobs = workflow.jobs.items()
    return [step_id for step_id, job in jobs if any(hold not in OWN_HOLDS for hold in job.gates.holds)]


def _remember(draft: Draft, scope: Scope, step_id: str, **facts: str | None) -> None:
    told = {"step": step_id, "by": scope.caller.name, "at": draft.workflow.now.isoformat(), **facts}
    draft.keep(f"{PREFIX}{_ids.next()}", {name: value for name, value in told.items() if value is not None})


def _release(draft: Draft, scope: Scope, step_id: str, *, upstream: str | None) -> None:
    workflow, end = draft.workflow, {"released_by": scope.caller.name, "released_at": draft.workflow.now.isoformat()}
    for hold_id, told in opened(scope.store, workflow, PREFIX).items():
        is_it = told["step"] == step_id and told.get("upstream") == upstream
        if is_it and is_shut(workflow.jobs[step_id], told, workflow.now):
            draft.keep(PREFIX + hold_id, {**told, **end})
    draft.record(JobHistoryAction.HOLD_RELEASED, step_id, upstream=upstream)
    left = {step for step in _held(workflow) if step != step_id}
    job = workflow.jobs[step_id]
    others = set(job.gates.upstreams) - {upstream} if upstream else job.gates.upstreams
    if not left and not others and (upstream is None or not any(h not in OWN_HOLDS for h in job.gates.holds)):
        draft.record(JobHistoryAction.REACTIVATED)


async def _upstream(scope: Scope, details: JobDependencyDetails) -> str:
    """The job of the engine that is waited for."""
    other = await scope.load(details.dependent_job_id)
    if details.dependent_step_id is None:
        if other.id == (await scope.resolve(details.job_id)):
            raise DependencyCycle([other.public_id])
        return other.id
    if details.dependent_step_id not in other.steps:
        raise JobRefused(other.public_id, f"there is no step {details.dependent_step_id!r} in it")
    return other.steps[details.dependent_step_id]


async def _name(scope: Scope, job_id: str) -> str:
    """`job/step` of a step, and the job's own id of a job."""
    found = await find_step(scope.store, job_id)
    return job_id if found is None else f"{found[0].public_id}/{found[1]}"


@dataclass(frozen=True, slots=True)
class _End:
    by: str | None
    at: datetime | None


def _read(workflow: Workflow, hold_id: str, told: Kept, ends: Mapping[str, datetime]) -> JobHold:
    end = _end(workflow, told, ends)
    return JobHold(
        hold_id=hold_id,
        job_id=workflow.public_id,
        step_id=told["step"],
        set_by=told["by"],
        set_date=read_date(told["at"]),
        scheduled_release=read_date(told["until"]) if "until" in told else None,
        released_by=end.by,
        released_date=end.at,
        dependent_job_id=told.get("job"),
        dependent_step_id=told.get("other_step"),
    )


def _end(workflow: Workflow, told: Kept, ends: Mapping[str, datetime]) -> _End:
    """Who opened it, and when; nobody, where time or the end of what was waited for did."""
    if "released_at" in told:
        return _End(told["released_by"], read_date(told["released_at"]))
    job = workflow.jobs.get(told["step"])
    if job and is_shut(job, told, workflow.now):
        return _End(None, None)
    if told.get("upstream"):
        return _End(None, ends.get(told["upstream"], job.changed if job else workflow.now))
    until = read_date(told["until"]) if "until" in told else None
    return _End(None, until or (job.changed if job else workflow.now))


def _unsaid(workflow: Workflow, kept: Mapping[str, Kept]) -> list[JobHold]:
    """What holds steps and wasn't set here: a diagram did, or the plugin's code."""
    said = {told["step"] for told in kept.values() if not told.get("upstream") and "released_at" not in told}
    waited = {told["upstream"] for told in kept.values() if told.get("upstream")}
    shut = [
        (step_id, job, name, until)
        for step_id, job in workflow.jobs.items()
        for name, until in job.gates.holds.items()
        if name not in OWN_HOLDS and step_id not in said
    ]
    waits = [(step_id, up) for step_id, job in workflow.jobs.items() for up in job.gates.upstreams if up not in waited]
    common: dict[str, Any] = {"job_id": workflow.public_id, "set_by": "", "set_date": workflow.envelope.made}
    holds = [
        JobHold(hold_id=f"{job.id}.{name}", step_id=step_id, scheduled_release=until, **common)
        for step_id, job, name, until in shut
    ]
    return holds + [
        JobHold(hold_id=f"{workflow.steps[step_id]}.{up}", step_id=step_id, dependent_job_id=up, **common)
        for step_id, up in waits
    ]
