"""Finding jobs: by where-clauses and words, in order, page by page; counting them."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from envoy_plugin.engine import tagged
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import BadLocation, BadQuery
from envoy_plugin.sealing import Sealer
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.search import parse_search
from envoy_plugin.workflows.index.summary import tag_of
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import (
    CreateJobOverrides,
    JobStatisticsDetails,
    Query,
    QueryResult,
    SortField,
    UpdateJobOverrides,
)
from envoy_plugin.workflows.operating import finding, queries
from envoy_plugin.workflows.running.create import find_by_key
from tests.workflows.office import Office
from tests.workflows.stage import ITEM

MAY = datetime(2026, 5, 1, tzinfo=UTC)
ASKED = {"fields": ["jobName"], "sort_fields": [SortField(field="jobName")]}


async def three(office: Office) -> list[str]:
    """Three jobs, named after their priorities; the second is somebody's, the third is closed."""
    ada = office.chief()
    facts: list[dict[str, Any]] = [
        {"job_name": "Low", "priority": "Low", "due_date": MAY, "location": Location.from_degrees(52.0, 13.0)}
        | {"assigned_type": "User", "assigned_to": "ada"},
        {"job_name": "High", "priority": "High", "assigned_type": "User", "assigned_to": "bob"},
        {"job_name": "Medium", "priority": "Medium", "notes": "Bring the red badge, please"},
    ]
    jobs = [await office.job("visit", ada, **one) for one in facts]
    await office.plugin.close_jobs(jobs[2:])
    return jobs


async def names(office: Office, **asked: Any) -> list[str]:
    """The names of the jobs that are found, in order."""
    result = await office.chief().query_jobs(Query(**{**ASKED, **asked}))
    return [row[0] for row in result.results]


CLAUSES = {
    "closed = 0": ["High", "Low"],
    "closed = 1": ["Medium"],
    "priority IN ('High', 'Low') AND closed = 0": ["High", "Low"],
    "priority <> 'High'": ["Low", "Medium"],
    "assignedType='User' AND closed=0 AND assignedTo='bob'": ["High"],
    "\"assignedType='User' AND assignedTo='\" + $currentUser + \"'\"": ["Low"],
    "dueDate < '2026-06-01'": ["Low"],
    "percentComplete = 0 AND currentStep = 'Sign in'": ["High", "Low"],
    "currentStepId = 'sign' OR closed = 1": ["High", "Low", "Medium"],
    "jobTemplateId = 'visit' AND ownedBy = 'ada' AND createdBy = 'ada'": ["High", "Low", "Medium"],
    "jobStatus = 'none'": [],
    "jobId = 'nobody'": [],
    "notes LIKE '%badge%'": ["Medium"],
}


@pytest.mark.parametrize("clause", CLAUSES)
async def test_jobs_are_found_by_what_is_said_of_them(office: Office, clause: str) -> None:
    await three(office)
    assert await names(office, q=clause) == CLAUSES[clause]


async def test_a_clause_about_the_current_user_is_about_whoever_asks(office: Office) -> None:
    await three(office)
    clause = '"assignedTo=\'" + $currentUser + "\'"'
    assert (await office.by("bob").query_jobs(Query(q=clause, fields=["jobName"]))).results == (("High",),)
    with pytest.raises(BadQuery, match="nobody"):
        await office.plugin.query_jobs(Query(q=clause))


SEARCHES = {
    "low": ["Low"],
    "HIGH": ["High"],
    "red badge": ["Medium"],
    "'red badge'": ["Medium"],
    "'badge red'": [],
    "low OR high": ["High", "Low"],
    "visit NOT low": ["High", "Medium"],
    "visit AND (bob OR 'the red')": ["High", "Medium"],
    "NOT bob": ["Low", "Medium"],
    "please!": ["Medium"],
    "low OR NOT visit": ["Low"],
    "low OR NOT red": ["High", "Low"],
}


@pytest.mark.parametrize("words", SEARCHES)
async def test_jobs_are_found_by_words(office: Office, words: str) -> None:
    await three(office)
    assert await names(office, search=words) == SEARCHES[words]


BAD_SEARCHES = [
    "'x",
    "",
    "  ",
    "!",
    "(x",
    "x)",
    "AND x",
    "x OR",
    "NOT",
    "x AND AND y",
    "()",
    "x" * 4097,
    "x " * 65,
    "(" * 20,
]


