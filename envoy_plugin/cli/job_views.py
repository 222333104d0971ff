"""What of jobs is shown: facts, never payloads or outcomes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Attempt, Job, Row
from envoy_plugin.engine.queries import find_attempts, find_job, list_jobs
from envoy_plugin.errors import JobNotFound

MOST_AT_A_LOOK: Final = 100
NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job, its attempts before the latest, and the report of its end: None where none is there."""

    job: Job
    attempts: tuple[Attempt, ...]
    report: Job | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transition of one job."""

    job: Job
    row: Row


async def view(engine: Engine, job_id: str) -> JobView:
    """The job and what belongs to it.

    Raises:
        JobNotFound: there is none.
    """
    job = await find_job(engine, job_id)
    attempts = await find_attempts(engine, job_id)
    return JobView(job=job, attempts=tuple(attempts), report=await _report(engine, job))


async def _report(engine: Engine, job: Job) -> Job | None:
    if job.owes is None or not job.state.ended:
        return None
    try:
        return await find_job(engine, f"{job.id}.{job.attempt}")
    except JobNotFound:
        return None


class Changes:
    """The transitions since the last look, oldest first: the first look answers the latest `last` ones.

    Between two looks up to 100 jobs can change; of further ones nothing is seen.
    """

    def __init__(self, engine: Engine, *, last: int) -> None:
        self._engine = engine
        self._last = last
        self._seen: set[tuple[str, Row]] = set()
        self._since: datetime | None = None

    async def look(self) -> list[Change]:
        """What is new."""
        jobs = await list_jobs(self._engine, limit=MOST_AT_A_LOOK)
        recent = [Change(job=job, row=row) for job in jobs for row in job.history if self._is_recent(row)]
        fresh = sorted(
            (change for change in recent if (change.job.id, change.row) not in self._seen), key=lambda each: each.row.at
        )
        if self._since is None:
            fresh = fresh[len(fresh) - min(self._last, len(fresh)) :]
        self._remember(recent)
        return fresh

    def _is_recent(self, row: Row) -> bool:
        return self._since is None or row.at >= self._since

    def _remember(self, recent: list[Change]) -> None:
        """Keep what a later look could see again: of the latest moment alone."""
        self._since = max((change.row.at for change in recent), default=self._since or NEVER)
        self._seen = {(change.job.id, change.row) for change in recent if self._is_recent(change.row)}
