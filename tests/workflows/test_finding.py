"""Whatever is asked, the answer is what looking at each job by itself would give."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from envoy_plugin.engine import tagged
from envoy_plugin.errors import WorkflowError
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.index import ordering
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.models import JobStatisticsDetails, Query
from envoy_plugin.workflows.operating import finding
from tests.workflows.naive import Facts, Maker, facts_of, grouped, ordered
from tests.workflows.office import Office

COLUMNS = {"assigned_to": "assignedTo", "priority": "priority", "jobStatus": "jobStatus"}
MAY = datetime(2026, 5, 1, 8, tzinfo=UTC)
NAMES = ["Ada", "ada", "Jose\u0301", "Jos\u00e9", "O'Brien", "100%", "a_c", "Ünïcode badge", "red badge", "Straße"]
OVERRIDES: dict[str, list[Any]] = {
    "job_name": NAMES,
    "priority": ["High", "Medium", "Low", "7"],
    "notes": [None, None, "Bring the red badge", "it's\nlate", *NAMES],
    "description": [None, "%", "the red one", "a" * 50],
    "due_date": [None, MAY, MAY + timedelta(days=1), MAY.astimezone(None)],
    "owned_by": ["ada", "grace"],
    "job_status": ["Waiting", "Arrived"],
    "location": [None, Location.from_degrees(50, 8)],
}


async def a_job(office: Office, dice: Random, ids: list[str]) -> str:
    """A job of any kind; perhaps with an id of its own, or a parent."""
    facts = {name: dice.choice(values) for name, values in OVERRIDES.items() if dice.random() < 0.6}
    if dice.random() < 0.3:
        facts["job_id"] = f"visit-{len(ids)}"
    if ids and dice.random() < 0.3:
        facts["parent_job"] = dice.choice(ids)
    return await office.job(dice.choice(["visit", "one", "both"]), office.chief(dice.choice(["ada", "bob"])), **facts)


async def some_jobs(office: Office, dice: Random, many: int = 24) -> list[Facts]:
    """Jobs with which something was done; their facts, the newest first."""
    office.define("both", Step.manual("a", then=("b", "c")), Step.manual("b"), Step.manual("c", assigned="user:bob"))
    ids: list[str] = []
    for _ in range(many):
        ids.append(await a_job(office, dice, ids))
    jobs = office.plugin
    for _ in range(2 * many):
        job_id = dice.choice(ids)
        change: dict[str, Any] = dice.choice(
            [{"job_name": "Later"}, {"priority": "High", "notes": None}, {"parent_job": None}]
        )
        acts = [jobs.start_steps(job_id), jobs.close_jobs([job_id]), office.update(job_id, **change)]
        acts.append(jobs.assign_current_step(job_id, "grace", dice.choice(["User", "Group"])))
        act = acts.pop(dice.randrange(len(acts)))
        for other in acts:
            other.close()
        with suppress(WorkflowError):
            await act
    return [facts_of(await jobs.get_job(job_id)) for job_id in reversed(ids)]


def asked_of(maker: Maker) -> tuple[dict[str, Any], list[Facts]]:
    """What is asked, and what fits."""
    chance, clause, words = maker.dice.random(), maker.condition(), maker.search()
    asked = {"q": clause.text} if chance < 0.6 else {"search": words.text}
    asked |= {"search": words.text} if chance < 0.15 else {}
    truths = [one.truth for one in (clause, words) if one.text in asked.values()]
    return asked, [facts for facts in maker.facts if all(truth(facts) is True for truth in truths)]


async def pages(office: Office, **asked: Any) -> list[str]:
    """The ids on all pages, one after the other."""
    found: list[str] = []
    start = 0
    while start >= 0:
        result = await office.plugin.query_jobs(Query(fields=["jobId"], start=start, **asked))
        found += [row[0] for row in result.results]
        start = result.next_start
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_found_is_what_each_job_by_itself_says(
    office: Office, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = Random(seed)
    for owner, name, value in ((tagged, "MOST_PASSED", 1), (finding, "BATCH", 3), (ordering, "ROOM", 2)):
        if dice.random() < 0.7:
            monkeypatch.setattr(owner, name, value)
    maker = Maker(dice, await some_jobs(office, dice))
    for _ in range(40):
        asked, fits = asked_of(maker)
        order = maker.order()
        expected = [facts["jobId"][0] for facts in ordered(fits, order)]
        found = await pages(office, **asked, sort_fields=order, num=dice.choice([1, 3, 7, 50]))
        assert found == expected, (asked, order)
        await check_statistics(office, dice, asked, fits)


async def check_statistics(office: Office, dice: Random, asked: dict[str, Any], fits: list[Facts]) -> None:
    """Counts are of what was found."""
    count, field = office.plugin.calculate_job_statistics, dice.choice(["assigned_to", "priority", "jobStatus"])
    assert (await count(JobStatisticsDetails(**asked))).total == len(fits), asked
    told = await count(JobStatisticsDetails(**asked, group_by=field))
    values = {one.value: one.count for one in told.grouped_values or ()}
    assert (told.total, values) == (len(fits), grouped(fits, COLUMNS[field])), asked
