"""Making workflows: the envelope, its steps, and all that is said of it, in one call of the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.ids import Ids, made_at
from envoy_plugin.engine.queries import find_holder
from envoy_plugin.engine.verbs import Depend, Enqueue, Hold, Listing, Unique, Verb
from envoy_plugin.errors import CallRefused, NoTemplate, NoThing, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import CREATOR, MAINTAIN, OWNER, UNASSIGNED, Diagram, Kind, Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.running.flow import Standing, percent_complete
from envoy_plugin.workflows.running.history import row
from envoy_plugin.workflows.running.lost_things import find_lost
from envoy_plugin.workflows.running.record import (
    EVENT,
    INPUT,
    KIND,
    MANUAL_HOLD,
    PATH,
    QUEUE,
    RUN,
    STEPS,
    Change,
    Origin,
    Walk,
    describe_new,
)
from envoy_plugin.workflows.running.work import StepJob, overdue, thing_of

_ids: Final = Ids()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkflow:
    """What a workflow begins with, beside its template.

    `input` is any JSON value; conditions and documents can use it, and functions ask for it. `properties` go before the
    template's. `key` is the caller's own: a second workflow of this item with it is the first. `unique` is a key of the
    engine in its place. `runs`: whether a first step that is automatic runs at once. `event` is what `parse_event`
    reads, where one started it. `after`: by step, the jobs (or workflows) for whose good end it waits; `holds`: by
    step, until when it is held, None: until somebody releases it.
    """

    item: str
    input: Any = field(default=None, repr=False)
    created_by: str = ""
    owned_by: str = ""
    assigned: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    key: str = ""
    unique: Unique | None = None
    priority: int = 4
    runs: bool = True
    event: bytes = field(default=b"", repr=False)
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    holds: Mapping[str, datetime | None] = field(default_factory=dict)

    @property
    def held_key(self) -> Unique | None:
        """The engine's key that this workflow holds."""
        return Unique(key=key_of(self.item, self.key), kept=True) if self.key else self.unique


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The id of a workflow; `created` is False where it was there already. `started`: its first step was run."""

    id: str
    created: bool
    started: bool = False


def key_of(item: str, key: str) -> str:
    """The engine's key for a caller's own."""
    return f"workflow:{item}:{key}"


async def find_by_key(engine: Engine, item: str, key: str) -> str | None:
    """The id of the workflow that was made with this key."""
    return await find_holder(engine, key_of(item, key))


async def create(store: Store, template_id: str, new: NewWorkflow) -> Created:
    """Make a workflow, or find the one that was made with the same key.

    Raises:
        NoTemplate: the item has no active template of this id.
        NoThing: a device's step is for a thing that isn't this item's.
        EngineError: a job that a step shall wait for doesn't exist, or the like.
    """
    template = await store.find_template(new.item, template_id)
    if template is None:
        raise NoTemplate(template_id)
    plan = await plan_workflow(store, template, new)
    try:
        made = await store.engine.call(plan.verbs)
    except CallRefused as refused:
        known = await find_holder(store.engine, new.held_key.key) if new.held_key else None
        if known is None:
            raise next(iter(refused.refusals.values())) from None
        return Created(id=known, created=False)
    return Created(id=plan.id, created=made[0].created, started=plan.started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The verbs that make one workflow. Those of several go into one call together, or one after the other."""

    id: str
    verbs: Sequence[Verb[Any]]
    started: bool


