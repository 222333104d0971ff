"""What of jobs is shown: facts, never payloads or outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, Page, find_jobs
from envoy_plugin.engine.model import Attempt, Job, Row
from envoy_plugin.engine.queries import find_attempts, find_job, list_jobs, load_jobs, text_of
from envoy_plugin.engine.states import RESERVED_HOLDS, State
from envoy_plugin.errors import JobNotFound

MOST_AT_A_LOOK: Final = 100
NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job, its attempts before the latest, and the report of its end: None where none is there.

    `states` are those of the jobs that it waits for, of its children and of the one before it in its lane.
    """

    job: Job
    attempts: tuple[Attempt, ...]
    report: Job | None
    children: tuple[str, ...] = ()
    states: Mapping[str, State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transition of one job."""

    job: Job
    row: Row


def shown_holds(job: Job) -> Mapping[str, datetime | None]:
    """The holds of a job that are shown as such, each with the time at which it opens; None: when somebody does it."""
    return {name: until for name, until in job.gates.holds.items() if name not in RESERVED_HOLDS}


def is_step_ahead(job: Job) -> bool:
    """Whether it is a step that its workflow hasn't come to, or that nobody has let run."""
    return bool(job.gates.holds.keys() & RESERVED_HOLDS)


def gates_text(job: Job) -> str:
    """What a blocked job waits for, in a sentence's words."""
    waits = [f"hold {name!r}" for name in shown_holds(job)]
    waits += [f"the end of job {upstream!r}" for upstream in job.gates.upstreams]
    waits += [f"job {job.gates.before!r}, which is before it in lane {job.lane!r}"] if job.gates.before else []
    waits += ["its turn in its workflow"] if is_step_ahead(job) else []
    return " and ".join(waits)


async def view(engine: Engine, job_id: str) -> JobView:
    """The job and what belongs to it.

    Raises:
        JobNotFound: there is none.
    """
    job = await find_job(engine, job_id)
    attempts = await find_attempts(engine, job_id)
    children = (
        tuple(sorted(map(text_of, await engine.redis.hkeys(engine.keys.children(job_id))))) if job.envelope else ()
    )
    before = () if job.gates.before is None else (job.gates.before,)
    related = await load_jobs(engine, [*job.gates.upstreams, *before, *children])
    return JobView(
        job=job,
        attempts=tuple(attempts),
        report=await _report(engine, job),
        children=children,
        states={other.id: other.state for other in related},
    )


async def full_page(engine: Engine, wanted: Filter, *, cursor: str | None, limit: int) -> Page:
    """A page that has `limit` jobs if there are so many; it looks on where few of those that it looks at fit.

    Raises:
        BadCursor: `cursor` is of another list, or of none.
    """
    page = await find_jobs(engine, wanted, cursor=cursor, limit=limit)
    while page.cursor is not None and len(page.jobs) < limit:
        further = await find_jobs(engine, wanted, cursor=page.cursor, limit=limit - len(page.jobs))
        page = Page(jobs=page.jobs + further.jobs, cursor=further.cursor)
    return page


async def _report(engine: Engine, job: Job) -> Job | None:
    if job.owes is None or not job.state.ended:
        return None
    try:
        return await find_job(engine, job.follow_up)
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
