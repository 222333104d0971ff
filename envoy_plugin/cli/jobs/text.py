"""How jobs are shown: as JSON for programs, or as text for people. Times are in UTC."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from envoy_plugin.cli.jobs.views import Change, JobView, is_step_ahead, shown_holds
from envoy_plugin.cli.moments import as_text
from envoy_plugin.cli.table import table
from envoy_plugin.engine.model import Attempt, Job, Row
from envoy_plugin.workflows.running.work import ADVANCE

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
        "priority": job.priority,
        "lane": job.lane,
        "parent": job.parent,
        "assignee": job.assignee,
        "envelope": job.envelope,
        "created": as_text(job.created),
        "started": as_text(job.started),
        "due": as_text(job.due),
        "expires": as_text(job.expires),
        "changed": as_text(job.changed),
        "owes": job.owes,
    }


def as_exported(job: Job, attempts: Sequence[Attempt]) -> JsonObject:
    """The facts of a job, what it `waits_for`, its earlier `attempts` and its `history`."""
    return as_record(job) | {
        "waits_for": _gates_record(job),
        "attempts": [_attempt_record(attempt) for attempt in attempts],
        "history": [_row_record(row) for row in job.history],
    }


def as_full_record(seen: JobView) -> JsonObject:
    """The same, with `children`, and the `report` of its end or null."""
    return as_exported(seen.job, seen.attempts) | {
        "children": [{"id": child, "state": seen.states.get(child)} for child in seen.children],
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
    facts = {name: value for name, value in as_record(seen.job).items() if value not in {None, False}}
    yield table([(name.replace("_", " "), "yes" if value is True else str(value)) for name, value in facts.items()])
    if gates := list(_gates(seen)):
        yield "Waits for\n" + table(gates)
    if seen.children:
        counts = Counter(str(seen.states.get(child, "forgotten")) for child in seen.children)
        yield "Children\n" + table([(f"  {state}", str(count)) for state, count in sorted(counts.items())])
    if seen.attempts:
        yield "Earlier attempts\n" + table([_attempt_cells(attempt) for attempt in seen.attempts])
    yield "History\n" + table([_row_cells(row) for row in seen.job.history])
    yield f"{'What follows in the workflow' if seen.job.owes == ADVANCE.kind else 'Report to Envoy'}\n  {_report(seen)}"


def _gates(seen: JobView) -> Iterator[tuple[str, str, str]]:
    """A row for each thing that the job waits for."""
    job = seen.job
    for name, until in shown_holds(job).items():
        yield ("  hold", name, f"until {as_text(until)}" if until else "until it is opened")
    for upstream, policy in job.gates.upstreams.items():
        yield ("  job", upstream, f"{seen.states.get(upstream, 'forgotten')}; if it fails: {policy}")
    if job.gates.before is not None:
        yield ("  lane", job.lane or "-", f"after {job.gates.before}")
    if is_step_ahead(job):
        yield ("  workflow", job.parent or "-", "its turn there")


def _gates_record(job: Job) -> JsonObject:
    return {
        "holds": [{"name": name, "until": as_text(until)} for name, until in shown_holds(job).items()],
        "jobs": [{"id": upstream, "if_it_fails": policy} for upstream, policy in job.gates.upstreams.items()],
        "before_in_lane": job.gates.before,
        "workflow": is_step_ahead(job),
    }


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
    return (job.id, job.state, job.reason or "-", job.kind, job.install, str(job.attempt), as_text(job.changed) or "-")


def _row_cells(row: Row) -> tuple[str, ...]:
    return (f"  {as_text(row.at)}", row.event, row.state, f"attempt {row.attempt}", row.detail or "")


def _attempt_cells(attempt: Attempt) -> tuple[str, ...]:
    return (
        f"  {attempt.number}",
        attempt.state,
        attempt.reason or "-",
        f"started {as_text(attempt.started) or '-'}",
        f"ended {as_text(attempt.ended)}",
    )


def _row_record(row: Row) -> JsonObject:
    return {
        "at": as_text(row.at),
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
        "created": as_text(attempt.created),
        "started": as_text(attempt.started),
        "ended": as_text(attempt.ended),
    }