@pytest.mark.parametrize("words", BAD_SEARCHES)
def test_a_search_that_can_not_be_read_is_refused(words: str) -> None:
    with pytest.raises(BadQuery):
        parse_search(words)


async def test_a_job_is_found_by_its_id(office: Office) -> None:
    first, *_ = await three(office)
    own = await office.job("visit", job_id="visit-7", parent_job=first, job_name="Child")
    assert own == "visit-7"
    assert await names(office, q=f"jobId = '{first}'") == await names(office, q=f"jobId = '{first}' AND closed=0")
    assert await names(office, q="jobId IN ('visit-7', 'nobody')") == ["Child"]
    assert await names(office, search=first) == ["Child", "Low"]
    assert await names(office, search="visit-7") == ["Child"]
    assert await names(office, q=f"parentJob = '{first}'") == ["Child"]


async def test_jobs_are_found_by_where_they_are(office: Office) -> None:
    await three(office)
    everywhere = {"q": "closed IN (0, 1)"}
    assert await names(office, **everywhere, has_location=True) == ["Low"]
    assert await names(office, **everywhere, has_location=False) == ["High", "Medium"]
    assert await names(office, **everywhere, spatial_extent="12,51,14,53,4326") == ["Low"]
    assert await names(office, **everywhere, spatial_extent="0,0,1,1,4326") == []
    with pytest.raises(BadLocation):
        await names(office, **everywhere, spatial_extent="x")


async def test_of_three_conditions_two_can_have_no_job_in_common(office: Office) -> None:
    for priority, status in (("Low", "Here"), ("High", "Gone"), ("High", "Gone"), ("Low", "Gone")):
        await office.job("visit", priority=priority, job_status=status)
    clause = "priority = 'High' AND jobStatus = 'Here' AND currentStepId = 'sign'"
    assert await names(office, q=clause) == await names(office, q=f"createdBy IS NULL AND {clause}") == []


async def test_a_list_shows_what_has_changed_at_once(office: Office) -> None:
    job_id = await office.job("visit")
    found = {"q": "currentStep = 'Print badge' AND percentComplete > 30"}
    assert await names(office, **found) == []
    await office.plugin.start_steps(job_id)
    assert await names(office, **found) == ["Visit"]
    await office.stage.do()
    assert await names(office, **found) == []
    assert await names(office, q="currentStepId = 'host' AND assignedType = 'Unassigned'") == ["Visit"]
    await office.plugin.assign_current_step(job_id, "bob", "User")
    await office.update(job_id, job_name="Late", priority="High")
    assert await names(office, q="assignedTo = 'bob'", search="late") == ["Late"]
    assert await names(office, search="print") == []
    await office.stage.answer(job_id, "host", "Yes")


async def test_rows_have_the_columns_that_were_asked_for(office: Office) -> None:
    await three(office)
    asked = ["job_name", "due_date", "closed", "hasLocation", "percentComplete", "currentStep", "notes"]
    result = await office.plugin.query_jobs(Query(q="priority = 'Low'", fields=asked))
    assert result.results == (("Low", MAY, False, True, 0.0, "Sign in", None),)
    types = [(one.name, one.field_type) for one in result.fields]
    assert types[:5] == [
        ("jobName", "String"),
        ("dueDate", "DateTime"),
        ("closed", "Boolean"),
        ("hasLocation", "Boolean"),
        ("percentComplete", "Double"),
    ]
    plain = await office.plugin.query_jobs(Query(q="closed = 0"))
    assert [one.name for one in plain.fields] == ["jobName", "priority", "dueDate", "currentStep"]


async def test_several_current_steps_are_in_one_cell_and_each_is_found(office: Office) -> None:
    office.define("both", Step.manual("a", then=("b", "c")), Step.manual("b"), Step.manual("c"), closes=False)
    await office.plugin.start_steps(await office.job("both"))
    for step_id in ("b", "c"):
        result = await office.plugin.query_jobs(Query(q=f"currentStepId = '{step_id}'", fields=["currentStep"]))
        assert result.results == (("b, c",),)


def page(result: QueryResult) -> tuple[list[str], int]:
    """The names on a page, and where the next one starts."""
    return [row[0] for row in result.results], result.next_start


