"""Leases and limits of steps, and retries by reason. On Redis, and on what `dev` runs on."""

from datetime import timedelta

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.retries import Backoff
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.engine.verbs import NO_LEASE, Fail, Release, Touch
from tests.engine.acting import MINUTE, begin, make, state_of
from tests.engine.clock import Clock

AT_ONCE = Backoff(base=timedelta(), factor=1, cap=timedelta())


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def test_a_step_timer_ends_an_attempt_and_a_limit_ends_it_all_the_same(engine: Engine, clock: Clock) -> None:
    await make(engine, "a", "b", fails_on_lost_lease=True, limit=2 * MINUTE)
    await begin(engine, "a", lease=MINUTE)
    await begin(engine, "b", lease=9 * MINUTE)
    clock.move(MINUTE)
    await sweep(engine)
    assert (await state_of(engine, "a"), await state_of(engine, "b")) == (State.FAILED, State.RUNNING)

    clock.move(MINUTE)
    await sweep(engine)

    assert [(await find_job(engine, job_id)).reason for job_id in "ab"] == ["timeout", "timeout"]


async def test_a_step_timer_can_be_taken_away_and_the_limit_stays(engine: Engine, clock: Clock) -> None:
    await make(engine, "a", limit=2 * MINUTE, fails_on_lost_lease=True)
    await begin(engine, "a", lease=MINUTE)
    ends = clock.after(2 * MINUTE)

    await engine.run(Touch(id="a", lease=NO_LEASE))

    assert (await find_job(engine, "a")).expires == ends


async def test_a_limit_counts_from_each_claim(engine: Engine, clock: Clock) -> None:
    await make(engine, "a", limit=2 * MINUTE)
    await begin(engine, "a")
    clock.move(MINUTE)

    await engine.run(Release(id="a"))
    await begin(engine, "a")

    assert (await find_job(engine, "a")).expires == clock.after(2 * MINUTE)


@pytest.mark.parametrize(("reason", "tries"), [("timeout", 3), ("bad_exit", 2), ("killed", 1), ("rejected", 1)])
async def test_retries_can_be_counted_by_reason(engine: Engine, reason: str, tries: int) -> None:
    await make(engine, "a", retries={"timeout": 2, "killed": 0, "*": 1}, backoff=AT_ONCE)
    for _ in range(tries):
        await begin(engine, "a")
        await engine.run(Fail(id="a", reason=reason))

    ended = await find_job(engine, "a")
    assert (ended.state, ended.attempt, ended.retries_left) == (State.FAILED, tries, -1)


async def test_a_backoff_whose_factor_is_one_is_exact(engine: Engine, clock: Clock) -> None:
    await make(engine, "a", retries=2, backoff=Backoff(base=MINUTE, factor=1, cap=MINUTE))
    await begin(engine, "a")

    await engine.run(Fail(id="a", reason="error"))

    assert (await find_job(engine, "a")).due == clock.after(MINUTE)


async def test_a_retry_sets_how_often_the_reasons_without_a_number_are_tried(engine: Engine) -> None:
    await make(engine, "a", retries={"killed": 0, "*": 0}, backoff=AT_ONCE)
    await begin(engine, "a")
    await engine.run(Fail(id="a", reason="killed"))

    await engine.retry("a", retries=1)
    for expected in (State.AVAILABLE, State.FAILED):
        await begin(engine, "a")
        assert await engine.run(Fail(id="a", reason="bad_exit")) is expected


async def test_crashes_are_counted_from_the_beginning_of_an_attempt(engine: Engine, clock: Clock) -> None:
    await make(engine, "a", retries=1, backoff=AT_ONCE)
    await begin(engine, "a", lease=MINUTE)
    clock.move(MINUTE)
    await sweep(engine)
    assert (await find_job(engine, "a")).crashes == 1

    await begin(engine, "a")
    await engine.run(Fail(id="a", reason="error"))

    assert (await find_job(engine, "a")).crashes == 0
