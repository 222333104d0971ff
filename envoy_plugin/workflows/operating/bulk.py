"""Closing, reopening, deleting and upgrading jobs: all of those that are named, or none."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from envoy_plugin.engine.engine import MOST_ITEMS, Engine, Mode
from envoy_plugin.engine.queries import find_attempts, load_jobs, text_of
from envoy_plugin.engine.verbs import Cancel, Delete, Depend, Hold, Policy, Undepend, Verb
from envoy_plugin.errors import JobRefused, WrongState
from envoy_plugin.workflows.definitions.diagrams import Diagram, Kind, Step
from envoy_plugin.workflows.models import JobHistoryAction
from envoy_plugin.workflows.operating.attachments import PREFIX as ATTACHMENT
from envoy_plugin.workflows.operating.comments import named
from envoy_plugin.workflows.operating.hold_records import find_place, shut_holds
from envoy_plugin.workflows.operating.privileges import Privilege
from envoy_plugin.workflows.operating.quota import release
from envoy_plugin.workflows.operating.scope import Scope, check_idle, check_many, check_open
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.record import MANUAL_HOLD, Workflow
from envoy_plugin.workflows.running.step_jobs import ADVANCED
from envoy_plugin.workflows.running.work import ADVANCE, new_job

PAYLOAD_GONE: Final = "payload_gone"
"""How the engine says it."""


async def close_jobs(scope: Scope, job_ids: Sequence[str]) -> None:
    """See `JobsManager.close_jobs`."""
    scope.caller.demand(Privilege.CLOSE)

    def change(draft: Draft) -> None:
        check_open(draft)
        check_idle(draft)
        draft.close()

    await scope.revise(job_ids, change)


async def reopen_jobs(scope: Scope, job_ids: Sequence[str]) -> None:
    """See `JobsManager.reopen_jobs`."""
    scope.caller.demand(Privilege.REOPEN)

    def change(draft: Draft) -> None:
        if not draft.workflow.closed:
            raise JobRefused(draft.workflow.public_id, "it is open")
        draft.reopen()

    try:
        await scope.revise(job_ids, change)
    except WrongState as refused:
        if refused.why != PAYLOAD_GONE:
            raise
        gone = await find_place(scope.store, refused.job_id)
        raise JobRefused(gone.job, f"what its step {gone.step!r} was to do is no longer kept") from None


async def delete_jobs(scope: Scope, job_ids: Sequence[str]) -> None:
    """See `JobsManager.delete_jobs`. What Redis holds is forgotten right after the call that deletes them."""
    scope.caller.demand(Privilege.DELETE)

    def change(draft: Draft) -> None:
        check_idle(draft)
        draft.erase()

    for workflow in await scope.revise(job_ids, change):
        own = [*workflow.steps.values(), workflow.id]
        await _let_go(scope.store.engine, own)
        await _forget(scope.store.engine, own)
        await release(scope.store.engine, scope.item, named(workflow, ATTACHMENT))


async def upgrade_jobs(scope: Scope, job_ids: Sequence[str]) -> None:
    """See `JobsManager.upgrade_jobs`."""
    scope.caller.demand(Privilege.UPGRADE)
    check_many(job_ids)
    latest: dict[tuple[str, str], Diagram] = {}
    workflows = [await scope.load(job_id) for job_id in job_ids]
    awaited = await _find_waiting(scope.store.engine, [one for each in workflows for one in each.steps.values()])
    for workflow in workflows:
        origin = workflow.origin
        found = await scope.store.find_diagram(origin.item, origin.diagram)
        if found is None:
            raise JobRefused(workflow.public_id, "its diagram has no active version")
        latest[origin.item, origin.diagram] = found

    def change(draft: Draft) -> None:
        check_open(draft)
        check_idle(draft)
        origin = draft.workflow.origin
        _upgrade(draft, latest[origin.item, origin.diagram], awaited)

    await scope.revise(job_ids, change)


async def _find_waiting(engine: Engine, job_ids: Sequence[str]) -> dict[str, list[str]]:
    """Of these jobs those for which others wait, and who that is."""
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hkeys(engine.keys.of("dependents", job_id))
        found = [[text_of(one) for one in waiting] for waiting in await pipe.execute()]
    alive = {job.id for job in await load_jobs(engine, sorted({*chain(*found)})) if not job.state.ended}
    waiting = {job_id: [one for one in ids if one in alive] for job_id, ids in zip(job_ids, found, strict=True)}
    return {job_id: ids for job_id, ids in waiting.items() if ids}


def _upgrade(draft: Draft, diagram: Diagram, awaited: Collection[str]) -> None:
    workflow = draft.workflow
    if diagram.version == workflow.origin.version:
        return
    missing = [step_id for step_id in workflow.current if step_id not in diagram.by_id]
    if missing:
        raise JobRefused(workflow.public_id, f"its current step {missing[0]!r} isn't in the latest version")
    made = {step.id: new_job(workflow, step) for step in diagram.steps if not _is_same(workflow, step)}
    for step_id in made:
        if workflow.steps.get(step_id) in awaited:
            raise JobRefused(workflow.public_id, f"others wait for step {step_id!r}, another in the latest version")
    draft.move_to(replace(workflow.origin, version=diagram.version), diagram, made)
    for step_id in made:
        draft.verbs += _gates(workflow, diagram[step_id], draft.workflow.steps[step_id])
    draft.record(JobHistoryAction.UPGRADED)


def _is_same(workflow: Workflow, step: Step) -> bool:
    """Whether a step's job can stay: who does it and what there is to do is the same."""
    before = workflow.diagram.by_id.get(step.id)
    if before is None or step.id not in workflow.jobs:
        return False
    facts = (before.kind, dict(before.args), before.can_skip)
    if facts == (step.kind, dict(step.args), step.can_skip):
        return True
    if Kind.DEVICE in {before.kind, step.kind}:
        raise JobRefused(workflow.public_id, f"step {step.id!r} sends a device something else in the latest version")
    return False


