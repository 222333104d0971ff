"""Setting and releasing holds and dependencies of steps: in the engine, and in what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from envoy_plugin.engine.ids import Ids
from envoy_plugin.engine.verbs import Depend, Hold, Policy, Undepend, Unhold
from envoy_plugin.errors import BadProperty, DependencyCycle, JobNotFound, JobRefused, WrongState
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.given import moment_of
from envoy_plugin.workflows.models import JobDependencyDetails, JobHistoryAction, JobHoldDetails
from envoy_plugin.workflows.operating.comments import opened
from envoy_plugin.workflows.operating.hold_records import PREFIX, find_place, is_over, shut_holds, shut_since
from envoy_plugin.workflows.operating.privileges import Privilege
from envoy_plugin.workflows.operating.scope import Scope
from envoy_plugin.workflows.responses import DESCRIPTIONS, JobActionResponse, Status, StepResponse
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.phases import Phase, phase_of
from envoy_plugin.workflows.running.record import MANUAL_HOLD, Workflow

Each: TypeAlias = Callable[[Draft, str], Status]
MOST_HOLDS: Final = 200
"""Of one job; past ones make room for new ones."""
TOO_MANY: Final = "too_many"
"""How the engine says that it would have to look at more than 1,000 jobs."""
_ids: Final = Ids()


async def add_holds(scope: Scope, details: JobHoldDetails) -> JobActionResponse:
    """See `JobsManager.add_holds`."""
    given = details.scheduled_release
    until = None if given is None else moment_of("scheduled_release", given)

    def hold(draft: Draft, step_id: str) -> Status:
        job, now = draft.workflow.jobs[step_id], draft.workflow.now
        if until is not None and until <= now:
            raise BadProperty("scheduled_release", "it is past, and would hold nothing")
        if shut_holds(job, now):
            return Status.HELD
        version: int | None = job.version
        if MANUAL_HOLD in job.gates.holds:  # one whose time has come
            draft.verbs.append(Unhold(id=job.id, version=version, hold=MANUAL_HOLD))
            version = None
        draft.verbs.append(Hold(id=job.id, version=version, hold=MANUAL_HOLD, until=until))
        _remember(draft, scope, step_id, until=until.isoformat() if until else None)
        draft.record(JobHistoryAction.HELD, step_id, until=until.isoformat() if until else None)
        return Status.SUCCESS

    return await _act(
        scope, details.job_id, details.step_ids, _Act(_if_idle(hold), after=partial(_make_room, scope.store))
    )


async def release_holds(scope: Scope, details: JobHoldDetails) -> JobActionResponse:
    """See `JobsManager.release_holds`."""

    def release(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        held = shut_holds(job, draft.workflow.now)
        if not held:
            return Status.NOT_HELD
        draft.verbs += [Unhold(id=job.id, hold=name) for name in held]
        _release(draft, scope, step_id, held[0])
        return Status.SUCCESS

    return await _act(scope, details.job_id, details.step_ids, _Act(release, all_of=_held_by_hand, after=_note_freedom))


async def add_dependency(scope: Scope, details: JobDependencyDetails) -> JobActionResponse:
    """See `JobsManager.add_dependency`."""
    scope.caller.demand(Privilege.HOLDS)
    other, upstream = await _upstream(scope, details)

    def depend(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        if upstream in job.gates.upstreams:
            return Status.HELD
        draft.verbs.append(Depend(id=job.id, upstream=upstream, policy=Policy.RUN))
        names = {"job": other.public_id, "other_step": details.dependent_step_id}
        _remember(draft, scope, step_id, upstream=upstream, **names)
        draft.record(JobHistoryAction.DEPENDENCY_ADDED, step_id, upstream=upstream)
        return Status.SUCCESS

    try:
        return await _act(
            scope, details.job_id, details.step_ids, _Act(_if_idle(depend), after=partial(_make_room, scope.store))
        )
    except DependencyCycle as cycle:
        raise DependencyCycle([str(await find_place(scope.store, job_id)) for job_id in cycle.cycle]) from None
    except WrongState as refused:
        if refused.why != TOO_MANY:
            raise
        raise JobRefused(other.public_id, "too many steps wait for each other to see whether in a circle") from None


async def release_dependency(scope: Scope, details: JobDependencyDetails) -> JobActionResponse:
    """See `JobsManager.release_dependency`."""
    scope.caller.demand(Privilege.HOLDS)
    other, upstream = await _known_upstream(scope, details)

    def undepend(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        if upstream not in job.gates.upstreams:
            return Status.NOT_HELD
        draft.verbs.append(Undepend(id=job.id, upstream=upstream))
        names = {"job": other, "other_step": details.dependent_step_id}
        _release(draft, scope, step_id, upstream, upstream=upstream, **names)
        return Status.SUCCESS

    def waiting(workflow: Workflow) -> list[str]:
        return [step_id for step_id, job in workflow.jobs.items() if upstream in job.gates.upstreams]

    return await _act(scope, details.job_id, details.step_ids, _Act(undepend, all_of=waiting, after=_note_freedom))


@dataclass(frozen=True, slots=True)
class _Act:
    """What is done to each step; `all_of` are those that are meant where none is named, `after` comes last."""

    each: Each
    all_of: Callable[[Workflow], Sequence[str]] = lambda workflow: workflow.current
    after: Callable[[Draft], None] = lambda _: None


async def _act(scope: Scope, job_id: str, step_ids: Sequence[str], act: _Act) -> JobActionResponse:
    scope.caller.demand(Privilege.HOLDS)
    responses: list[StepResponse] = []

    def change(draft: Draft) -> None:
        responses.clear()
        for step_id in dict.fromkeys(step_ids or act.all_of(draft.workflow) or [""]):
            status = _refusal(draft, step_id) or act.each(draft, step_id)
            responses.append(StepResponse(step_id=step_id, status=status, status_description=DESCRIPTIONS[status]))
        act.after(draft)

    await scope.revise([job_id], change)
    return JobActionResponse(step_responses=tuple(responses))


def _refusal(draft: Draft, step_id: str) -> Status | None:
    if draft.workflow.closed:
        return Status.JOB_CLOSED
    if not step_id:
        return Status.NO_ACTIVE_STEP
    if step_id not in draft.workflow.diagram.by_id:
        return Status.STEP_NOT_IN_DIAGRAM
    return None if step_id in draft.workflow.jobs else Status.STEP_NOT_CURRENT  # it was over long ago


def _if_idle(act: Each) -> Each:
    """Refuses a step that runs, was done and waits to be finished, or is over."""

    def guarded(draft: Draft, step_id: str) -> Status:
        job = draft.workflow.jobs[step_id]
        if job.state.ended and not draft.workflow.waits_for_finish(step_id):
            return Status.STEP_NOT_CURRENT
        is_begun = phase_of(job, draft.workflow.now) in {Phase.RUNNING, Phase.DONE}
        return Status.ALREADY_EXECUTING if is_begun else act(draft, step_id)

    return guarded


def _held_by_hand(workflow: Workflow) -> list[str]:
    return [step_id for step_id, job in workflow.jobs.items() if shut_holds(job, workflow.now)]


def _remember(draft: Draft, scope: Scope, step_id: str, **facts: str | None) -> None:
    told = {"step": step_id, "by": scope.caller.name, "at": draft.workflow.now.isoformat(), **facts}
    draft.keep(f"{PREFIX}{_ids.next()}", {name: value for name, value in told.items() if value is not None})


def _make_room(store: Store, draft: Draft) -> None:
    """Forget the oldest of those that are over, where a job would have too many."""
    workflow, kept = draft.workflow, opened(store, draft.workflow, PREFIX)
    new = sum(isinstance(verb, Hold | Depend) for verb in draft.verbs)
    excess = len(kept) + new - MOST_HOLDS if new else 0
    over = [hold_id for hold_id, told in kept.items() if is_over(workflow, told)]
    if excess > len(over):
        raise JobRefused(workflow.public_id, f"it has at most {MOST_HOLDS} holds and dependencies")
    for hold_id in over[: max(0, excess)]:
        draft.drop(PREFIX + hold_id)


def _release(draft: Draft, scope: Scope, step_id: str, gate: str, **facts: str | None) -> None:
    """Keep who has opened a gate; of one that a diagram or code has shut, also that. `facts` are a dependency's."""
    workflow, upstream = draft.workflow, facts.get("upstream")
    end = {"released_by": scope.caller.name, "released_at": workflow.now.isoformat()}
    kept = opened(scope.store, workflow, PREFIX)
    shut = {
        hold_id: told
        for hold_id, told in kept.items()
        if (told["step"], told.get("upstream")) == (step_id, upstream) and not is_over(workflow, told)
    }
    since = shut_since(workflow, workflow.jobs[step_id], gate).isoformat()
    unsaid = {"step": step_id, "by": "", "at": since, **{name: fact for name, fact in facts.items() if fact}}
    for hold_id, told in (shut or {_ids.next(): unsaid}).items():
        draft.keep(PREFIX + hold_id, {**told, **end})
    draft.record(JobHistoryAction.HOLD_RELEASED, step_id, upstream=upstream)


