"""A workflow as it is kept: an envelope with what is said of it, and its steps. Reading it, and saying more of it.

What is kept with the envelope are fields, each JSON and sealed. Those whose names begin with `_` are the workflow's own
business, the others are its properties: `job_name`, `job_status`, `owned_by`, `created_by`, `priority`, …

The envelope's version is the workflow's: whoever moves its steps says the version from which he decided, so that of
two at once one is first, and the other decides again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from envoy_plugin.engine.ids import made_at
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_described, load_jobs
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Describe, Enqueue
from envoy_plugin.errors import JobNotFound, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import Diagram
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.summary import SUMMARY, Summary, changed_tags, summarize
from envoy_plugin.workflows.running.flow import Standing, Standings, percent_complete
from envoy_plugin.workflows.running.history import Row, name_of, too_old
from envoy_plugin.workflows.running.lost_things import find_lost

KIND: Final = "workflow"
DEVICE: Final = "device"
"""The kind of a step's job that a thing does, whose queue is `thing:NAME`."""
QUEUE: Final = "workflow"
PATH: Final = "path"
RUN: Final = "run"
OWN_HOLDS: Final = frozenset({PATH, RUN})
MANUAL_HOLD: Final = "manual"
"""The hold of a step that is held from the start."""
WALK: Final = "_walk"
STEPS: Final = "_steps"
ORIGIN: Final = "_origin"
INPUT: Final = "_input"
EVENT: Final = "_event"
FAILURE: Final = "_failure"
"""Which step has decided that its branch has failed, and how it said so."""
OWN_ID: Final = "_own_id"
"""The name that whoever made it has for it, where he has one."""


@dataclass(frozen=True, kw_only=True)
class Walk:
    """How far a workflow has come, beside what its steps tell themselves.

    `passed`: by step, the last attempt whose end was looked at. `joining`: joins that were reached and wait. `stops`:
    why a step that was over is open again. `doers`: who did a step last, as `user:ada`. `timers`: of a person's step
    that has a time, the job that ends it when that is up. `rounds`: how often a step was to be done anew, after it was
    over: what its function has made or recorded before is another round's.
    """

    passed: Mapping[str, int] = field(default_factory=dict)
    joining: tuple[str, ...] = ()
    stops: Mapping[str, str] = field(default_factory=dict)
    doers: Mapping[str, str] = field(default_factory=dict)
    timers: Mapping[str, str] = field(default_factory=dict)
    rounds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a workflow was made from: `item` is whose the diagram is."""

    template: str
    template_name: str = ""
    item: str
    diagram: str
    version: int
    closes: bool = False
    final_status: str = ""


_walks: Final = TypeAdapter(Walk)
_origins: Final = TypeAdapter(Origin)


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A workflow as it was read. `steps` maps a step's id to its job's, `jobs` to the job itself, where it is kept."""

    envelope: Job
    origin: Origin
    diagram: Diagram
    walk: Walk
    steps: Mapping[str, str]
    jobs: Mapping[str, Job]
    fields: Mapping[str, Any] = field(repr=False)
    """What else is kept with it, opened."""
    kept: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """What is kept with it under names like `comment:ID`, sealed."""
    now: datetime
    """When it was read."""
    lost: frozenset[str] = frozenset()
    """The steps whose things this item hasn't any more; looked for where steps may be opened."""

    @property
    def public_id(self) -> str:
        """What whoever made it calls it; by itself the envelope's id."""
        return str(self.fields.get(OWN_ID) or self.id)

    @property
    def summary(self) -> Summary:
        """What it was last found by."""
        found: Summary = self.fields.get(SUMMARY) or {}
        return found

    @property
    def id(self) -> str:
        """The envelope's id."""
        return self.envelope.id

    @property
    def item(self) -> str:
        """Whose it is: an install id, or `default`."""
        return self.envelope.install

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self.envelope.state.ended

    @property
    def properties(self) -> dict[str, Any]:
        """What is said of it."""
        return {name: value for name, value in self.fields.items() if not name.startswith("_")}

    @property
    def input(self) -> Any:
        """What it was started with."""
        return self.fields.get(INPUT)

    @cached_property
    def standings(self) -> Standings:
        """Where its steps stand."""
        return {step.id: self._standing(step.id, self.jobs.get(step.id)) for step in self.diagram.steps}

    @property
    def current(self) -> list[str]:
        """The steps that somebody or something has to do now, in the diagram's order."""
        return [step.id for step in self.diagram.steps if self.is_current(step.id)]

    def is_current(self, step_id: str) -> bool:
        """Whether a step is open, or was done and waits for somebody to go on."""
        return self.standings.get(step_id) is Standing.CURRENT or self.waits_for_finish(step_id)

    def waits_for_finish(self, step_id: str) -> bool:
        """Whether a step that doesn't proceed by itself was done."""
        is_done = self.standings.get(step_id) is Standing.ENDED and self.jobs[step_id].state is State.SUCCEEDED
        return is_done and not self.diagram[step_id].proceeds

    @property
    def percent(self) -> float:
        """How much of it is done, 0 to 100."""
        return percent_complete(self.diagram, self.standings)

    def _standing(self, step_id: str, job: Job | None) -> Standing:
        if job is None:  # it was over for so long that it was forgotten
            return Standing.OVER
        is_shut = PATH in job.gates.holds  # over and shut: it was cancelled before it was reached
        if not is_shut and not job.state.ended:
            return Standing.CURRENT
        if not is_shut and job.attempt > self.walk.passed.get(step_id, 0):
            return Standing.ENDED
        if step_id in self.walk.joining:  # in a loop it may have been over before
            return Standing.JOINING
        return Standing.IDLE if is_shut else Standing.OVER