async def plan_workflow(store: Store, template: Template, new: NewWorkflow) -> Plan:
    """What makes a workflow; nothing is written yet.

    Raises:
        NoTemplate: the template isn't active, or its diagram isn't.
        NoThing: a device's step is for a thing that isn't this item's.
    """
    item, diagram = await store.diagram_of(new.item, template)
    await _check_things(store.engine, diagram, new)
    workflow_id = _ids.next()
    first = diagram[diagram.initial]
    started = new.runs and first.runs_by_itself
    jobs = {
        step.id: _step_job(workflow_id, step, template, diagram, new).enqueue(store.engine) for step in diagram.steps
    }
    origin = Origin(
        template=template.id,
        template_name=template.name,
        item=item,
        diagram=diagram.id,
        version=diagram.version,
        closes=template.closes,
        final_status=template.final_status,
    )
    envelope = Enqueue(
        id=workflow_id,
        queue=QUEUE,
        kind=KIND,
        install=new.item,
        envelope=True,
        priority=new.priority,
        unique=new.held_key,
        listed=(Listing.INSTALL, Listing.KIND),
    )
    fields = _fields(workflow_id, template, new) | {STEPS: {step_id: job.id for step_id, job in jobs.items()}}
    timer = overdue(store.engine, workflow_id, new.item, first)
    walk = Walk(timers={first.id: timer.id}) if timer else Walk()
    beginning = _beginning(diagram, jobs, new, walk, made_at(workflow_id))
    about = describe_new(store, envelope, origin, diagram, fields, beginning)
    waits = [*_waits(new, jobs), *_holds(new, jobs), *([timer] if timer else [])]
    return Plan(id=workflow_id, verbs=[envelope, *jobs.values(), *waits, about], started=started)


def _beginning(diagram: Diagram, jobs: Mapping[str, Enqueue], new: NewWorkflow, walk: Walk, at: datetime) -> Change:
    """What is said of a workflow that has just begun."""
    first = diagram.initial
    standings = {step.id: Standing.CURRENT if step.id == first else Standing.IDLE for step in diagram.steps}
    return Change(
        walk=walk,
        properties={},
        current=[(first, jobs[first].assignee)],
        percent=percent_complete(diagram, standings),
        closed=False,
        rows=[row("Created", at, new.created_by), row("Activated", at, new.created_by, first)],
    )


def _step_job(workflow_id: str, step: Step, template: Template, diagram: Diagram, new: NewWorkflow) -> StepJob:
    is_first = step.id == diagram.initial
    runs = is_first and new.runs and step.runs_by_itself
    own: list[str] = [MANUAL_HOLD] if step.held and step.id not in new.holds else []
    holds = own + ([] if is_first else [PATH]) + ([] if runs else [RUN])
    word = (is_first and (new.assigned or template.assigned)) or step.assigned
    return StepJob(
        workflow=workflow_id,
        item=new.item,
        step=step,
        assignee=_assignee(word, new),
        priority=new.priority,
        input=new.input,
        holds=dict.fromkeys(holds),
    )


def _assignee(word: str, new: NewWorkflow) -> str:
    """Whose a step is before anybody has done one."""
    by_role = {CREATOR: new.created_by, OWNER: new.owned_by or new.created_by, MAINTAIN: new.created_by}
    if word in by_role:
        return f"user:{by_role[word]}" if by_role[word] else UNASSIGNED
    return word if ":" in word else UNASSIGNED


def _fields(workflow_id: str, template: Template, new: NewWorkflow) -> dict[str, Any]:
    people = {"created_by": new.created_by, "owned_by": new.owned_by or new.created_by}
    own = {"job_name": template.name or f"JOB_{workflow_id}", **people}
    event = {EVENT: new.event.decode()} if new.event else {}
    return {**own, **template.properties, **new.properties, INPUT: new.input, **event}


def _waits(new: NewWorkflow, jobs: Mapping[str, Enqueue]) -> list[Verb[Any]]:
    return [Depend(id=_job(jobs, step_id).id, upstream=one) for step_id, ups in new.after.items() for one in ups]


def _holds(new: NewWorkflow, jobs: Mapping[str, Enqueue]) -> list[Verb[Any]]:
    return [Hold(id=_job(jobs, step_id).id, hold=MANUAL_HOLD, until=until) for step_id, until in new.holds.items()]


def _job(jobs: Mapping[str, Enqueue], step_id: str) -> Enqueue:
    if step_id not in jobs:
        raise WorkflowError(f"There is no step {step_id!r} in this workflow.")
    return jobs[step_id]


async def _check_things(engine: Engine, diagram: Diagram, new: NewWorkflow) -> None:
    things = {step.id: thing_of(step, new.input) for step in diagram.steps if step.kind == Kind.DEVICE}
    lost = await find_lost(engine, things.values(), new.item)
    for step_id, thing in things.items():
        if thing in lost:
            raise NoThing(step=step_id, thing=thing, item=new.item)
