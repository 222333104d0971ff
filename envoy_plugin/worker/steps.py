"""What a worker does for workflows: it runs a step's function, and opens what follows the end of a step."""

from dataclasses import replace
from functools import partial
from typing import Any

from pydantic_core import from_json, to_json

from envoy_plugin.deadline import within
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.retries import HANDLER_BACKOFF
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Fail, Succeed
from envoy_plugin.envoy.events import Event, parse_event
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import gather_arguments
from envoy_plugin.injection.sources import StepSubject
from envoy_plugin.invocation import watched
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Outcome, to_outcome
from envoy_plugin.reports import Report
from envoy_plugin.run import Run
from envoy_plugin.runtime import Runtime
from envoy_plugin.worker.ending import Ending, Written
from envoy_plugin.worker.work import Work
from envoy_plugin.workflows.handles import WorkflowHandle
from envoy_plugin.workflows.running.advance import end_overdue, end_step, find_step, follow_up
from envoy_plugin.workflows.running.record import EVENT, Workflow
from envoy_plugin.workflows.running.work import OVERDUE

log = get_logger(__name__)


async def read_step(runtime: Runtime, held: Claimed) -> Work | None:
    """The call of a step's function; None: there is no such step, or no such function.

    Raises:
        BadPayload: the event that started the workflow can't be read any more.
        WorkflowError: the workflow's diagram is gone.
    """
    found = await find_step(runtime.workflows, held.id)
    if found is None:
        return None
    workflow, step_id = found
    wanted = str(workflow.diagram[step_id].args.get("function"))
    handler = runtime.plugin.steps.get(wanted)
    if handler is None:
        log.error("step.function_missing", template=workflow.origin.template, step=step_id, function=wanted)
        return None
    subject = _subject_of(runtime, held, workflow, step_id)

    async def call() -> Outcome:
        arguments = await gather_arguments(handler.needs, runtime.step_sources, subject)
        outcome = to_outcome(await handler.function(**arguments), handler=handler)
        if outcome.heir is not None:
            raise DeclarationError(f"{handler} is a step, which can't go on in another job: make that a step, too.")
        return outcome

    return Work(
        call=lambda: within(handler.timeout, watched(runtime.plugin, subject.event or subject.run, call)),
        timeout=handler.timeout,
        context=runtime.context(held.install, envoy_job=subject.envoy_job, job=_maker(workflow, step_id)),
        encode=encode,
        tries=subject.run.attempt if subject.run.attempt != held.attempt else None,
    )


def _subject_of(runtime: Runtime, held: Claimed, workflow: Workflow, step_id: str) -> StepSubject:
    store, before = runtime.workflows, workflow.walk.passed.get(step_id, 0)
    run = Run(runtime.engine, held, runtime, before=before, times=workflow.walk.rounds.get(step_id, 0))
    handle = WorkflowHandle(id=workflow.id, item=workflow.item, step=step_id, input=workflow.input, store=store)
    return StepSubject(workflow=handle, event=_event_of(workflow), run=run)


def _maker(workflow: Workflow, step_id: str) -> str:
    """For whom what a step's function makes is found again: a new try finds it, one that is done anew makes its own."""
    job_id, times = workflow.steps[step_id], workflow.walk.rounds.get(step_id)
    return f"{job_id}:{times}" if times else job_id


def _event_of(workflow: Workflow) -> Event | None:
    event = workflow.fields.get(EVENT)
    return parse_event(event.encode()) if event else None


def encode(outcome: Outcome) -> bytes:
    """An outcome with what the step returned, by which paths decide; `Report` reads the rest of it.

    Raises:
        ValueError: what it returned is no JSON, or too deep to be read.
    """
    said: dict[str, Any] = from_json(Report.of(outcome).encode())
    written = to_json({**said, "data": outcome.data} if outcome.data else said)
    from_json(written)
    return written


def go_on(runtime: Runtime, work: Work, ending: Ending) -> Ending:
    """The end of a step, together with what follows, where it ends well.

    A step that is done anew waits no longer for its next try than the first time.
    """
    if isinstance(ending, Fail) and ending.delay is None and work.tries is not None:
        return replace(ending, delay=HANDLER_BACKOFF.wait(work.tries))
    if not isinstance(ending, Succeed):
        return ending
    return Written(name="succeed", write=partial(_end, runtime, ending))


async def _end(runtime: Runtime, end: Succeed) -> State:
    told = from_json(runtime.engine.open(end.outcome))
    if await end_step(runtime.workflows, end, told):
        return State.SUCCEEDED
    state: State = await runtime.batcher.run(end)  # what follows is left to the follow-up
    return state


def advance(runtime: Runtime, held: Claimed) -> Ending:
    """What follows the end of a step, or of its time, and the end of the job that stands for it."""
    return Written(name="advance", write=partial(_advance, runtime, held))


async def _advance(runtime: Runtime, held: Claimed) -> State:
    follow = end_overdue if held.kind == OVERDUE else follow_up
    end = await follow(runtime.workflows, held)
    if end is None:
        return State.SUCCEEDED
    state: State = await runtime.batcher.run(end)
    return state
