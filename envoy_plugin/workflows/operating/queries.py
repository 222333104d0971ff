"""Pages of jobs, and counts of them, as `JobsManager` answers them."""

from collections import Counter
from datetime import UTC
from typing import Any, Final

from envoy_plugin.errors import BadQuery
from envoy_plugin.workflows.index.ordering import First
from envoy_plugin.workflows.index.summary import Summary, read_date
from envoy_plugin.workflows.index.where import DATE, FIELDS, field_of
from envoy_plugin.workflows.models import (
    GroupedValue,
    JobStatistics,
    JobStatisticsDetails,
    Query,
    QueryField,
    QueryResult,
    SortField,
)
from envoy_plugin.workflows.operating.finding import Wanted, count, find, wanted_of
from envoy_plugin.workflows.operating.scope import Scope

MOST_ROWS: Final = 1_000
MOST_START: Final = 2**31 - 1
"""Far behind the last of all jobs that are looked at; Redis counts no further than 2**63."""
DEFAULT_FIELDS: Final = ("jobName", "priority", "dueDate", "currentStep")
"""Source: REST, search jobs."""
TYPES: Final = {"percentComplete": "Double", "closed": "Boolean", "hasLocation": "Boolean"}
MOST_SORTED: Final = 20_000
"""Where a page ends at most that isn't the newest first: so many rows are kept in memory to find the next ones."""
MOST_GROUPS: Final = 5_000
NEWEST_FIRST: Final = (SortField(field="createdDate", sort_order="Desc"),)


async def query_jobs(scope: Scope, query: Query) -> QueryResult:
    """A page of jobs; see `JobsManager.query_jobs`."""
    if not query.q and not query.search:
        raise BadQuery("it needs q or search")
    if not 1 <= query.num <= MOST_ROWS or not 0 <= query.start <= MOST_START:
        raise BadQuery(f"num is 1 to {MOST_ROWS}, and start 0 to {MOST_START}")
    columns = [column(name) for name in query.fields or DEFAULT_FIELDS]
    order = tuple(SortField(field=column(one.field), sort_order=one.sort_order) for one in query.sort_fields)
    wanted, start, end = wanted_of(scope, query), query.start, query.start + query.num
    if order in {(), NEWEST_FIRST}:
        found = await _newest(scope, wanted, start, query.num + 1)
    elif end > MOST_SORTED:
        raise BadQuery(f"in another order than the newest first, a page ends at {MOST_SORTED} at most")
    else:
        first = First(order, end + 1, columns)
        async for summary in find(scope, wanted):
            first.add(summary)
        found = first.rows()[start:]
    return QueryResult(
        q=query.q,
        fields=tuple(QueryField(name=name, field_type=_type(name)) for name in columns),
        results=tuple(tuple(_cell(summary, name) for name in columns) for summary in found[: query.num]),
        start=start,
        next_start=end if len(found) > query.num else -1,
        num=query.num,
    )


async def statistics(scope: Scope, details: JobStatisticsDetails) -> JobStatistics:
    """How many jobs there are; see `JobsManager.calculate_job_statistics`."""
    wanted, group = wanted_of(scope, details), details.group_by
    if group is None:
        told = await count(scope, wanted) if wanted.is_told else sum([1 async for _ in find(scope, wanted)])
        return JobStatistics(total=told)
    name, total, groups = column(group), 0, Counter[str | None]()
    async for summary in find(scope, wanted):
        total += 1
        groups.update({_shown(name, value) for value in summary.get(name, [None])})
        if len(groups) > MOST_GROUPS:
            raise BadQuery(f"{group} has more than {MOST_GROUPS} different values among these jobs")
    ordered = sorted(groups.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
    values = tuple(GroupedValue(value=value, count=number) for value, number in ordered)
    return JobStatistics(total=total, group_by=group, grouped_values=values)


def column(name: str) -> str:
    """The field that a name means, in either spelling: `jobStatus`, `job_status`.

    Raises:
        BadQuery: there is none.
    """
    found = field_of(name)
    if found is None:
        raise BadQuery(f"there is no field {name[:64]!r}")
    return found


async def _newest(scope: Scope, wanted: Wanted, start: int, most: int) -> list[Summary]:
    """So many jobs from the start on, the newest first; no more are looked at."""
    found: list[Summary] = []
    async for summary in find(scope, wanted, skip=start, first=most):
        found.append(summary)
        if len(found) == most:
            break
    return found


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
    if FIELDS[name] == DATE:
        return f"{read_date(value).astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    return str(value)
