"""Pages of jobs, and counts of them, as `JobsManager` answers them."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from envoy_plugin.errors import BadQuery
from envoy_plugin.workflows.finding import Wanted, count, find, wanted_of
from envoy_plugin.workflows.models import (
    GroupedValue,
    JobStatistics,
    JobStatisticsDetails,
    Query,
    QueryField,
    QueryResult,
    SortField,
)
from envoy_plugin.workflows.scope import Scope
from envoy_plugin.workflows.summary import Summary, facts_of, read_date
from envoy_plugin.workflows.where import DATE, FIELDS

MOST_ROWS: Final = 1_000
MOST_START: Final = 2**31 - 1
"""Far behind the last of all jobs that are looked at; Redis counts no further than 2**63."""
DEFAULT_FIELDS: Final = ("jobName", "priority", "dueDate", "currentStep")
"""Source: REST, search jobs."""
TYPES: Final = {"percentComplete": "Double", "closed": "Boolean", "hasLocation": "Boolean"}
COLUMNS: Final = {re.sub(r"\W|_", "", name).lower(): name for name in (*FIELDS, "hasLocation")}
NEWEST_FIRST: Final = (SortField(field="createdDate", sort_order="Desc"),)


async def query_jobs(scope: Scope, query: Query) -> QueryResult:
    """A page of jobs; see `JobsManager.query_jobs`."""
    if not query.q and not query.search:
        raise BadQuery("it needs q or search")
    if not 1 <= query.num <= MOST_ROWS or not 0 <= query.start <= MOST_START:
        raise BadQuery(f"num is 1 to {MOST_ROWS}, and start 0 to {MOST_START}")
    columns = [column(name) for name in query.fields or DEFAULT_FIELDS]
    order = tuple(SortField(field=column(one.field), sort_order=one.sort_order) for one in query.sort_fields)
    end = query.start + query.num
    found = await _first(scope, wanted_of(scope, query), order or NEWEST_FIRST, end + 1)
    return QueryResult(
        q=query.q,
        fields=tuple(QueryField(name=name, field_type=_type(name)) for name in columns),
        results=tuple(tuple(_cell(summary, name) for name in columns) for summary in found[query.start : end]),
        start=query.start,
        next_start=end if len(found) > end else -1,
        num=query.num,
    )


async def statistics(scope: Scope, details: JobStatisticsDetails) -> JobStatistics:
    """How many jobs there are; see `JobsManager.calculate_job_statistics`."""
    wanted, group = wanted_of(scope, details), details.group_by
    if group is None and wanted.tag is not None:
        return JobStatistics(total=await count(scope, wanted.tag))
    name = column(group) if group is not None else "jobId"
    total, groups = 0, Counter[str | None]()
    async for summary in find(scope, wanted):
        total += 1
        groups.update({_shown(name, value) for value in summary.get(name, [None])})
    if group is None:
        return JobStatistics(total=total)
    ordered = sorted(groups.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
    values = tuple(GroupedValue(value=value, count=number) for value, number in ordered)
    return JobStatistics(total=total, group_by=group, grouped_values=values)


def column(name: str) -> str:
    """The field that a name means, in either spelling: `jobStatus`, `job_status`.

    Raises:
        BadQuery: there is none.
    """
    found = COLUMNS.get(name.replace("_", "").lower())
    if found is None:
        raise BadQuery(f"there is no field {name[:64]!r}")
    return found


async def _first(scope: Scope, wanted: Wanted, order: Sequence[SortField], most: int) -> list[Summary]:
    """The first jobs in this order; by the day that they were made, the newest first, no more are looked at."""
    found: list[Summary] = []
    async for summary in find(scope, wanted, first=most):
        found.append(summary)
        if len(found) == most and order == NEWEST_FIRST:
            break
    if order == NEWEST_FIRST:
        return found
    found.sort(key=lambda summary: str(summary["jobId"][0]))
    for one in reversed(order):
        is_down = one.sort_order == "Desc"
        found.sort(key=lambda summary, name=one.field: _rank(summary, name), reverse=is_down)  # type: ignore[misc]
    return found


def _rank(summary: Summary, name: str) -> tuple[bool, Any]:
    """A sort key; jobs without a value come last, or first where the order is turned round."""
    values = (facts_of(summary) if name in FIELDS else summary).get(name)
    return (not values, values[0] if values else 0)


def _type(name: str) -> str:
    return TYPES.get(name) or ("DateTime" if FIELDS[name] == DATE else "String")


def _cell(summary: Summary, name: str) -> Any:
    """The value of a column; several in one text."""
    values = summary.get(name)
    if not values:
        return None
    if _type(name) == "Boolean":
        return bool(values[0])
    if FIELDS[name] == DATE:
        return read_date(values[0])
    return values[0] if len(values) == 1 else ", ".join(map(str, values))


def _shown(name: str, value: Any) -> str | None:
    """A value by which jobs are told apart; a moment as answers have it, RFC 3339 in UTC and milliseconds."""
    if value is None:
        return None
    if FIELDS.get(name) == DATE:
        return f"{read_date(value).astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    return str(value)