async def load(store: Store, workflow_id: str, item: str | None = None) -> Workflow:
    """A workflow as it stands; `item`: only one of this item.

    Raises:
        JobNotFound: there is none.
        WorkflowError: its diagram is gone.
    """
    engine = store.engine
    found = await load_jobs(engine, [workflow_id])
    if not found or found[0].kind != KIND or item not in {None, found[0].install}:
        raise JobNotFound(workflow_id)
    [described] = await find_described(engine, [workflow_id])
    kept = open_kept(store, workflow_id, described)
    children = await load_jobs(engine, list(kept.steps.values()))
    workflow = await assemble(store, found[0], kept, children, await engine.now())
    things = {step_id: _thing_of(job) for step_id, job in workflow.jobs.items() if job.kind == DEVICE}
    if not things or workflow.closed:
        return workflow
    lost = await find_lost(engine, things.values(), workflow.item)
    return replace(workflow, lost=frozenset(step_id for step_id, thing in things.items() if thing in lost))


def _thing_of(job: Job) -> str:
    return job.queue.partition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept with a workflow: its own business, opened; the rest opened (`fields`), or as it is (`sealed`)."""

    origin: Origin
    walk: Walk
    steps: Mapping[str, str]
    fields: Mapping[str, Any] = field(repr=False)
    sealed: Mapping[str, bytes] = field(repr=False)


def open_kept(store: Store, workflow_id: str, described: Mapping[str, bytes]) -> Kept:
    """What is kept with a workflow, from how the engine has it.

    Raises:
        JobNotFound: it was deleted, and is soon forgotten.
    """
    fields = {name: from_json(store.engine.open(sealed)) for name, sealed in described.items() if name.isidentifier()}
    if ORIGIN not in fields:
        raise JobNotFound(workflow_id)
    return Kept(
        origin=_origins.validate_python(fields.pop(ORIGIN)),
        steps=fields.pop(STEPS),
        walk=_walks.validate_python(fields.pop(WALK)),
        fields=fields,
        sealed={name: sealed for name, sealed in described.items() if not name.isidentifier()},
    )


async def assemble(store: Store, envelope: Job, kept: Kept, children: Iterable[Job], now: datetime) -> Workflow:
    """A workflow from its parts.

    Raises:
        WorkflowError: its diagram is gone.
    """
    origin = kept.origin
    diagram = await store.find_diagram(origin.item, origin.diagram, origin.version)
    if diagram is None:
        raise WorkflowError(f"The diagram {origin.diagram!r} of workflow {envelope.id!r} is gone.")
    by_id = {job.id: job for job in children}
    return Workflow(
        envelope=envelope,
        origin=origin,
        diagram=diagram,
        walk=kept.walk,
        steps=kept.steps,
        jobs={step_id: by_id[job_id] for step_id, job_id in kept.steps.items() if job_id in by_id},
        fields=kept.fields,
        kept=kept.sealed,
        now=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a call says of a workflow. `current`: id and assignee of the steps that are current then."""

    walk: Walk
    properties: Mapping[str, Any]
    current: Sequence[tuple[str, str]]
    percent: float
    closed: bool
    rows: Sequence[Row] = ()
    kept: Mapping[str, Any] = field(default_factory=dict, repr=False)
    dropped: Collection[str] = ()
    steps: Mapping[str, str] | None = None
    """The steps' jobs where they are others now, and the workflow is on another version of its diagram."""


