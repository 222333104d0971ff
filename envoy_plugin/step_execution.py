"""What a worker does for workflows: it runs a step's function, and opens what follows the end of a step."""

from functools import partial
from typing import Any

from pydantic_core import from_json, to_json

from envoy_plugin.deadline import within
from envoy_plugin.ending import Ending, Written
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Succeed
from envoy_plugin.envoy.events import Event, parse_event
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection import gather_arguments
from envoy_plugin.invocation import watched
from envoy_plugin.logs import get_logger
from envoy_plugin.outcomes import Outcome, to_outcome
from envoy_plugin.reports import Report
from envoy_plugin.run import Run
from envoy_plugin.runtime import Runtime
from envoy_plugin.sources import StepSubject
from envoy_plugin.work import Work
from envoy_plugin.workflows.advance import end_overdue, end_step, find_step, follow_up
from envoy_plugin.workflows.handles import WorkflowHandle
from envoy_plugin.workflows.record import EVENT, Workflow
from envoy_plugin.workflows.work import OVERDUE

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
    run, event = Run(runtime.engine, held, runtime), _event_of(workflow)
    handle = WorkflowHandle(
        id=workflow.id, item=workflow.item, step=step_id, input=workflow.input, store=runtime.workflows
    )
    subject = StepSubject(workflow=handle, event=event, run=run)

    async def call() -> Outcome:
        arguments = await gather_arguments(handler.needs, runtime.step_sources, subject)
        outcome = to_outcome(await handler.function(**arguments), handler=handler)
        if outcome.heir is not None:
            raise DeclarationError(f"{handler} is a step, which can't go on in another job: make that a step, too.")
        return outcome

    return Work(
        call=lambda: within(handler.timeout, watched(runtime.plugin, event or run, call)),
        timeout=handler.timeout,
        context=runtime.context(held.install, envoy_job=subject.envoy_job, job=held.id),
        encode=encode,
    )


def _event_of(workflow: Workflow) -> Event | None:
    event = workflow.fields.get(EVENT)
    return parse_event(event.encode()) if event else None


def encode(outcome: Outcome) -> bytes:
    """An outcome with what the step returned, by which paths decide; `Report` reads the rest of it."""
    said: dict[str, Any] = from_json(Report.of(outcome).encode())
    return to_json({**said, "data": outcome.data} if outcome.data else said)


def go_on(runtime: Runtime, ending: Ending) -> Ending:
    """The end of a step, together with what follows, where it ends well."""
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
