"""Lanes: jobs that run one after the other, in their order. On Redis, and on what `dev` runs on."""

from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import Cancel, Depend, Fail, Hold, Release, Retry, Succeed, Undepend, Unhold
from envoy_plugin.errors import DependencyCycle
from tests.engine.acting import MINUTE, begin, end, job, make, state_of, why_not
from tests.engine.clock import Clock
from tests.engine.picture import take_picture


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def line_up(engine: Engine, *ids: str, **facts: Any) -> None:
    """Jobs of one lane, each in a call of its own."""
    for job_id in ids:
        await make(engine, job_id, lane="door", **facts)


async def run_all(engine: Engine) -> str:
    """Run what can be run until nothing can; the ids in order."""
    ran = ""
    while held := await engine.claim("q", 1, who="w", lease=MINUTE):
        ran += held[0].id
        await engine.succeed(held[0])
    return ran


async def is_forgotten(engine: Engine) -> bool:
    """Whether nothing of the lane is left."""
    return "{test}:lane:door" not in await take_picture(engine.redis)


async def test_each_job_of_a_lane_waits_for_the_one_before(engine: Engine) -> None:
    await line_up(engine, "a", "b", "c")
    assert [(await find_job(engine, job_id)).gates.before for job_id in "abc"] == [None, "a", "b"]
    assert len(await engine.claim("q", 5, who="w", lease=MINUTE)) == 1

    await end(engine, "a")

    assert await run_all(engine) == "bc"
    assert await is_forgotten(engine)


async def test_a_lane_can_be_lined_up_and_served_in_one_call(engine: Engine) -> None:
    await engine.call([job(job_id, lane="door", skippable=True) for job_id in "abc"])

    assert await engine.call([Succeed(id=job_id) for job_id in "abc"]) == [State.SUCCEEDED] * 3

    assert await is_forgotten(engine)


async def test_two_lanes_do_not_wait_for_each_other(engine: Engine) -> None:
    await line_up(engine, "a", "b")
    await make(engine, "other", lane="gate")

    assert {held.id for held in await engine.claim("q", 5, who="w", lease=MINUTE)} == {"a", "other"}


async def test_a_lane_goes_across_queues(engine: Engine) -> None:
    await make(engine, "a", lane="door", queue="elsewhere")
    await line_up(engine, "b")
    assert await engine.claim("q", 5, who="w", lease=MINUTE) == []

    await end(engine, "a")

    assert await run_all(engine) == "b"


async def test_a_job_in_backoff_keeps_its_place(engine: Engine, clock: Clock) -> None:
    await line_up(engine, "a", "b", retries=1)
    await begin(engine, "a")

    await engine.run(Fail(id="a", reason="error", delay=MINUTE))
    assert await run_all(engine) == ""
    clock.move(MINUTE)

    assert await run_all(engine) == "ab"


@pytest.mark.parametrize("verb", [Release(id="a"), Release(id="a", delay=MINUTE), Hold(id="a", hold="desk")])
async def test_a_job_that_is_given_back_or_held_keeps_its_place(engine: Engine, verb: Release | Hold) -> None:
    await line_up(engine, "a", "b")
    await begin(engine, "a")

    await engine.run(verb)

    assert await state_of(engine, "b") is State.BLOCKED


async def test_a_lost_lease_keeps_its_place(engine: Engine, clock: Clock) -> None:
    await line_up(engine, "a", "b")
    await begin(engine, "a", lease=MINUTE)
    clock.move(MINUTE)

    await sweep(engine)

    assert await run_all(engine) == "ab"


@pytest.mark.parametrize("ends", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_however_the_one_before_ends_the_next_one_runs(engine: Engine, ends: State) -> None:
    await line_up(engine, "a", "b")

    await end(engine, "a", ends)

    assert await state_of(engine, "b") is State.AVAILABLE


@pytest.mark.parametrize(
    ("gone", "order"),
    [("a", "bcd"), ("b", "acd"), ("c", "abd"), ("d", "abc"), ("bc", "ad"), ("cb", "ad"), ("cd", "ab")],
)
async def test_the_neighbours_of_one_that_is_cancelled_while_it_waits_are_linked(
    engine: Engine, gone: str, order: str
) -> None:
    await line_up(engine, *"abcd")

    await engine.call([Cancel(id=job_id, reason="operator") for job_id in gone])
    await line_up(engine, "e")

    waiting = [found for found in order[1:] + "e" if await state_of(engine, found) is State.BLOCKED]
    assert "".join(waiting) == order[1:] + "e"
    assert await run_all(engine) == order + "e"


async def test_a_job_that_is_tried_again_joins_at_the_end(engine: Engine) -> None:
    await line_up(engine, "a", "b", "c")
    await end(engine, "a", State.FAILED)

    assert await engine.retry("a") == (State.BLOCKED, 2)

    assert (await find_job(engine, "a")).gates.before == "c"
    assert await run_all(engine) == "bca"


async def test_a_job_that_is_tried_again_in_an_empty_lane_is_its_first(engine: Engine) -> None:
    await line_up(engine, "a")
    await end(engine, "a", State.FAILED)

    assert await engine.retry("a") == (State.AVAILABLE, 2)
    await line_up(engine, "b")

    assert await run_all(engine) == "ab"


async def test_a_held_job_holds_up_those_behind_it(engine: Engine) -> None:
    await line_up(engine, "a", holds={"desk": None})
    await line_up(engine, "b")
    assert await run_all(engine) == ""

    await engine.run(Unhold(id="a", hold="desk"))

    assert await run_all(engine) == "ab"


async def test_undepend_does_not_touch_a_lane(engine: Engine) -> None:
    await line_up(engine, "a", "b")

    assert await why_not(engine, Undepend(id="b", upstream="a")) == "not_depending"


async def test_a_job_that_would_wait_behind_one_that_waits_for_it_is_not_tried_again(engine: Engine) -> None:
    await line_up(engine, "a", "b")
    await engine.run(Depend(id="b", upstream="a"))
    await end(engine, "a", State.FAILED)

    with pytest.raises(DependencyCycle) as refused:
        await engine.retry("a")

    assert refused.value.cycle == ("b", "a")
    await engine.call([Undepend(id="b", upstream="a"), Retry(id="a")])
    assert await run_all(engine) == "ba"


async def test_a_job_that_began_to_be_waited_for_by_what_it_waits_for_is_not_tried_again(engine: Engine) -> None:
    await make(engine, "up")
    await engine.call([job("j"), Depend(id="j", upstream="up"), Cancel(id="j", reason="operator")])
    await engine.run(Depend(id="up", upstream="j"))

    with pytest.raises(DependencyCycle) as refused:
        await engine.retry("j")

    assert refused.value.cycle == ("up", "j")


async def test_a_lane_leaves_nothing_when_its_jobs_are_forgotten(engine: Engine, clock: Clock) -> None:
    await line_up(engine, "a", "b", "c")
    await end(engine, "b", State.CANCELLED)
    await run_all(engine)
    clock.move(timedelta(days=8))

    await retire(engine, Keeping())

    left = {key.removeprefix(engine.keys.namespace) for key in await take_picture(engine.redis)}
    assert left <= {"queues", "wake:q"}