def _note_freedom(draft: Draft) -> None:
    """Remember when nothing holds the job's steps any more."""
    jobs, now = draft.workflow.jobs.values(), draft.workflow.now
    opened_now = {(verb.id, verb.hold) for verb in draft.verbs if isinstance(verb, Unhold)}
    opened_now |= {(verb.id, verb.upstream) for verb in draft.verbs if isinstance(verb, Undepend)}
    shut = {(job.id, name) for job in jobs for name in (*shut_holds(job, now), *job.gates.upstreams)}
    if opened_now and shut <= opened_now:
        draft.record(JobHistoryAction.REACTIVATED)


async def _known_upstream(scope: Scope, details: JobDependencyDetails) -> tuple[str, str]:
    """The job that is waited for, and what of the engine's that is; of one that is gone, what a step waits for.

    Raises:
        JobNotFound: there is no such job, and nobody waits for one.
    """
    try:
        other, upstream = await _upstream(scope, details)
    except JobNotFound:
        jobs = (await scope.load(details.job_id)).jobs.values()
        if not any(details.dependent_job_id in job.gates.upstreams for job in jobs):
            raise
        return details.dependent_job_id, details.dependent_job_id
    return other.public_id, upstream


async def _upstream(scope: Scope, details: JobDependencyDetails) -> tuple[Workflow, str]:
    """The job that is waited for, and what of the engine's that is."""
    other = await scope.load(details.dependent_job_id)
    if details.dependent_step_id is None:
        return other, other.id
    if details.dependent_step_id not in other.steps:
        raise JobRefused(other.public_id, f"there is no step {details.dependent_step_id!r} in it")
    return other, other.steps[details.dependent_step_id]
