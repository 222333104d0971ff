"""A job as it is answered, made of the workflow as it was read."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Final

from envoy_plugin.workflows.definitions.diagrams import UNASSIGNED
from envoy_plugin.workflows.definitions.documents import assigned_words
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.summary import read_date
from envoy_plugin.workflows.models import AssignedType, CurrentStep, Job, JobHistory, JobHistoryAction, JobHold
from envoy_plugin.workflows.operating.comments import opened
from envoy_plugin.workflows.operating.hold_records import holds_of
from envoy_plugin.workflows.operating.properties import extended_of, related_of
from envoy_plugin.workflows.running.history import PREFIX as HISTORY
from envoy_plugin.workflows.running.history import Row, read_rows
from envoy_plugin.workflows.running.record import OWN_HOLDS, Workflow

ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})


async def job_of(store: Store, workflow: Workflow, *, ext_props: bool, holds: bool) -> Job:
    """The job; its tables and its holds where they are wanted."""
    told, origin = workflow.properties, workflow.origin
    return Job(
        job_id=workflow.public_id,
        job_name=told.get("job_name") or "",
        job_template_id=origin.template,
        job_template_name=origin.template_name or origin.template,
        diagram_id=origin.diagram,
        diagram_name=workflow.diagram.name,
        diagram_version=origin.version,
        closed=workflow.closed,
        percent_complete=workflow.percent,
        created_date=workflow.envelope.made,
        created_by=told.get("created_by") or "",
        owned_by=told.get("owned_by") or "",
        current_steps=() if workflow.closed else current_steps(workflow),
        job_status=told.get("job_status") or "",
        priority=told.get("priority") or "",
        description=told.get("description"),
        notes=told.get("notes"),
        **_dates(workflow, told),
        parent_job=told.get("parent_job"),
        has_location=bool(told.get("location")),
        holds=tuple(await holds_of(store, workflow)) if holds else None,
        extended_properties=extended_of(told) if ext_props else None,
        related_properties=related_of(told) if ext_props else None,
    )


def current_steps(workflow: Workflow) -> tuple[CurrentStep, ...]:
    """The steps that are current."""
    return tuple(_current(workflow, step_id) for step_id in workflow.current)


async def history_of(store: Store, workflow: Workflow) -> list[JobHistory]:
    """The rows of a job, the oldest first; what time or another job has released is among them."""
    kept = opened(store, workflow, HISTORY)
    rows = read_rows(workflow.public_id, list(_with_starts(workflow, chain.from_iterable(kept.values()))))
    released = [_released(workflow, hold) for hold in await holds_of(store, workflow)]
    return sorted([*(row for row in released if row), *rows], key=lambda row: row.date)


def _with_starts(workflow: Workflow, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows in order, where the end of a question that nobody had to ask says since when it was open."""
    since: dict[str, str] = {}
    asking = {step.id for step in workflow.diagram.steps if step.is_persons and step.runs_by_itself}
    for row in rows:
        step_id = row.get("step", "")
        if row["action"] == JobHistoryAction.ACTIVATED and step_id in asking:
            since[step_id] = row["date"]
        lacks = row["action"] == JobHistoryAction.FINISHED and "start" not in row
        yield {**row, "start": since[step_id]} if lacks and step_id in since else row


def _released(workflow: Workflow, hold: JobHold) -> JobHistory | None:
    if hold.released_date is None or hold.released_by is not None:
        return None
    action = JobHistoryAction.HOLD_RELEASED
    return JobHistory(
        job_id=workflow.public_id, action=action, date=hold.released_date, username="", step_id=hold.step_id
    )


def _dates(workflow: Workflow, told: Mapping[str, Any]) -> dict[str, datetime | None]:
    dates = {name: _moment(told.get(name)) for name in ("start_date", "due_date", "started_date", "end_date")}
    began = [job.started for job in workflow.jobs.values() if job.started]
    if dates["started_date"] is None and began:
        dates["started_date"] = min(began)
    if dates["end_date"] is None and workflow.closed:
        dates["end_date"] = next((row.at for row in workflow.envelope.history[::-1] if row.event in ENDS), None)
    return dates


def _moment(text: str | None) -> datetime | None:
    return read_date(text) if text else None


def _current(workflow: Workflow, step_id: str) -> CurrentStep:
    job, step = workflow.jobs[step_id], workflow.diagram[step_id]
    kind, name = assigned_words(job.assignee or UNASSIGNED)
    shut = {hold: until for hold, until in job.gates.holds.items() if hold not in OWN_HOLDS}
    shut = {hold: until for hold, until in shut.items() if until is None or until > workflow.now}
    return CurrentStep(
        step_id=step_id,
        step_name=step.title,
        assigned_type=AssignedType(kind),
        assigned_to=name,
        can_skip=step.can_skip,
        manual_hold=bool(shut),
        dependencies=bool(job.gates.upstreams),
        hold_scheduled_release=next((until for until in shut.values() if until), None),
    )