async def test_pages_follow_each_other_and_the_last_one_says_so(office: Office) -> None:
    made = await office.plugin.create_jobs("one", CreateJobOverrides(number_of_jobs=5))
    ids = [*made.job_ids]
    asked: dict[str, Any] = {"q": "closed = 0", "fields": ["jobId"], "num": 2}
    for order, expected in (((), ids[::-1]), ((SortField(field="priority"), SortField(field="job_name")), sorted(ids))):
        pages = [page(await office.plugin.query_jobs(Query(start=at, sort_fields=order, **asked))) for at in (0, 2, 4)]
        assert pages == [(expected[:2], 2), (expected[2:4], 4), (expected[4:], -1)]
    assert page(await office.plugin.query_jobs(Query(start=9, **asked))) == ([], -1)


async def test_order_is_by_each_field_and_what_has_no_value_is_last(office: Office) -> None:
    for name, due in (("b", MAY), ("a", None), ("c", MAY)):
        await office.job("visit", job_name=name, due_date=due)
    down = [SortField(field="dueDate"), SortField(field="jobName", sort_order="Desc")]
    assert await names(office, q="closed = 0", sort_fields=down) == ["c", "b", "a"]
    assert await names(office, q="closed = 0", sort_fields=[SortField(field="created_date")]) == ["b", "a", "c"]
    for down_or_up in ("Asc", "Desc"):
        by_date = [SortField(field="dueDate", sort_order=down_or_up), SortField(field="createdDate")]
        assert await names(office, q="closed = 0", sort_fields=by_date) == ["b", "c", "a"]


async def test_statistics_count_and_tell_apart(office: Office) -> None:
    await three(office)
    count = office.plugin.calculate_job_statistics
    assert (await count()).total == 3
    assert (await count(JobStatisticsDetails(q="(closed = 0)"))).total == 2
    assert (await count(JobStatisticsDetails(has_location=True))).total == 1
    assert (await count(JobStatisticsDetails(q="closed = 0", search="low"))).total == 1
    assert (await count(JobStatisticsDetails(q="dueDate IS NULL"))).total == 2
    assert (await count(JobStatisticsDetails(q="jobId = 'nobody'"))).total == 0
    for name in ("assigned_to", "assignedTo"):
        told = await count(JobStatisticsDetails(group_by=name))
        values = [(one.value, one.count) for one in told.grouped_values or ()]
        assert (told.total, told.group_by, values) == (3, name, [("ada", 1), ("bob", 1), (None, 1)])


async def test_moments_are_told_apart_in_utc_whatever_the_offset(office: Office) -> None:
    for due in (MAY, MAY.astimezone(timezone(timedelta(hours=2))), None):
        await office.job(due_date=due)
    told = await office.plugin.calculate_job_statistics(JobStatisticsDetails(group_by="due_date"))
    values = [(one.value, one.count) for one in told.grouped_values or ()]
    assert values == [("2026-05-01T00:00:00.000Z", 2), (None, 1)]


async def test_values_that_jobs_are_told_apart_by_are_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_GROUPS", 2)
    await three(office)
    count = office.plugin.calculate_job_statistics
    assert len((await count(JobStatisticsDetails(q="closed = 0", group_by="jobName"))).grouped_values or ()) == 2
    with pytest.raises(BadQuery, match="job_name has more than 2 different values"):
        await count(JobStatisticsDetails(group_by="job_name"))
    assert (await count(JobStatisticsDetails(q="jobName LIKE '%'"))).total == 3


BAD: list[dict[str, Any]] = [
    {},
    {"q": "closed = 0", "num": 0},
    {"q": "closed = 0", "num": 1001},
    {"q": "closed = 0", "start": -1},
    {"q": "closed = 0", "fields": ["x"]},
    {"q": "closed = 0", "sort_fields": [SortField(field="x")]},
    {"q": "closed = 0", "sort_fields": [SortField(field="jobName")], "start": 19_951},
    {"q": "nothing = 0"},
    {"search": "'"},
]


@pytest.mark.parametrize("asked", BAD, ids=str)
async def test_a_query_that_can_not_be_answered_says_why(office: Office, asked: dict[str, Any]) -> None:
    with pytest.raises(BadQuery):
        await office.plugin.query_jobs(Query(**asked))


