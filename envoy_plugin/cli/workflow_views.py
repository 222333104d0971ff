"""What is to be seen of workflows from a terminal: no properties, no input, no answers, which may be a visitor's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from envoy_plugin.cli.moments import as_text
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, find_jobs
from envoy_plugin.engine.model import Job
from envoy_plugin.errors import WorkflowError
from envoy_plugin.workflows.definitions.diagrams import Diagram, Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.drawing.mermaid import states_of
from envoy_plugin.workflows.running.phases import Phase
from envoy_plugin.workflows.running.record import KIND, OWN_HOLDS, Workflow, load


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step, and how it stands; of a template's, only what it is."""

    id: str
    name: str
    kind: str
    state: str = ""
    assignee: str = ""
    why: str = ""
    job: str = ""
    attempt: int = 0
    then: tuple[tuple[str, str], ...] = ()
    """What follows, each with its condition; empty where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowView:
    """A workflow; `id` is empty where it is a template's diagram."""

    id: str = ""
    install: str = ""
    template: str
    state: str = ""
    percent: float = 0
    current: tuple[str, ...] = ()
    diagram: Diagram = field(repr=False)
    steps: tuple[StepView, ...] = ()

    @classmethod
    def of_diagram(cls, diagram: Diagram) -> Self:
        """What a template's workflows will be."""
        steps = tuple(
            StepView(id=step.id, name=step.name, kind=str(step.kind), assignee=step.assigned, then=_then(step))
            for step in diagram.steps
        )
        return cls(template=diagram.id, diagram=diagram, steps=steps)

    @classmethod
    def of(cls, workflow: Workflow, states: Mapping[str, str]) -> Self:
        """A workflow as it stands."""
        return cls(
            id=workflow.id,
            install=workflow.item,
            template=workflow.origin.template,
            state=str(workflow.envelope.state),
            percent=workflow.percent,
            current=tuple(workflow.current),
            diagram=workflow.diagram,
            steps=tuple(_step(workflow, step_id, state) for step_id, state in states.items()),
        )


def _step(workflow: Workflow, step_id: str, state: str) -> StepView:
    step, job = workflow.diagram[step_id], workflow.jobs[step_id]
    return StepView(
        id=step_id,
        name=step.name,
        kind=str(step.kind),
        state=state,
        assignee=job.assignee or "",
        why=workflow.walk.stops.get(step_id) or (_holds(job) if state == Phase.HELD else ""),
        job=job.id,
        attempt=job.attempt,
        then=_then(step),
    )


def _holds(job: Job) -> str:
    """What a held step waits for: holds, with the time at which they end by themselves, and other jobs by id."""
    held = {name: until for name, until in job.gates.holds.items() if name not in OWN_HOLDS}
    said = [f"held until {as_text(until)}" if until else "held" for until in held.values()]
    return ", ".join([*said, *(f"waits for job {other}" for other in job.gates.upstreams)])


def _then(step: Step) -> tuple[tuple[str, str], ...]:
    return tuple((path.to, path.when) for path in step.paths)


async def view_workflow(engine: Engine, workflow_id: str) -> WorkflowView:
    """A workflow as it stands.

    Raises:
        JobNotFound: there is none.
    """
    workflow = await load(_store(engine), workflow_id)
    return WorkflowView.of(workflow, states_of(workflow, await engine.now()))


async def list_workflows(engine: Engine, install: str | None, limit: int) -> list[WorkflowView]:
    """The newest workflows; those whose diagram is gone are left out."""
    store, now = _store(engine), await engine.now()
    found = []
    for job in (await find_jobs(engine, Filter(kind=KIND, install=install), limit=limit)).jobs:
        try:
            workflow = await load(store, job.id)
        except WorkflowError:
            continue
        found.append(WorkflowView.of(workflow, states_of(workflow, now)))
    return found


async def find_template(
    engine: Engine, own: Mapping[str, Template], template_id: str, install: str | None
) -> Diagram | None:
    """The diagram of a template that an install has stored."""
    store = Store(engine, str, own=own)
    template = await store.find_template(install or "default", template_id)
    return await store.find_diagram(install or "default", template.diagram_id) if template else None


def _store(engine: Engine) -> Store:
    """One that is only read from: nothing is looked for by a digest."""
    return Store(engine, str)
