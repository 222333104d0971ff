"""Who owes what: reports are of ends that owe, and a debt is one job's at a time."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.engine.invariants.view import View


def reports(view: View) -> Iterator[str]:
    """A report that isn't over tells the latest end of a job that owes, and of no other."""
    for job_id, job in view.jobs.items():
        if view.has(job_id, "r") and not job.ended:
            debtor_id, _, attempt = job_id.rpartition(".")
            debtor = view.jobs.get(debtor_id)
            if not (debtor and debtor.owes and debtor.ended and debtor.attempt == int(attempt)):
                yield f"{job_id} is {job.state}, and tells of nothing"
        if view.has(job_id, "r") != ("." in job_id):
            yield f"{job_id} has the id of another kind of job"


def heirs(view: View) -> Iterator[str]:
    """Of a job and its heir at most one owes; an heir has one debt, and knows where it comes from."""
    for job_id, job in view.jobs.items():
        heir = view.jobs.get(job.heir or "")
        if job.heir and job.owes:
            yield f"{job_id} owes, and so does its heir {job.heir}"
        if heir and not (heir.owes or heir.heir):
            yield f"{job_id} has an heir {job.heir} without a debt"
        if heir and heir.root != (job.root or job_id):
            yield f"{job_id} has an heir {job.heir} whose root is {heir.root}"
    common = [heir for heir, n in Counter(job.heir for job in view.jobs.values() if job.heir).items() if n > 1]
    if common:
        yield f"{common} have more than one debt"


def reported(view: View) -> Iterator[str]:
    """The latest end of a job that owes has a report, as long as the job is owed."""
    for job_id, job in view.jobs.items():
        if job.owes and not job.ended and f"{job_id}.{job.attempt}" in view.jobs:
            yield f"{job_id} has not ended, and its end is told"


ALL: Final = (reports, heirs, reported)