def _gates(workflow: Workflow, step: Step, job_id: str) -> list[Verb[Any]]:
    """What a step's new job waits for: what its old one does, or what the diagram holds from the start."""
    before = workflow.jobs.get(step.id)
    if before is None:
        return [Hold(id=job_id, hold=MANUAL_HOLD)] if step.held else []
    if before.state.ended:
        return []
    holds, ups = before.gates.holds, before.gates.upstreams
    return [
        *(Hold(id=job_id, hold=name, until=holds[name]) for name in shut_holds(before, workflow.now)),
        *(Depend(id=job_id, upstream=upstream, policy=Policy(policy)) for upstream, policy in ups.items()),
    ]


async def _let_go(engine: Engine, job_ids: Sequence[str]) -> None:
    """Let nobody wait for jobs that are gone: who waits for a good end would for ever."""
    waiting = await _find_waiting(engine, job_ids)
    verbs = [Undepend(id=one, upstream=upstream) for upstream, ids in waiting.items() for one in ids]
    for at in range(0, len(verbs), MOST_ITEMS):
        await engine.call(verbs[at : at + MOST_ITEMS], Mode.EACH)


async def _forget(engine: Engine, job_ids: Sequence[str]) -> None:
    """Take away what the engine has of jobs that are over, the last one an envelope. What can't go yet expires.

    Nothing is to follow a step any more. But where a workflow owes Envoy its end, that is still told.
    """
    verbs: list[Verb[Any]] = []
    for job in await load_jobs(engine, job_ids):
        numbers = [attempt.number for attempt in await find_attempts(engine, job.id)]
        verbs += [Cancel(id=job.follow_up, reason=ADVANCED)] if job.owes == ADVANCE.kind else []
        verbs += [Delete(id=job.id, attempt=number) for number in [*numbers, job.attempt]]
    for at in range(0, len(verbs), MOST_ITEMS):
        await engine.call(verbs[at : at + MOST_ITEMS], Mode.EACH)
