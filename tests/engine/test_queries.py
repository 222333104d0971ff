"""Reading jobs. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import count_jobs, find_attempts, find_job, find_memo, find_record, list_jobs
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Cancel, Enqueue
from envoy_plugin.errors import JobNotFound
from tests.engine.clock import Clock
from tests.engine.picture import differences, take_picture

SECOND: Final = timedelta(seconds=1)


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def enqueue(engine: Engine, clock: Clock, *ids: str, queue: str = "q", delay: timedelta | None = None) -> None:
    """One job a second."""
    for job_id in ids:
        clock.move(SECOND)
        await engine.enqueue(Enqueue(id=job_id, queue=queue, kind="k", payload=b"{}", delay=delay, install="1001"))


async def test_a_job_that_there_is_not_is_not_found(engine: Engine) -> None:
    for question in (find_job(engine, "nobody"), find_record(engine, "nobody", 1)):
        with pytest.raises(JobNotFound) as refused:
            await question
        assert refused.value.job_id == "nobody"


async def test_a_job_shows_its_facts_and_its_history(engine: Engine, clock: Clock) -> None:
    await enqueue(engine, clock, "j")
    created = clock.after(timedelta())
    clock.move(SECOND)
    await engine.claim("q", 1, who="front desk", lease=SECOND)

    job = await find_job(engine, "j")

    assert (job.state, job.queue, job.kind, job.install, job.attempt, job.claim) == (
        *(State.RUNNING, "q", "k", "1001"),
        *(1, 1),
    )
    assert (job.created, job.started, job.changed, job.due) == (created, clock.after(timedelta()), job.started, None)
    assert [(row.event, row.detail) for row in job.history] == [("enqueued", None), ("claimed", "front_desk")]


async def test_a_record_has_the_bytes_of_the_attempt_that_is_named(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k", payload=b"{}", retries=1))
    for outcome in (b"first", b"second"):
        [job] = await engine.claim("q", 1, who="w", lease=SECOND)
        await engine.fail(job, reason="error", delay=timedelta(), outcome=outcome)

    records = [await find_record(engine, "j", attempt) for attempt in (1, 2, 3)]

    assert [(record.payload, record.outcome) for record in records] == [
        (b"{}", b"first"),
        (b"{}", b"second"),
        (b"{}", None),
    ]


async def test_attempts_before_the_latest_are_listed_in_order(engine: Engine, clock: Clock) -> None:
    await enqueue(engine, clock, "j")
    for _ in range(11):
        await engine.call([Cancel(id="j", reason="operator")])
        await engine.retry("j")

    attempts = await find_attempts(engine, "j")

    assert [attempt.number for attempt in attempts] == list(range(1, 12))
    assert {(attempt.state, attempt.reason, attempt.started) for attempt in attempts} == {
        (State.CANCELLED, "operator", None)
    }
    assert await find_attempts(engine, "nobody") == []


async def test_a_memo_is_found_by_its_name_in_any_attempt(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k", retries=1))
    [job] = await engine.claim("q", 1, who="w", lease=SECOND)
    await engine.note(job, b"A-17", memo="badge")
    await engine.fail(job, reason="error")

    assert await find_memo(engine, "j", "badge") == b"A-17"
    assert await find_memo(engine, "j", "other") is None


async def test_jobs_are_listed_newest_first(engine: Engine, clock: Clock) -> None:
    await enqueue(engine, clock, "a", "b", "c")
    await enqueue(engine, clock, "d", queue="other")
    clock.move(SECOND)
    await engine.cancel("a", reason="operator")

    assert [job.id for job in await list_jobs(engine)] == ["a", "d", "c", "b"]
    assert [job.id for job in await list_jobs(engine, limit=2)] == ["a", "d"]


async def test_jobs_are_listed_by_state(engine: Engine, clock: Clock) -> None:
    await enqueue(engine, clock, "a", "b")
    await enqueue(engine, clock, "later", delay=SECOND)
    await engine.cancel("a", reason="operator")

    assert [job.id for job in await list_jobs(engine, [State.SCHEDULED])] == ["later"]
    assert [job.id for job in await list_jobs(engine, [State.CANCELLED, State.AVAILABLE])] == ["a", "b"]
    assert await list_jobs(engine, [State.RUNNING]) == []


async def test_jobs_are_counted_in_each_state(engine: Engine, clock: Clock) -> None:
    await enqueue(engine, clock, "a", "b", "c")
    await enqueue(engine, clock, "d", queue="other")
    await engine.claim("q", 1, who="w", lease=SECOND)
    await engine.cancel("c", reason="operator")

    counts = await count_jobs(engine)

    assert counts == dict.fromkeys(State, 0) | {State.RUNNING: 1, State.AVAILABLE: 2, State.CANCELLED: 1}


async def test_reading_changes_nothing(engine: Engine, clock: Clock) -> None:
    await enqueue(engine, clock, "a", "b")
    before = await take_picture(engine.redis)

    await list_jobs(engine)
    await count_jobs(engine)
    await find_record(engine, "a", 1)

    assert differences(before, await take_picture(engine.redis)) == []
