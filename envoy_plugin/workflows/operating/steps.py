"""What people, and programs for them, do with steps: run, stop, finish, answer, refresh, set current, assign.

Each is one call of the engine. A step that can't be acted on is answered with why, and stays as it is; the others of
the same request go on.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, TypedDict, Unpack

from envoy_plugin.engine.ids import Ids
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, ClaimJob, Promote, Release, Reschedule, Succeed, Verb
from envoy_plugin.errors import CallRefused, TooLarge, WrongState
from envoy_plugin.workflows.definitions.arguments import answers_of
from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED, Kind, Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.models import JobHistoryAction
from envoy_plugin.workflows.operating.comments import keep_comment
from envoy_plugin.workflows.operating.scope import running_steps
from envoy_plugin.workflows.responses import ANYBODY, DESCRIPTIONS, Actor, JobActionResponse, Status, StepResponse
from envoy_plugin.workflows.running.advance import load_followed
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.endings import Said, encode_answer, ending_of, read_ending
from envoy_plugin.workflows.running.flow import Ending, Stop
from envoy_plugin.workflows.running.phases import Phase, phase_of
from envoy_plugin.workflows.running.record import RUN, Workflow

TRIES: Final = 8
_ids: Final = Ids()
MOST_DUE: Final = 100
PAUSED: Final = "paused"
"""Why nobody gets a job of a queue: an operator says so."""


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One reading of the workflow, and what is done to it."""

    draft: Draft
    actor: Actor
    now: datetime
    ends: Mapping[str, Said]
    """How those steps ended that are over, and wait for somebody to go on."""
    seal: Callable[[bytes], bytes]
    has_due: bool = False
    paused: Collection[str] = ()
    """Steps whose queue is paused."""

    @property
    def workflow(self) -> Workflow:
        return self.draft.workflow

    def job(self, step_id: str) -> Job:
        return self.workflow.jobs[step_id]

    def step(self, step_id: str) -> Step:
        return self.workflow.diagram[step_id]

    def phase(self, step_id: str) -> Phase:
        job = self.job(step_id)
        self.has_due |= any(until is not None and until <= self.now for until in job.gates.holds.values())
        return phase_of(job, self.now)

    def add(self, *verbs: Verb[Any]) -> None:
        self.draft.verbs.extend(verbs)

    def claim(self, step_id: str) -> None:
        """Take the job of a step in the actor's name."""
        self.draft.shut(step_id, RUN, shut=False)
        self.add(ClaimJob(id=self.job(step_id).id, who=self.actor.user or "plugin"))


