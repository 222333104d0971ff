"""The history of a workflow's job: rows, sealed, in the call that does what they tell of; the oldest make room."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from envoy_plugin.engine.model import Job
from envoy_plugin.workflows.index.summary import read_date
from envoy_plugin.workflows.models import JobHistory, JobHistoryAction

PREFIX: Final = "history:"
MOST_CHANGES: Final = 200
"""How many changes of a job are remembered; each may have several rows."""
MOST_SAID: Final = 256
"""How long a text may be of which a row remembers what it was."""
Row = dict[str, Any]


def row(action: str, at: datetime, who: str, step_id: str = "", **facts: Any) -> Row:
    """A row as it is kept: `result`, `start` and `end` are further facts; `replay` reads those that nobody is shown."""
    told = {"action": action, "date": at.isoformat(), "user": who, "step": step_id, **facts}
    return {name: value for name, value in told.items() if value is not None and value != ""}


def said_facts(changed: Mapping[str, Any]) -> Row:
    """What a row remembers of properties that change: short values, and of long ones the names alone."""
    said = {name: value for name, value in changed.items() if _is_short(value)}
    return {"said": said, "named": sorted(changed.keys() - said.keys())}


def name_of(version: int) -> str:
    """Where the rows are kept that a change of this version of the workflow has made."""
    return f"{PREFIX}{version:010}"


def too_old(kept: Mapping[str, bytes]) -> list[str]:
    """The names that make room for one more."""
    names = sorted(name for name in kept if name.startswith(PREFIX))
    return names[: max(0, len(names) + 1 - MOST_CHANGES)]


def span_of(job: Job, now: datetime) -> Row:
    """When a step began and ended, for its row."""
    end = job.changed if job.state.ended else now
    return {"start": job.started.isoformat() if job.started else None, "end": end.isoformat()}


def read_rows(job_id: str, told: Sequence[Row]) -> list[JobHistory]:
    """The rows of one change."""
    return [_read(job_id, one) for one in told]


def _is_short(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and len(value) <= MOST_SAID)


def _read(job_id: str, told: Row) -> JobHistory:
    start, end = (read_date(told[name]) if name in told else None for name in ("start", "end"))
    return JobHistory(
        job_id=job_id,
        action=JobHistoryAction(told["action"]),
        date=read_date(told["date"]),
        username=told.get("user", ""),
        step_id=told.get("step"),
        result=told.get("result"),
        start_date=start,
        end_date=end,
    )
