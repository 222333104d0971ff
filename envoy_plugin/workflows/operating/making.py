"""Making jobs from a template, all of them or none."""

from dataclasses import replace
from typing import Any, Final

from envoy_plugin.engine.queries import find_holders
from envoy_plugin.engine.verbs import Unique
from envoy_plugin.errors import BadProperty, CallRefused, JobRefused, NoTemplate, TooLarge, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import CREATOR, MAINTAIN, OWNER, UNASSIGNED, is_assignment
from envoy_plugin.workflows.definitions.documents import TYPES, assignment_of
from envoy_plugin.workflows.definitions.templates import GOOD_ID, Template
from envoy_plugin.workflows.index.summary import ENGINE_ID
from envoy_plugin.workflows.models import CreateJobOverrides, CreateJobsResponse
from envoy_plugin.workflows.operating.places import kept_location
from envoy_plugin.workflows.operating.privileges import Privilege
from envoy_plugin.workflows.operating.properties import NAME, check_dates, name_parent, new_tables, plain_values
from envoy_plugin.workflows.operating.scope import MOST_JOBS, Scope
from envoy_plugin.workflows.running.create import NewWorkflow, find_by_key, plan_workflow
from envoy_plugin.workflows.running.record import OWN_ID

MOST_RUN: Final = 25
"""How many of the jobs of one call have their first step run at once. Source: REST, create jobs."""
MADE_BY: Final = "_made_by"
"""The key of whoever has made a job and may run again, as it is kept with the job."""
RESERVED: Final = frozenset({"search", "statistics", "manage"})


async def create_jobs(scope: Scope, template_id: str, overrides: CreateJobOverrides) -> CreateJobsResponse:
    """Make jobs; see `JobsManager.create_jobs`."""
    scope.caller.demand(Privilege.CREATE)
    _check(overrides)
    assigned = _assigned(scope, overrides)
    template = await scope.store.find_template(scope.item, template_id)
    if template is None:
        raise NoTemplate(template_id)
    _, diagram = await scope.store.diagram_of(scope.item, template)
    properties = await _properties(scope, template, overrides)
    new = NewWorkflow(
        item=scope.item,
        created_by=scope.caller.name,
        owned_by=overrides.owned_by or "",
        assigned=assigned,
        properties=properties,
        key=overrides.job_id,
    )
    runs = _is_theirs(assigned or template.assigned or diagram[diagram.initial].assigned, new)
    made = scope.unique(f"jobs:{template_id}")
    plans = [
        await plan_workflow(scope.store, template, _numbered(new, at, made, runs=runs and at < MOST_RUN))
        for at in range(overrides.number_of_jobs)
    ]
    try:
        await scope.store.engine.call([verb for plan in plans for verb in plan.verbs])
        ids = [plan.id for plan in plans]
    except CallRefused as refused:
        ids = await _made_before(scope, overrides, made)
        if not ids:
            raise next(iter(refused.refusals.values())) from None
    told = (overrides.job_id,) if overrides.job_id else tuple(ids)
    return CreateJobsResponse(job_ids=told, auto_executed=any(plan.started for plan in plans))


def _numbered(new: NewWorkflow, number: int, made: Unique | None, *, runs: bool) -> NewWorkflow:
    """One of several new jobs, by which whoever makes it finds it when he runs again."""
    if made is None:
        return replace(new, runs=runs)
    unique = replace(made, key=f"{made.key}:{number}")
    return replace(new, runs=runs, unique=unique, properties={**new.properties, MADE_BY: unique.key})


async def _made_before(scope: Scope, overrides: CreateJobOverrides, made: Unique | None) -> list[str]:
    """The jobs that an earlier run has made with these keys; empty: it hasn't.

    Raises:
        JobRefused: somebody else has made one of this own id.
        WorkflowError: it has made fewer.
    """
    engine, own = scope.store.engine, overrides.job_id
    if not own:
        keys = [f"{made.key}:{number}" for number in range(overrides.number_of_jobs)] if made else []
        found = await find_holders(engine, keys)
        if found and len(found) < len(keys):
            raise WorkflowError(f"An earlier run has made {len(found)} jobs here, not {len(keys)}.")
        return found
    known = await find_by_key(engine, scope.item, own)
    if known is None:
        return []
    if made is None or (await scope.load(known)).fields.get(MADE_BY) != f"{made.key}:0":
        raise JobRefused(own, "there is one of this id")
    return [known]


def _check(overrides: CreateJobOverrides) -> None:
    if overrides.number_of_jobs > MOST_JOBS:
        raise TooLarge("A number of jobs", size=overrides.number_of_jobs, limit=MOST_JOBS)
    if overrides.number_of_jobs < 1:
        raise BadProperty("number_of_jobs", "it is 1 or more")
    own = overrides.job_id
    if own and overrides.number_of_jobs > 1:
        raise BadProperty("job_id", "it is for one job")
    if own and (not GOOD_ID.fullmatch(own) or own in RESERVED or ENGINE_ID.fullmatch(own)):
        raise BadProperty("job_id", "it is 1 to 64 letters, digits, - _ or ., and no id or word of ours")


def assignee_of(kind: str, name: str | None) -> str:
    """Whose something is to be.

    Raises:
        BadProperty: the type is none of the three, or the name is missing.
    """
    if kind not in TYPES:
        raise BadProperty("assigned_type", f"there are {', '.join(TYPES)}")
    word = assignment_of(kind, name)
    if not is_assignment(word):
        raise BadProperty("assigned_to", "it names nobody")
    if ":" in word and not NAME.fullmatch(name or ""):
        raise BadProperty("assigned_to", "it is a name of at most 256 characters, in one line")
    return word


def _assigned(scope: Scope, overrides: CreateJobOverrides) -> str:
    if overrides.assigned_type is None:
        return ""
    word = assignee_of(overrides.assigned_type, overrides.assigned_to)
    me = scope.caller.name
    scope.caller.demand_to_assign({CREATOR: f"user:{me}", OWNER: f"user:{overrides.owned_by or me}"}.get(word, word))
    return word


def _is_theirs(word: str, new: NewWorkflow) -> bool:
    """Whether the first step is nobody's, or whoever makes the job has it."""
    me = f"user:{new.created_by}"
    owner = f"user:{new.owned_by or new.created_by}"
    return {"": me, UNASSIGNED: me, CREATOR: me, MAINTAIN: me, OWNER: owner}.get(word, word) == me


async def _properties(scope: Scope, template: Template, overrides: CreateJobOverrides) -> dict[str, Any]:
    properties = await name_parent(scope, plain_values(overrides, unset=None))
    properties |= new_tables(overrides.extended_properties, overrides.related_properties)
    if overrides.location is not None:
        properties["location"] = kept_location(overrides.location)
    if overrides.job_id:
        properties[OWN_ID] = overrides.job_id
    check_dates({**template.properties, **properties})
    return properties
