"""How jobs are shown: as JSON for programs, or as text for people. Times are in UTC."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from envoy_plugin.cli.job_views import Change, JobView
from envoy_plugin.cli.table import table
from envoy_plugin.engine.model import Attempt, Job, Row

JsonObject: TypeAlias = dict[str, object]

HEADINGS = ("ID", "STATE", "REASON", "KIND", "INSTALL", "ATTEMPT", "CHANGED")


def as_record(job: Job) -> JsonObject:
    """The facts of a job."""
    return {
        "id": job.id,
        "state": job.state,
        "reason": job.reason,
        "kind": job.kind,
        "install": job.install,
        "queue": job.queue,
        "attempt": job.attempt,
        "retries_left": job.retries_left,
        "crashes": job.crashes,
        "version": job.version,
        "created": _time(job.created),
        "started": _time(job.started),
        "due": _time(job.due),
        "changed": _time(job.changed),
        "owes": job.owes,
    }


def as_full_record(seen: JobView) -> JsonObject:
    """The facts of a job, with its earlier `attempts`, its `history`, and its `report` or null."""
    return as_record(seen.job) | {
        "attempts": [_attempt_record(attempt) for attempt in seen.attempts],
        "history": [_row_record(row) for row in seen.job.history],
        "report": as_record(seen.report) if seen.report else None,
    }


def as_change_record(change: Change) -> JsonObject:
    """One transition."""
    return {"id": change.job.id, "kind": change.job.kind, "install": change.job.install} | _row_record(change.row)


def as_list(jobs: Sequence[Job]) -> str:
    """A line for each job."""
    return table([HEADINGS, *(_cells(job) for job in jobs)]) if jobs else "No jobs."


def as_page(seen: JobView) -> str:
    """Everything about a job, on a page."""
    return "\n\n".join(_sections(seen))


def as_change(change: Change) -> str:
    """A line for a transition."""
    time, event, state, *rest = _row_cells(change.row)
    job = (f"{change.job.id:<18}", f"{change.job.kind:<20}", change.job.install)
    return table([(time.strip(), f"{event:<9}", f"{state:<9}", *job, *rest)])


def _sections(seen: JobView) -> Iterator[str]:
    facts = {name: value for name, value in as_record(seen.job).items() if value is not None}
    yield table([(name.replace("_", " "), str(value)) for name, value in facts.items()])
    if seen.attempts:
        yield "Earlier attempts\n" + table([_attempt_cells(attempt) for attempt in seen.attempts])
    yield "History\n" + table([_row_cells(row) for row in seen.job.history])
    yield f"Report to Envoy\n  {_report(seen)}"


def _report(seen: JobView) -> str:
    job, report = seen.job, seen.report
    if job.owes is None:
        return "None is owed."
    if not job.state.ended:
        return "Owed at the job's end."
    if report is None:
        return "No longer kept."
    reason = f", {report.reason}" if report.reason else ""
    return f"{report.state}{reason}: {report.id}, attempt {report.attempt}"


def _cells(job: Job) -> tuple[str, ...]:
    return (job.id, job.state, job.reason or "-", job.kind, job.install, str(job.attempt), _time(job.changed) or "-")


def _row_cells(row: Row) -> tuple[str, ...]:
    return (f"  {_time(row.at)}", row.event, row.state, f"attempt {row.attempt}", row.detail or "")


def _attempt_cells(attempt: Attempt) -> tuple[str, ...]:
    return (
        f"  {attempt.number}",
        attempt.state,
        attempt.reason or "-",
        f"started {_time(attempt.started) or '-'}",
        f"ended {_time(attempt.ended)}",
    )


def _row_record(row: Row) -> JsonObject:
    return {
        "at": _time(row.at),
        "event": row.event,
        "state": row.state,
        "attempt": row.attempt,
        "detail": row.detail,
    }


def _attempt_record(attempt: Attempt) -> JsonObject:
    return {
        "attempt": attempt.number,
        "state": attempt.state,
        "reason": attempt.reason,
        "created": _time(attempt.created),
        "started": _time(attempt.started),
        "ended": _time(attempt.ended),
    }


def _time(moment: datetime | None) -> str | None:
    """ISO 8601 with milliseconds and Z."""
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
