"""What is known of the holds and dependencies of a job's steps: who set them, until when, and when they were opened.

The engine has what is shut. What was set by hand is kept with the job too, and stays when it is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import load_jobs
from envoy_plugin.errors import JobNotFound
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.summary import read_date
from envoy_plugin.workflows.models import JobHold
from envoy_plugin.workflows.operating.comments import opened
from envoy_plugin.workflows.running.advance import find_step
from envoy_plugin.workflows.running.record import MANUAL_HOLD, OWN_HOLDS, Workflow, load

PREFIX: Final = "hold:"
Kept: TypeAlias = Mapping[str, Any]
"""JSON: `step`, `by`, `at`; `until`, or `upstream` with `job` and `other_step`; `released_by`, `released_at`."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is waited for: a job as a whole, or a step of it."""

    job: str
    step: str | None = None

    def __str__(self) -> str:
        return self.job if self.step is None else f"{self.job}/{self.step}"


async def find_place(store: Store, job_id: str) -> Place:
    """What of a job one of the engine's is; of one that is no workflow's, or of one that is gone, its own id."""
    try:
        found = await find_step(store, job_id)
        return Place((await load(store, job_id)).public_id) if found is None else Place(found[0].public_id, found[1])
    except JobNotFound:
        return Place(job_id)


async def holds_of(store: Store, workflow: Workflow) -> list[JobHold]:
    """The holds and dependencies of a job, those that are over among them, in the order in which they were set."""
    kept = opened(store, workflow, PREFIX)
    upstreams = [told["upstream"] for told in kept.values() if told.get("upstream")]
    ends = {job.id: job.changed for job in await load_jobs(store.engine, upstreams) if job.state.ended}
    said = [_read(workflow, hold_id, told, ends) for hold_id, told in kept.items()]
    return [*said, *_unsaid_holds(workflow, kept), *await _unsaid_waits(store, workflow, kept)]


def shut_holds(job: Job, now: datetime) -> list[str]:
    """The holds of a step's job that somebody has set; one whose time has come holds nothing, though it is there."""
    holds = job.gates.holds.items()
    return [name for name, until in holds if name not in OWN_HOLDS and (until is None or until > now)]


def is_over(workflow: Workflow, told: Kept) -> bool:
    """Whether what was set holds nothing any more."""
    job = workflow.jobs.get(told["step"])
    return job is None or not _is_shut(job, told, workflow.now)


def _is_shut(job: Job, told: Kept, now: datetime) -> bool:
    """Whether what was set still holds the step's job."""
    if "released_at" in told:
        return False
    if told.get("upstream"):
        return told["upstream"] in job.gates.upstreams
    until = read_date(told["until"]) if told.get("until") else None
    return MANUAL_HOLD in job.gates.holds and (until is None or until > now)


@dataclass(frozen=True, slots=True)
class _End:
    by: str | None
    at: datetime | None


def _read(workflow: Workflow, hold_id: str, told: Kept, ends: Mapping[str, datetime]) -> JobHold:
    end = _end(workflow, told, ends)
    return JobHold(
        hold_id=hold_id,
        job_id=workflow.public_id,
        step_id=told["step"],
        set_by=told["by"],
        set_date=read_date(told["at"]),
        scheduled_release=read_date(told["until"]) if "until" in told else None,
        released_by=end.by,
        released_date=end.at,
        dependent_job_id=told.get("job"),
        dependent_step_id=told.get("other_step"),
    )


def _end(workflow: Workflow, told: Kept, ends: Mapping[str, datetime]) -> _End:
    """Who opened it, and when; nobody, where time or the end of what was waited for did."""
    if "released_at" in told:
        return _End(told["released_by"], read_date(told["released_at"]))
    job = workflow.jobs.get(told["step"])
    if job and _is_shut(job, told, workflow.now):
        return _End(None, None)
    if told.get("upstream"):
        return _End(None, ends.get(told["upstream"], job.changed if job else workflow.now))
    until = read_date(told["until"]) if "until" in told else None
    opened_at = _last(job, "unheld", MANUAL_HOLD) or job.changed if job else workflow.now
    return _End(None, until or opened_at)


def _unsaid_holds(workflow: Workflow, kept: Mapping[str, Kept]) -> list[JobHold]:
    """The holds of steps that weren't set here: a diagram did, or the plugin's code."""
    jobs, now = workflow.jobs, workflow.now
    said = {told["step"] for told in kept.values() if not told.get("upstream") and not is_over(workflow, told)}
    shut = [(step_id, job, name) for step_id, job in jobs.items() for name in shut_holds(job, now)]
    return [
        JobHold(
            hold_id=f"{job.id}.{name}",
            step_id=step_id,
            scheduled_release=job.gates.holds[name],
            **_set(workflow, job, name),
        )
        for step_id, job, name in shut
        if step_id not in said
    ]


async def _unsaid_waits(store: Store, workflow: Workflow, kept: Mapping[str, Kept]) -> list[JobHold]:
    """What steps wait for since the plugin's code says so."""
    said = {(told["step"], told["upstream"]) for told in kept.values() if told.get("upstream")}
    waits = {(step_id, up) for step_id, job in workflow.jobs.items() for up in job.gates.upstreams} - said
    places = {up: await find_place(store, up) for _, up in waits}
    return [
        JobHold(
            hold_id=f"{workflow.steps[step_id]}.{up}",
            step_id=step_id,
            dependent_job_id=places[up].job,
            dependent_step_id=places[up].step,
            **_set(workflow, workflow.jobs[step_id], up),
        )
        for step_id, up in sorted(waits)
    ]


def _set(workflow: Workflow, job: Job, gate: str) -> dict[str, Any]:
    return {"job_id": workflow.public_id, "set_by": "", "set_date": shut_since(workflow, job, gate)}


def shut_since(workflow: Workflow, job: Job, gate: str) -> datetime:
    """Since when a step has this hold, or waits for this job; since it was made, where the engine has no more of it."""
    return _last(job, "held", gate) or _last(job, "depends", gate) or workflow.envelope.made


def _last(job: Job, event: str, name: str) -> datetime | None:
    """When this has happened last to a gate, as the engine's history has it."""
    return next((row.at for row in reversed(job.history) if (row.event, row.detail) == (event, name)), None)