def describe(store: Store, workflow: Workflow, change: Change) -> Describe:
    """Says how far a workflow has come, and changes what is kept; refused where it isn't as it was read."""
    origin, diagram = workflow.origin, workflow.diagram
    merged = {**workflow.properties, **change.properties}
    after = summary_of(workflow.public_id, workflow.envelope.made, origin, diagram, merged, change)
    fields: dict[str, Any] = {WALK: _walks.dump_python(change.walk), **change.properties, **change.kept}
    fields |= {ORIGIN: _origins.dump_python(origin), STEPS: change.steps} if change.steps else {}
    fields |= {name_of(workflow.envelope.version): change.rows} if change.rows else {}
    drop = [*change.dropped, *(too_old(workflow.kept) if change.rows else ())]
    tags: list[str] = []
    untag: list[str] = []
    if after != workflow.summary:
        fields[SUMMARY] = after
        tags, untag = changed_tags(store, workflow.item, workflow.summary, after)
    sealed, version = seal_fields(store, fields), workflow.envelope.version
    return Describe(id=workflow.id, version=version, fields=sealed, drop=drop, tags=tags, untag=untag)


def summary_of(
    public_id: str, made: datetime, origin: Origin, diagram: Diagram, properties: Mapping[str, Any], change: Change
) -> Summary:
    """What a workflow is found by, once this is so."""
    facts = {
        "jobId": public_id,
        "jobTemplateId": origin.template,
        "jobTemplateName": origin.template_name or origin.template,
        "diagramId": origin.diagram,
        "closed": int(change.closed),
        "percentComplete": change.percent,
        "createdDate": made.isoformat(),
    }
    current = [(step_id, diagram[step_id].title, assignee) for step_id, assignee in change.current]
    return summarize(facts, properties, current)


def describe_new(
    store: Store, envelope: Enqueue, origin: Origin, diagram: Diagram, fields: Mapping[str, Any], change: Change
) -> Describe:
    """Says all that a new workflow begins with."""
    properties = {name: value for name, value in fields.items() if not name.startswith("_")}
    public_id, made = str(fields.get(OWN_ID) or envelope.id), made_at(envelope.id)
    summary = summary_of(public_id, made, origin, diagram, properties, change)
    own = {ORIGIN: _origins.dump_python(origin), WALK: _walks.dump_python(change.walk), SUMMARY: summary}
    tags, _ = changed_tags(store, envelope.install, {}, summary)
    sealed = seal_fields(store, {**fields, **own, name_of(0): change.rows})
    return Describe(id=envelope.id, fields=sealed, tags=tags)


def forget(store: Store, workflow: Workflow) -> Describe:
    """Keeps nothing of a workflow any more, by which it could be found or read."""
    _, untag = changed_tags(store, workflow.item, workflow.summary, {})
    names = {ORIGIN, STEPS, WALK, *workflow.fields, *workflow.kept}
    return Describe(id=workflow.id, version=workflow.envelope.version, drop=sorted(names), untag=untag)


def seal_fields(store: Store, fields: Mapping[str, Any]) -> dict[str, bytes]:
    """Fields as they are kept."""
    return {name: store.engine.seal(to_json(value)) for name, value in fields.items()}