Act: TypeAlias = Callable[[_Attempt, str], Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    """What is done to each step. `anywhere`: also to one that isn't current; `anyone`: whoever it is assigned to."""

    act: Act
    anywhere: bool = False
    anyone: bool = False


class By(TypedDict, total=False):
    """Who acts: by itself, the plugin. `item`: whose the workflow must be."""

    actor: Actor
    item: str | None


async def run(store: Store, workflow_id: str, step_ids: Sequence[str] = (), **by: Unpack[By]) -> JobActionResponse:
    """Start steps; none named: all current ones. A manual step that proceeds is finished by it.

    Raises (as the others do):
        JobNotFound: there is no such workflow.
        CallRefused: it has changed too often meanwhile.
    """
    return await _act(store, workflow_id, step_ids, _Action(act=_run), **by)


async def finish(store: Store, workflow_id: str, step_ids: Sequence[str] = (), **by: Unpack[By]) -> JobActionResponse:
    """End steps that were started, or may be skipped, and go on; see `run`."""
    return await _act(store, workflow_id, step_ids, _Action(act=_finish), **by)


async def stop(store: Store, workflow_id: str, step_ids: Sequence[str] = (), **by: Unpack[By]) -> JobActionResponse:
    """Pause manual steps, and cancel what others run; then they can be run again. See `run`."""
    return await _act(store, workflow_id, step_ids, _Action(act=_stop), **by)


async def refresh(store: Store, workflow_id: str, step_ids: Sequence[str] = (), **by: Unpack[By]) -> JobActionResponse:
    """Let steps that wait for their next try be tried now; see `run`."""
    return await _act(store, workflow_id, step_ids, _Action(act=_refresh), **by)


async def answer(
    store: Store, workflow_id: str, step_id: str, value: Any, *, comment: str = "", **by: Unpack[By]
) -> JobActionResponse:
    """Answer a question step, or finish a manual one that runs, and go on; a `comment` is one of the job. See `run`.

    Raises:
        BadProperty: the comment is too long.
        JobRefused: the job takes no more comments.
    """
    comment_id = _ids.next()

    def act(attempt: _Attempt, chosen: str) -> Status:
        status = _answer(attempt, chosen, value, comment)
        if status is Status.SUCCESS and comment.strip():
            keep_comment(attempt.draft, comment_id, comment, by=attempt.actor.user)
        return status

    return await _act(store, workflow_id, [step_id], _Action(act=act), **by)


async def set_current(store: Store, workflow_id: str, step_id: str, **by: Unpack[By]) -> JobActionResponse:
    """Make this step the only current one; not while one runs. See `run`."""
    return await _act(store, workflow_id, [step_id], _Action(act=_set_current, anywhere=True), **by)


async def assign(store: Store, workflow_id: str, step_id: str, assignee: str, **by: Unpack[By]) -> JobActionResponse:
    """Make a current step that neither runs nor was done somebody's: `user:NAME`, `group:NAME`, `unassigned`."""

    def act(attempt: _Attempt, chosen: str) -> Status:
        if attempt.phase(chosen) in {Phase.RUNNING, Phase.DONE}:
            return Status.ALREADY_EXECUTING
        attempt.draft.assign(chosen, assignee)
        attempt.draft.record(JobHistoryAction.REASSIGNED, chosen, to=assignee)
        return Status.SUCCESS

    return await _act(store, workflow_id, [step_id], _Action(act=act, anyone=True), **by)


async def _act(
    store: Store, workflow_id: str, step_ids: Sequence[str], action: _Action, **by: Unpack[By]
) -> JobActionResponse:
    """Decide from what is there, write in one call, and decide again where it has changed meanwhile.

    More steps than go into one call are acted on by halves.
    """
    paused: set[str] = set()
    for left in reversed(range(TRIES)):
        attempt = await _begin(store, workflow_id, **by)
        attempt.paused = paused
        chosen = step_ids or attempt.workflow.current or [""]
        responses = tuple(_respond(attempt, step_id, action) for step_id in chosen)
        try:
            await _write(store, attempt)
        except TooLarge:
            if len(chosen) == 1:
                raise
            halves = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
            parts = [await _act(store, workflow_id, some, action, **by) for some in halves]
            return JobActionResponse(step_responses=tuple(one for part in parts for one in part.step_responses))
        except CallRefused as refused:
            paused |= _paused(attempt.workflow, refused)
            if not left:
                raise
            continue
        return JobActionResponse(step_responses=responses)
    raise AssertionError  # pragma: no cover - the last try raises


def _paused(workflow: Workflow, refused: CallRefused) -> set[str]:
    """The steps that can't be had because an operator has paused their queue."""
    errors = [error for error in refused.refusals.values() if isinstance(error, WrongState) and error.why == PAUSED]
    jobs = {error.job_id for error in errors}
    return {step_id for step_id, job_id in workflow.steps.items() if job_id in jobs}


async def _begin(store: Store, workflow_id: str, **by: Unpack[By]) -> _Attempt:
    workflow = await load_followed(store, workflow_id, by.get("item"))
    ends = {
        step_id: await read_ending(store.engine, workflow.diagram[step_id], job)
        for step_id, job in workflow.jobs.items()
        if workflow.waits_for_finish(step_id)
    }
    actor = by.get("actor", ANYBODY)
    draft = Draft(store, workflow, by=actor.user)
    return _Attempt(draft=draft, actor=actor, now=workflow.now, ends=ends, seal=store.engine.seal)


async def _write(store: Store, attempt: _Attempt) -> None:
    if not attempt.draft.is_empty:
        due = [Promote(limit=MOST_DUE)] if attempt.has_due else []
        await store.engine.call([*due, *attempt.draft.call()])
        store.tell(attempt.workflow.id)


def _respond(attempt: _Attempt, step_id: str, action: _Action) -> StepResponse:
    paused = Status.HELD if step_id in attempt.paused else None
    status = _refusal(attempt, step_id, action) or paused or action.act(attempt, step_id)
    return StepResponse(step_id=step_id, status=status, status_description=DESCRIPTIONS[status])


def _refusal(attempt: _Attempt, step_id: str, action: _Action) -> Status | None:
    workflow = attempt.workflow
    if workflow.closed:
        return Status.JOB_CLOSED
    if not step_id:
        return Status.NO_ACTIVE_STEP
    if step_id not in workflow.diagram.by_id:
        return Status.STEP_NOT_IN_DIAGRAM
    if action.anywhere:
        return None
    if not workflow.is_current(step_id) or attempt.draft.has_changed(step_id):
        return Status.STEP_NOT_CURRENT if workflow.current else Status.NO_ACTIVE_STEP
    assignee = attempt.job(step_id).assignee or UNASSIGNED
    is_theirs = action.anyone or attempt.actor.may_act_on(assignee)
    return None if is_theirs else Status.ASSIGNED_TO_DIFFERENT_USER


def _run(attempt: _Attempt, step_id: str) -> Status:
    step, phase = attempt.step(step_id), attempt.phase(step_id)
    if phase is Phase.HELD or step_id in attempt.workflow.lost:
        return Status.HELD
    if phase is Phase.DONE:
        attempt.draft.anew(step_id, runs=True)
    elif phase is Phase.RUNNING or (phase is Phase.QUEUED and step.kind != Kind.MANUAL):
        return Status.WAITING_FOR_INFO if step.kind == Kind.QUESTION else Status.ALREADY_EXECUTING
    if not step.is_persons:
        attempt.draft.shut(step_id, RUN, shut=False)
    elif step.kind == Kind.MANUAL and step.proceeds:
        return _end(attempt, step_id, Ending(), claims=True)
    else:
        attempt.claim(step_id)
        attempt.draft.note_doer(step_id, attempt.actor.name)
    attempt.draft.record(JobHistoryAction.STARTED, step_id)
    return Status.SUCCESS


def _finish(attempt: _Attempt, step_id: str) -> Status:
    step, job, phase = attempt.step(step_id), attempt.job(step_id), attempt.phase(step_id)
    if phase is Phase.HELD:
        return Status.HELD
    if phase is Phase.DONE:
        return _go_on(attempt, step_id)
    was_started = job.started is not None
    if step.kind == Kind.QUESTION and not step.can_skip:
        return Status.NO_STARTED_STEP if phase is Phase.READY else Status.WAITING_FOR_INFO
    if not was_started and not step.can_skip:
        return Status.NO_STARTED_STEP
    return _end(attempt, step_id, Ending(), claims=phase is not Phase.RUNNING)


def _answer(attempt: _Attempt, step_id: str, value: Any, comment: str) -> Status:
    step, phase = attempt.step(step_id), attempt.phase(step_id)
    if not step.is_persons:
        return Status.NOT_RUNNING
    if phase is Phase.HELD:
        return Status.HELD
    if phase not in {Phase.RUNNING, Phase.QUEUED}:
        return Status.NO_STARTED_STEP
    if step.kind == Kind.QUESTION and value not in answers_of(step):
        return Status.WAITING_FOR_INFO
    said = {"answer": value}
    ending = ending_of(step, said, state=State.SUCCEEDED)
    outcome = attempt.seal(encode_answer(value, comment))
    return _end(attempt, step_id, ending, claims=phase is Phase.QUEUED, outcome=outcome)


def _end(attempt: _Attempt, step_id: str, ending: Ending, *, claims: bool, outcome: bytes = b"") -> Status:
    """End a step well, and go on; where no path fits, nothing is changed. `claims`: it doesn't run yet."""
    draft, job, step = attempt.draft, attempt.job(step_id), attempt.step(step_id)
    goes_on = step.proceeds or ending.answer is None
    if goes_on and draft.foresee(step_id, ending).stop is Stop.NO_PATH:
        return Status.NO_MATCHING_PATHS
    if claims and job.state is State.SCHEDULED:
        attempt.add(Reschedule(id=job.id))
    if claims and not step.can_skip:
        attempt.claim(step_id)
    draft.end(step_id, Succeed(id=job.id, attempt=draft.attempt_of(step_id), outcome=outcome))
    draft.note_doer(step_id, attempt.actor.name)
    if goes_on:
        draft.follow(step_id, ending)
    else:
        draft.record(JobHistoryAction.COMPLETED, step_id)
    return Status.SUCCESS


def _go_on(attempt: _Attempt, step_id: str) -> Status:
    """Follow the end of a step that is over."""
    said = attempt.ends[step_id]
    if attempt.draft.foresee(step_id, said.ending).stop is Stop.NO_PATH:
        return Status.NO_MATCHING_PATHS
    attempt.draft.follow(step_id, said.ending, outcome=said.outcome)
    return Status.SUCCESS


def _stop(attempt: _Attempt, step_id: str) -> Status:
    step, job, phase = attempt.step(step_id), attempt.job(step_id), attempt.phase(step_id)
    if phase is Phase.RUNNING and step.kind == Kind.MANUAL:
        attempt.add(Release(id=job.id, hold=RUN))
    elif phase is Phase.RUNNING:
        attempt.add(Cancel(id=job.id, reason=Reason.OPERATOR))
        attempt.draft.again(step_id, runs=False)
    elif phase is not Phase.DONE and RUN not in job.gates.holds:
        attempt.draft.shut(step_id, RUN)
    else:
        return Status.NOT_RUNNING
    paused = phase is Phase.RUNNING and step.kind == Kind.MANUAL
    attempt.draft.record(JobHistoryAction.PAUSED if paused else JobHistoryAction.CANCELLED, step_id)
    return Status.SUCCESS


def _refresh(attempt: _Attempt, step_id: str) -> Status:
    phase, job = attempt.phase(step_id), attempt.job(step_id)
    if phase not in {Phase.RUNNING, Phase.QUEUED}:
        return Status.NOT_RUNNING
    if job.state is State.SCHEDULED:
        attempt.add(Reschedule(id=job.id))
    return Status.SUCCESS


def _set_current(attempt: _Attempt, step_id: str) -> Status:
    if running_steps(attempt.workflow):
        return Status.ALREADY_EXECUTING
    attempt.draft.set_current(step_id)
    return Status.SUCCESS
