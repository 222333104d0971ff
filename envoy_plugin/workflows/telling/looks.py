"""A look at a job: all of it as it was at one moment, so that two looks can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import text_of
from envoy_plugin.engine.states import State
from envoy_plugin.errors import JobNotFound
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.running.phases import Phase, phase_of
from envoy_plugin.workflows.running.record import KIND, Workflow, assemble, open_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A job as it was when somebody looked; `progress` is what those say who do its steps now, by step."""

    workflow: Workflow
    progress: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def phases(self) -> dict[str, Phase]:
        """What each current step waits for."""
        jobs, now = self.workflow.jobs, self.workflow.now
        return {step_id: phase_of(jobs[step_id], now) for step_id in self.workflow.current}


async def look_at(store: Store, workflow_id: str, steps: Sequence[str] = (), now: datetime | None = None) -> Look:
    """Look at a job, in one transaction. `steps`: the jobs of its steps, where they are known; it saves a round trip.

    Raises:
        JobNotFound: there is no such workflow, or it was deleted.
        WorkflowError: its diagram is gone.
    """
    moment = now or await store.engine.now()
    while True:
        read = await _read(store.engine, workflow_id, steps)
        if read.envelope is None or read.envelope.kind != KIND:
            raise JobNotFound(workflow_id)
        kept = open_kept(store, workflow_id, read.described)
        wanted = list(kept.steps.values())
        if wanted == list(steps):
            workflow = await assemble(store, read.envelope, kept, read.children, moment)
            return Look(workflow=workflow, progress=await _progress(store.engine, workflow))
        steps = wanted


@dataclass(frozen=True, slots=True)
class _Read:
    envelope: Job | None
    described: Mapping[str, bytes]
    children: Sequence[Job]


async def _read(engine: Engine, workflow_id: str, steps: Sequence[str]) -> _Read:
    ids = [workflow_id, *steps]
    async with engine.redis.pipeline(transaction=True) as pipe:
        pipe.hgetall(engine.keys.described(workflow_id))
        for job_id in ids:
            pipe.hgetall(engine.keys.job(job_id))
        described, *found = await pipe.execute()
    jobs = {job_id: _job(job_id, facts) for job_id, facts in zip(ids, found, strict=True) if facts}
    kept = {text_of(name): content for name, content in described.items()}
    return _Read(jobs.pop(workflow_id, None), kept, list(jobs.values()))


def _job(job_id: str, facts: Mapping[bytes, bytes]) -> Job:
    return Job.parse(job_id, {text_of(name): text_of(value) for name, value in facts.items()})


async def _progress(engine: Engine, workflow: Workflow) -> dict[str, Any]:
    """What was noted of the steps that code and devices do now."""
    diagram = workflow.diagram
    doing = {s: workflow.jobs[s] for s in workflow.current if workflow.jobs[s].state is State.RUNNING}
    noted = {s: job for s, job in doing.items() if not diagram[s].is_persons and _has_notes(job)}
    if not noted:
        return {}
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job in noted.values():
            pipe.hget(engine.keys.blobs(job.id), f"details:{job.attempt}")
        found = await pipe.execute()
    return {s: _opened(engine, sealed) for s, sealed in zip(noted, found, strict=True) if sealed}


def _has_notes(job: Job) -> bool:
    return any(row.event == "noted" and row.attempt == job.attempt for row in job.history)


def _opened(engine: Engine, sealed: bytes) -> Any:
    """JSON; None where it is something else: a pull-worker may say anything."""
    try:
        return from_json(engine.open(sealed))
    except ValueError:
        return None