async def test_what_no_tag_serves_looks_at_so_many_jobs(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_LOOKED_AT", 4)
    monkeypatch.setattr(finding, "BATCH", 2)
    await office.plugin.create_jobs("one", CreateJobOverrides(number_of_jobs=6))
    await office.job("one", priority="High")
    assert await names(office, q="priority = 'High' AND notes IS NULL") == ["one"]
    assert len((await office.plugin.query_jobs(Query(q="closed = 0", num=2))).results) == 2
    with pytest.raises(BadQuery, match="more than 4 jobs"):
        await names(office, q="notes IS NULL")
    with pytest.raises(BadQuery, match="more than 4 jobs"):
        await office.plugin.calculate_job_statistics(JobStatisticsDetails(group_by="priority"))
    assert (await office.plugin.calculate_job_statistics()).total == 7


async def test_lists_that_are_put_together_leave_nobody_out(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "BATCH", 2)
    expected = [await office.job("one", priority=priority) for priority in ("A", "B", "A", "A", "B", "A", "C", "A")]
    found = await office.plugin.query_jobs(Query(q="priority IN ('A', 'B')", fields=["jobId"], num=3))
    assert found.next_start == 3
    every = await office.plugin.query_jobs(
        Query(q="priority IN ('A', 'B')", fields=["jobId"], sort_fields=[SortField(field="jobId")])
    )
    del expected[6]
    assert [row[0] for row in every.results] == expected


async def test_words_are_found_however_their_letters_are_written(office: Office) -> None:
    for name in ("Jose\u0301 O'Brien", "Miles O\u2019Brien", "STRASSE", "\uff21da"):
        await office.job(job_name=name)
    found = {"O'Brien": 2, "'Jos\u00e9 O'Brien'": 1, "'miles o'brien'": 1, "jose": 0, "stra\u00dfe": 1, "ada": 1}
    assert {words: len(await names(office, search=words)) for words in found} == found


async def test_a_long_text_leaves_the_other_words_their_place(office: Office) -> None:
    await office.job(
        description=" ".join(f"w{number}" for number in range(300)), assigned_type="User", assigned_to="grace"
    )
    assert await names(office, search="grace w200") == ["one"]
    assert await names(office, search="w290") == []


async def test_pages_of_what_tags_tell_may_be_as_deep_as_there_are_jobs(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST_LOOKED_AT", 3)
    made = await office.plugin.create_jobs("one", CreateJobOverrides(number_of_jobs=9, priority="Low"))
    ids, count = [*made.job_ids][::-1], office.plugin.calculate_job_statistics
    for asked in ("closed = 0", "closed = 0 AND priority IN ('Low', 'High')"):
        found = await office.plugin.query_jobs(Query(q=asked, fields=["jobId"], start=6, num=2))
        assert page(found) == (ids[6:8], 8)
        assert page(await office.plugin.query_jobs(Query(q=asked, fields=["jobId"], start=8, num=2))) == (ids[8:], -1)
        assert (await count(JobStatisticsDetails(q=asked))).total == 9
    assert (await count(JobStatisticsDetails(search="one low"))).total == 9
    with pytest.raises(BadQuery, match="more than 3 jobs"):
        await count(JobStatisticsDetails(search="'low unassigned'", q="notes IS NULL"))


async def test_jobs_that_are_gone_leave_no_gap_in_a_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    older = [await office.job() for _ in range(3)]
    newer = [await office.job() for _ in range(3)]
    store = office.stage.store
    for pair in (("closed", "0"), ("jobName", "one")):
        gone = {f"{older[-1]}{number:03d}": 0 for number in range(505)}
        await store.engine.redis.zadd(store.engine.keys.tag(tag_of(store, ITEM, pair)), gone)
    clause = "closed = 0 AND jobName = 'one'"
    found = await office.plugin.query_jobs(Query(q=clause, fields=["jobId"], start=2, num=5))
    assert page(found) == ([newer[0], *older[::-1]], -1)
    monkeypatch.setattr(tagged, "MOST_PASSED", 1)
    assert (await office.plugin.calculate_job_statistics(JobStatisticsDetails(q=clause))).total == 511


async def test_a_job_with_an_id_of_its_own_is_searched_by_that_one(office: Office) -> None:
    await office.job(job_id="visit-7")
    own = await find_by_key(office.stage.engine, ITEM, "visit-7")
    assert own is not None
    for words, many in (("visit-7", 1), (own, 0)):
        assert len(await names(office, search=words)) == many
        assert (await office.plugin.calculate_job_statistics(JobStatisticsDetails(search=words))).total == many


async def test_who_looks_at_many_jobs_takes_turns(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "BATCH", 1)
    await office.plugin.create_jobs("one", CreateJobOverrides(number_of_jobs=3))
    async with office.stage.store.turn:
        looking = asyncio.create_task(names(office, q="notes IS NULL"))
        await names(office, q="closed = 0", sort_fields=[])
        assert not looking.done()
    assert len(await looking) == 3


async def test_what_is_passed_is_bounded_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_PASSED", 2)
    await office.plugin.create_jobs("one", CreateJobOverrides(number_of_jobs=3))
    clause = "closed = 0 AND jobName = 'one'"
    for ask in (Query(q=clause), JobStatisticsDetails(q=clause)):
        name = "query_jobs" if isinstance(ask, Query) else "calculate_job_statistics"
        with pytest.raises(BadQuery, match="more than 2 jobs"):
            await getattr(office.plugin, name)(ask)


@pytest.mark.parametrize("beside", ["", " AND closed = 0"])
async def test_a_list_may_have_more_values_than_redis_is_asked_for(office: Office, beside: str) -> None:
    await office.job(job_name="n7")
    await office.job(job_name="other")
    listed = ", ".join(f"'n{number}'" for number in range(200))
    assert await names(office, q=f"jobName IN ({listed}){beside}") == ["n7"]
    counted = await office.plugin.calculate_job_statistics(JobStatisticsDetails(q=f"jobName IN ({listed}){beside}"))
    assert counted.total == 1


async def test_a_job_that_is_named_stands_where_it_was_made(office: Office) -> None:
    first = await office.job(job_name="Parent")
    for number in range(3):
        await office.job(job_name=f"Child {number}", parent_job=first)
    found = await office.plugin.query_jobs(Query(search=first, fields=["jobName"]))
    assert [row[0] for row in found.results] == ["Child 2", "Child 1", "Child 0", "Parent"]


async def test_jobs_of_others_and_deleted_ones_are_not_found(office: Office) -> None:
    other = JobsManager(office.stage.store, item="other")
    job_id = await office.job()
    await other.create_jobs("one")
    assert await names(office, q="closed = 0") == ["one"]
    await office.plugin.delete_jobs([job_id])
    assert await names(office, q="closed = 0") == []
    assert (await other.calculate_job_statistics()).total == 1


async def test_a_job_of_another_item_is_not_found_by_its_id_either(office: Office) -> None:
    job_id, other = await office.job(notes="a secret"), JobsManager(office.stage.store, item="other")
    assert (await office.plugin.query_jobs(Query(search=job_id))).results
    ways: list[dict[str, Any]] = [{"q": f"jobId = '{job_id}'"}, {"q": f"jobId IN ('{job_id}')"}, {"search": job_id}]
    for asked in ways:
        assert (await other.query_jobs(Query(**asked))).results == ()
        assert (await other.calculate_job_statistics(JobStatisticsDetails(**asked, group_by="notes"))).total == 0


async def test_what_was_kept_under_an_older_secret_is_found_and_changed(office: Office) -> None:
    new = Sealer(["a-newer-secret-of-some-length", "a-secret-of-some-length"])
    engine = Engine(office.stage.engine.redis, prefix="test", codec=new)
    store = Store(engine, new.digest, own=office.stage.templates, digests=new.digests)
    rotated, job_id = JobsManager(store, item=ITEM), await office.job(priority="Low")
    await rotated.create_jobs("one", CreateJobOverrides(priority="Low"))
    low = Query(q="priority = 'Low' AND closed = 0", fields=["jobId"])
    assert len((await rotated.query_jobs(low)).results) == 2
    await rotated.update_job(job_id, UpdateJobOverrides(priority="High"))
    assert (await rotated.calculate_job_statistics(JobStatisticsDetails(q="priority = 'Low'"))).total == 1
    assert (await rotated.calculate_job_statistics()).total == 2
    assert (await rotated.query_jobs(Query(q="priority = 'High'", fields=["jobId"]))).results == ((job_id,),)
