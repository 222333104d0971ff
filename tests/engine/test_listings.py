"""Lists of jobs: what is in them, their order, their pages, and what a page costs."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, Page, count_listed, every_job, find_jobs
from envoy_plugin.engine.queries import count_jobs, list_jobs
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Assign, Cancel, Enqueue, Listing, Retire
from envoy_plugin.errors import BadCursor
from tests.engine.clock import Clock

ALL: Final = (Listing.QUEUE, Listing.KIND, Listing.INSTALL)


async def fill(engine: Engine, n: int, **facts: Any) -> list[str]:
    """The ids of `n` jobs, the newest first."""
    listed = {"queue": "q", "kind": "k", "listed": ALL, **facts}
    answers = await engine.call([Enqueue(**listed) for _ in range(n)])
    return [made.id for made in reversed(answers)]


async def read_all(engine: Engine, wanted: Filter, limit: int) -> list[str]:
    """The ids of every page, in order."""
    pages: list[Page] = [await find_jobs(engine, wanted, limit=limit)]
    while pages[-1].cursor is not None:
        pages.append(await find_jobs(engine, wanted, cursor=pages[-1].cursor, limit=limit))
    return [job.id for page in pages for job in page.jobs]


@pytest.mark.parametrize("fact", [{"queue": "q"}, {"kind": "k"}, {"install": "a"}])
async def test_a_list_by_a_fact_has_every_job_once_and_the_newest_first(engine: Engine, fact: dict[str, Any]) -> None:
    mine = await fill(engine, 25, install="a")
    await fill(engine, 5, queue="other", kind="other", install="b")
    assert await read_all(engine, Filter(**fact), 7) == mine


async def test_the_children_of_an_envelope_are_listed_by_it(engine: Engine) -> None:
    envelope = await engine.enqueue(Enqueue(queue="-", kind="fleet", envelope=True))
    children = await fill(engine, 3, parent=envelope.id, listed=(Listing.PARENT,))
    assert await read_all(engine, Filter(parent=envelope.id), 2) == children


async def test_a_page_goes_on_where_the_last_one_ended_though_jobs_come_and_change(engine: Engine) -> None:
    ids = await fill(engine, 6)
    first = await find_jobs(engine, Filter(queue="q"), limit=3)
    await fill(engine, 4)
    await engine.cancel(ids[4], reason="operator")
    rest = await find_jobs(engine, Filter(queue="q"), cursor=first.cursor)
    assert [job.id for job in (*first.jobs, *rest.jobs)] == ids


async def test_states_and_further_facts_narrow_a_list(engine: Engine) -> None:
    a, *_ = await fill(engine, 3, kind="a")
    await fill(engine, 3, kind="b")
    await engine.cancel(a, reason="operator")
    wanted = Filter(queue="q", kind="a", states=frozenset({State.CANCELLED, State.RUNNING}))
    assert await read_all(engine, wanted, 2) == [a]


async def test_a_list_by_time_has_what_was_made_then(engine: Engine) -> None:
    ids = await fill(engine, 3)
    [job] = (await find_jobs(engine, Filter(queue="q"), limit=1)).jobs
    later = job.made + timedelta(milliseconds=1)
    assert await read_all(engine, Filter(queue="q", created_before=later), 50) == ids
    assert await read_all(engine, Filter(queue="q", created_after=later), 50) == []
    assert await read_all(engine, Filter(kind="k", queue="q", created_before=job.made - timedelta(days=1)), 50) == []


async def test_without_a_fact_jobs_come_state_by_state(engine: Engine) -> None:
    ids = await fill(engine, 9, listed=())
    late = await fill(engine, 2, listed=(), delay=timedelta(hours=1))
    for job_id in ids[:4]:
        await engine.cancel(job_id, reason="operator")
    assert sorted(await read_all(engine, Filter(), 2)) == sorted(ids + late)
    assert await read_all(engine, Filter(states=frozenset({State.SCHEDULED})), 1) == late


async def test_jobs_of_one_moment_are_paged_through_in_order(engine: Engine) -> None:
    ids = await fill(engine, 20, listed=())
    await engine.call([Cancel(id=job_id, reason="operator") for job_id in ids])
    assert await read_all(engine, Filter(states=frozenset({State.CANCELLED})), 3) == ids


@pytest.mark.parametrize("cursor", ["", "x", "i:", "s:failed", "s:failed 1 a", "s:nowhere 1 a"])
@pytest.mark.parametrize("wanted", [Filter(queue="q"), Filter(states=frozenset({State.CANCELLED}))])
async def test_a_cursor_of_another_list_is_refused(engine: Engine, wanted: Filter, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await find_jobs(engine, wanted, cursor=cursor)


async def test_a_page_looks_at_a_bounded_number_of_jobs(engine: Engine) -> None:
    for _ in range(5):
        await fill(engine, 250)
    [wanted] = await fill(engine, 1, queue="q", kind="rare", listed=(Listing.QUEUE,), id="a000000000000000")
    page = await find_jobs(engine, Filter(queue="q", kind="rare"))
    assert (page.jobs, page.cursor is not None) == ((), True)
    assert [job.id async for job in every_job(engine, Filter(queue="q", kind="rare"))] == [wanted]


async def test_everywhere_has_jobs_too_that_arent_listed_by_the_fact(engine: Engine) -> None:
    mine = await fill(engine, 5, install="a", listed=())
    await fill(engine, 150, install="b", listed=())
    await engine.cancel(mine[0], reason="operator")
    wanted = Filter(install="a", queue="q", everywhere=True)
    assert await read_all(engine, Filter(install="a"), 2) == []
    assert sorted(await read_all(engine, wanted, 2)) == sorted(mine)


async def test_counts_follow_states_and_queues(engine: Engine) -> None:
    ids = await fill(engine, 4)
    await engine.cancel(ids[0], reason="operator")
    await engine.run(Assign(id=ids[1], queue="user:ada"))
    counts = await count_listed(engine, Listing.QUEUE, "q")
    assert (counts[State.AVAILABLE], counts[State.CANCELLED]) == (2, 1)
    assert (await count_listed(engine, Listing.QUEUE, "user:ada"))[State.AVAILABLE] == 1


async def test_what_is_forgotten_leaves_its_lists(engine: Engine, clock: Clock) -> None:
    for job_id in await fill(engine, 3):
        await engine.cancel(job_id, reason="operator")
    clock.move(timedelta(days=8))
    await engine.run(Retire(state=State.CANCELLED, age=timedelta(days=7), most=100, limit=100))
    assert await read_all(engine, Filter(queue="q"), 5) == []
    assert [key async for key in engine.redis.scan_iter("*by:*")] == []


async def cost(redis: Redis, question: Callable[[], Awaitable[object]]) -> tuple[dict[str, int], int]:
    """How often Redis ran each command for an answer, and of how many bytes its replies were."""
    await redis.config_resetstat()
    await question()
    sent = int((await redis.info("stats"))["total_net_output_bytes"])
    stats = await redis.info("commandstats")
    ran = {name.removeprefix("cmdstat_"): facts["calls"] for name, facts in stats.items()}
    return {name: calls for name, calls in ran.items() if not name.startswith(("config", "info"))}, sent


@pytest.mark.parametrize(
    "backlogs", [(1_000, 9_000), pytest.param((1_000, 100_000), marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
)
async def test_an_answer_costs_the_same_whatever_the_backlog(
    engine: Engine, redis: Redis, backlogs: tuple[int, int]
) -> None:
    available = frozenset({State.AVAILABLE})
    questions: list[Callable[[], Awaitable[object]]] = [
        lambda: find_jobs(engine, Filter(queue="q", states=available), limit=20),
        lambda: find_jobs(engine, Filter(states=available), limit=20),
        lambda: list_jobs(engine, limit=20),
        lambda: count_listed(engine, Listing.QUEUE, "q"),
        lambda: count_jobs(engine),
    ]
    costs = []
    for backlog in backlogs:
        for _ in range(backlog // 250):
            await fill(engine, 250)
        costs.append([await cost(redis, question) for question in questions])
    for (ran, sent), (ran_later, sent_later) in zip(*costs, strict=True):
        assert ran == ran_later
        assert abs(sent - sent_later) < 100
    assert all(ran for ran, _ in costs[0])
