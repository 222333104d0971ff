"""Versions, histories, attempts and revisions count what has happened."""

from collections.abc import Iterator
from typing import Final

from envoy_plugin.engine.queues import is_owned
from envoy_plugin.engine.states import State
from tests.engine.invariants.view import View
from tests.engine.seen import Seen

HISTORY: Final = 100


def versions(view: View) -> Iterator[str]:
    """The version counts the rows; the last hundred are kept, but for those that were replaced."""
    for job_id, job in view.jobs.items():
        rows, gone = job.history, max(0, job.version - HISTORY)
        if max(rows) != job.version or min(rows) <= gone:
            yield f"{job_id}: version {job.version} has the rows {sorted(rows)}"
        if not gone and len(rows) + job.replaced != job.version:
            yield f"{job_id}: version {job.version} is not {len(rows)} rows and {job.replaced} replaced ones"
        if rows[job.version].split(" ")[1] != job.state:
            yield f"{job_id}: the last row is {rows[job.version]!r}, the state {job.state}"


def notes(view: View) -> Iterator[str]:
    """Of an attempt's notes, and of a job's descriptions, one row is left: the one that is remembered."""
    for job_id, job in view.jobs.items():
        for event, number in (("noted", job.noted), ("described", job.described)):
            if rows_of(job, event) - {number}:
                yield f"{job_id}: {event} in the rows {rows_of(job, event)}, remembered is {number}"


def rows_of(job: Seen, event: str) -> set[int]:
    """The rows of an event; of notes, those of the latest attempt."""
    found = {number: row.split(" ") for number, row in job.history.items()}
    return {n for n, row in found.items() if row[0] == event and (event != "noted" or int(row[3]) == job.attempt)}


def attempts(view: View) -> Iterator[str]:
    """Attempts before the latest have records, unless they were deleted; who runs was claimed."""
    for job_id, job in view.jobs.items():
        if not job.records.keys() <= set(range(1, job.attempt)):
            yield f"{job_id}: attempt {job.attempt} has the records {sorted(job.records)} before it"
        if job.kept != len(job.records) + (not job.deleted):
            yield f"{job_id}: {job.kept} attempts are kept, but there are {len(job.records)} records"
        if job.deleted and not job.ended:
            yield f"{job_id}: its latest attempt was deleted and isn't over"
        if job.state == State.RUNNING and bool(job.claim) is job.envelope:
            yield f"{job_id}: it runs, after {job.claim} claims"


def revisions(view: View) -> Iterator[str]:
    """What an owned queue offers has a revision."""
    for job_id, job in view.jobs.items():
        if job.state == State.AVAILABLE and is_owned(job.queue) and not job.revision:
            yield f"{job_id}: it can be claimed and has no revision"


ALL: Final = (versions, notes, attempts, revisions)
