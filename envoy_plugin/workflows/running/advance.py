"""Going on: what opens when a step is over, whoever ended it. Each end is followed once.

Where our code ends a step, `end_step` writes the end and what follows in one call. Every other end (a device's, a
pull-worker's, an expiry, a cancel) leaves a follow-up, `advance`, which a worker gives to `follow_up`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from pydantic_core import from_json

from envoy_plugin.engine.model import Claimed, Job
from envoy_plugin.engine.queries import load_jobs
from envoy_plugin.engine.retries import FollowUp
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, Fail, Succeed, Verb
from envoy_plugin.errors import CallRefused, JobNotFound, SealError, TooLarge, VersionMismatch, WorkflowError
from envoy_plugin.logs import get_logger
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.models import JobHistoryAction
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.endings import ending_of, read_ending
from envoy_plugin.workflows.running.flow import Ending, Standing
from envoy_plugin.workflows.running.record import Workflow, load

TRIES: Final = 8
"""How often a call is decided again because the workflow has changed meanwhile."""
CONTENDED: Final = "contended"
REFUSED: Final = "refused"
UNREADABLE: Final = "unreadable"
"""Why a follow-up fails, and is tried again later: others are always first; a step can't be opened; or what is kept of
the workflow can't be read here.
"""

log = get_logger(__name__)


async def follow_up(store: Store, held: Claimed) -> Verb[Any] | None:
    """Follow the end that a claimed `advance` stands for; answers how it ends, None: it has, with what follows.

    What Redis raises goes through.
    """
    debt = FollowUp.parse(held.id)

    async def decide() -> Draft | None:
        found = await load_jobs(store.engine, [debt.job_id]) if debt else []
        return await _draft_of(store, found[0], debt.attempt) if found and debt else None

    return await _decide(store, held, decide)


async def end_overdue(store: Store, held: Claimed) -> Verb[Any] | None:
    """End the step whose time is up, by the job that was claimed for it, and go on; answers as `follow_up`."""

    async def decide() -> Draft | None:
        told = from_json(store.engine.open(held.payload or b""))
        try:
            workflow = await load(store, told["workflow"])
        except JobNotFound:
            return None
        return None if workflow.closed else _end_overdue(store, workflow, told["step"], held.id)

    return await _decide(store, held, decide)


def _end_overdue(store: Store, workflow: Workflow, step_id: str, timer: str) -> Draft | None:
    """What follows where a step is still open for which this is the timer."""
    if workflow.walk.timers.get(step_id) != timer or workflow.standings.get(step_id) is not Standing.CURRENT:
        return None
    draft = Draft(store, workflow)
    draft.end(step_id, Cancel(id=workflow.steps[step_id], reason=Reason.TIMEOUT))
    draft.follow(step_id, Ending(state=State.CANCELLED, reason=Reason.TIMEOUT))
    return draft


async def _decide(store: Store, held: Claimed, decide: Callable[[], Awaitable[Draft | None]]) -> Verb[Any] | None:
    """Write what is decided with the end of the job that was claimed for it; decide again where it has changed."""
    reason = CONTENDED
    for _ in range(TRIES):
        try:
            draft = await decide()
        except (WorkflowError, SealError, ValueError) as error:
            log.error("advance.unreadable", error=type(error).__name__)
            return Fail.of(held, reason=UNREADABLE)
        if draft is None:
            return Succeed.of(held)
        try:
            await store.engine.call([Succeed.of(held), *draft.call()])  # first: a retry ends what it makes void
        except (CallRefused, TooLarge) as refused:
            reason = CONTENDED if _has_changed(refused) else REFUSED
            continue
        store.tell(draft.workflow.id)
        return None
    log.error("advance.refused", reason=reason)
    return Fail.of(held, reason=reason)


def _has_changed(refused: CallRefused | TooLarge) -> bool:
    """Whether a call was refused because the workflow isn't as it was read."""
    errors = refused.refusals.values() if isinstance(refused, CallRefused) else ()
    return any(isinstance(error, VersionMismatch) for error in errors)


async def _draft_of(store: Store, job: Job, attempt: int) -> Draft | None:
    """What follows this end; None where nothing does, or it was followed already."""
    if job.attempt != attempt or not job.state.ended or job.parent is None:
        return None
    try:
        workflow = await load(store, job.parent)
    except JobNotFound:
        return None
    step_id = step_of(workflow, job.id)
    return await _follow(store, workflow, step_id) if step_id is not None and step_id in _left(workflow) else None


def _left(workflow: Workflow) -> list[str]:
    """The steps whose end nobody has followed."""
    if workflow.closed:
        return []
    ended = [step_id for step_id, standing in workflow.standings.items() if standing is Standing.ENDED]
    return [step_id for step_id in ended if not workflow.waits_for_finish(step_id)]


async def _follow(store: Store, workflow: Workflow, step_id: str) -> Draft:
    said = await read_ending(store.engine, workflow.diagram[step_id], workflow.jobs[step_id])
    draft = Draft(store, workflow)
    draft.follow(step_id, said.ending, outcome=said.outcome)
    return draft


async def load_followed(store: Store, workflow_id: str, item: str | None = None) -> Workflow:
    """A workflow with every end followed: also one whose follow-up nobody has come to, or somebody has cancelled.

    Raises:
        JobNotFound: there is none.
        WorkflowError: its diagram is gone.
    """
    workflow = await load(store, workflow_id, item)
    while left := _left(workflow):
        draft = await _follow(store, workflow, left[0])
        try:
            await store.engine.call(draft.call())
        except CallRefused:
            return await load(store, workflow_id, item)  # others are at it
        store.tell(workflow_id)
        workflow = await load(store, workflow_id, item)
    return workflow


def step_of(workflow: Workflow, job_id: str) -> str | None:
    """The step whose job this is."""
    return next((step_id for step_id, known in workflow.steps.items() if known == job_id), None)


async def end_step(store: Store, end: Succeed, told: Any) -> bool:
    """End a claimed step well, and open what follows, in one call. False: the workflow has changed too often.

    `told` is the outcome that `end` has sealed, read as JSON.

    Raises:
        EngineError: the job isn't this claim's any more.
    """
    for _ in range(TRIES):
        found = await find_step(store, end.id)
        if found is None:
            return False
        workflow, step_id = found
        verbs = _end_and_follow(Draft(store, workflow), step_id, end, told)
        try:
            await store.engine.call(verbs)
        except CallRefused as refused:
            lost = [error for at, error in refused.refusals.items() if verbs[at] is end]
            if lost:
                raise lost[0] from None
            continue
        store.tell(workflow.id)
        return True
    return False


async def find_step(store: Store, job_id: str) -> tuple[Workflow, str] | None:
    """The workflow and the step of a job; None where it is in none."""
    found = await load_jobs(store.engine, [job_id])
    if not found or found[0].parent is None:
        return None
    workflow = await load(store, found[0].parent)
    step_id = step_of(workflow, job_id)
    return None if step_id is None else (workflow, step_id)


def _end_and_follow(draft: Draft, step_id: str, end: Succeed, told: Any) -> list[Verb[Any]]:
    draft.end(step_id, end)
    step = draft.workflow.diagram[step_id]
    if step.proceeds and draft.workflow.standings[step_id] is Standing.CURRENT:
        draft.follow(step_id, ending_of(step, told, state=State.SUCCEEDED), outcome=end.outcome)
    elif draft.workflow.standings[step_id] is Standing.CURRENT:
        draft.record(JobHistoryAction.COMPLETED, step_id)
    return draft.call()
