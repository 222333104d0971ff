"""Queues that serve installs in turn. On Redis, and on what `dev` runs on."""

from typing import Any, Final

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Assign, Cancel, Claim, Enqueue, Fail, Pause, Release, Reschedule, Unpause, Verb
from tests.engine.acting import MINUTE, begin, end, job
from tests.engine.clock import Clock
from tests.engine.picture import take_picture

FAIR: Final = "events"
TURNS: Final = "{test}:turns:events"


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


def event(job_id: str, install: str, **facts: Any) -> Enqueue:
    return job(job_id, install=install, **{"queue": FAIR} | facts)


def claim(n: int = 1) -> Claim:
    return Claim(queue=FAIR, n=n, who="w", lease=MINUTE)


async def send(engine: Engine, install: str, *ids: str, **facts: Any) -> None:
    """Jobs of an install, in one call."""
    await engine.call([event(job_id, install, **facts) for job_id in ids])


async def served(engine: Engine, n: int) -> str:
    """The ids of the next `n`, in order."""
    return " ".join([held.id for held in await engine.run(claim(n))])


async def test_installs_are_served_in_turn(engine: Engine) -> None:
    await send(engine, "busy", "a1", "a2", "a3")
    await send(engine, "b", "b1", "b2")
    await send(engine, "c", "c1")

    assert await served(engine, 6) == "a1 b1 c1 a2 b2 a3"


async def test_one_busy_install_does_not_starve_another(engine: Engine) -> None:
    for first in range(0, 1000, 250):
        await send(engine, "busy", *(f"a{n:04}" for n in range(first, first + 250)))
    assert await served(engine, 3) == "a0000 a0001 a0002"

    await send(engine, "b", "b1", "b2")

    assert await served(engine, 5) == "a0003 b1 a0004 b2 a0005"


async def test_who_comes_late_waits_for_no_turns_that_are_over(engine: Engine) -> None:
    await send(engine, "a", *(f"a{n}" for n in range(9)))
    await served(engine, 5)

    await send(engine, "b", *(f"b{n}" for n in range(9)))

    assert await served(engine, 6) == "a5 b0 a6 b1 a7 b2"


async def test_turns_are_kept_one_claim_at_a_time(engine: Engine) -> None:
    await send(engine, "a", "a1", "a2", "a3")
    await send(engine, "b", "b1", "b2")

    assert [await served(engine, 1) for _ in range(5)] == ["a1", "b1", "a2", "b2", "a3"]


async def test_priorities_go_before_turns(engine: Engine) -> None:
    await send(engine, "a", "low", priority=1)
    await send(engine, "a", "a1", "a2", priority=8)
    await send(engine, "b", "b1", priority=8)

    assert await served(engine, 4) == "a1 b1 a2 low"


async def test_a_turn_in_one_priority_costs_none_in_another(engine: Engine) -> None:
    await send(engine, "a", *(f"h{n}" for n in range(5)), priority=8)
    await served(engine, 5)
    await send(engine, "a", "a1", priority=1)
    await send(engine, "b", "b1", "b2", priority=1)

    assert await served(engine, 3) == "a1 b1 b2"


async def test_other_queues_are_first_in_first_out(engine: Engine) -> None:
    await send(engine, "a", "a1", "a2", queue="q")
    await send(engine, "b", "b1", queue="q")

    assert [held.id for held in await engine.claim("q", 3, who="w", lease=MINUTE)] == ["a1", "a2", "b1"]


async def test_an_empty_queue_owes_nobody_a_turn(engine: Engine) -> None:
    await send(engine, "a", "a1", "a2", "a3")
    await served(engine, 3)
    assert TURNS in await take_picture(engine.redis)

    assert await served(engine, 1) == ""

    assert TURNS not in await take_picture(engine.redis)


@pytest.mark.parametrize(
    "verbs",
    [[claim(0)], [Pause(queue=FAIR, why=b"why"), claim()], [Cancel(id="a1", reason="operator"), claim()]],
    ids=["no jobs are asked for", "the queue is paused", "what was found is cancelled"],
)
async def test_turns_are_kept_while_anybody_waits(engine: Engine, verbs: list[Verb[Any]]) -> None:
    await send(engine, "a", "a1", "a2", "a3")
    await engine.call([*verbs, Unpause(queue=FAIR)])

    await send(engine, "a", "a4")

    assert (await served(engine, 4)).endswith("a2 a3 a4")


async def test_what_comes_in_the_call_that_found_the_queue_empty_goes_first(engine: Engine) -> None:
    await send(engine, "a", "a1", "a2", "a3")
    await served(engine, 3)

    await engine.call([claim(), event("first", "a")])
    await send(engine, "a", "second")

    assert await served(engine, 2) == "first second"


async def test_a_job_takes_its_turn_when_it_becomes_available_and_not_before(engine: Engine, clock: Clock) -> None:
    await send(engine, "a", "later", delay=MINUTE)
    await send(engine, "a", "a1", "a2")
    clock.move(MINUTE)

    assert await served(engine, 1) == "a1"
    assert await served(engine, 9) == "a2 later"


@pytest.mark.parametrize("verb", [Assign(id="a1", assignee="ada"), Reschedule(id="a1")])
async def test_what_is_available_keeps_its_turn_whatever_is_said_of_it(
    engine: Engine, verb: Assign | Reschedule
) -> None:
    await send(engine, "a", "a1", "a2")

    assert await engine.run(verb) is State.AVAILABLE

    assert await served(engine, 2) == "a1 a2"


async def test_what_is_given_back_or_tried_again_gets_a_new_turn(engine: Engine) -> None:
    await send(engine, "a", "a1", "a2", retries=1)
    await send(engine, "b", "b1")
    await served(engine, 2)

    await engine.call([Release(id="b1"), Fail(id="a1", reason="error")])

    assert await served(engine, 1) == "a2"


async def test_a_job_that_moves_into_the_queue_gets_a_turn_in_it(engine: Engine) -> None:
    await send(engine, "a", "a1", "a2", "a3")
    await send(engine, "b", "b1", queue="q")

    await engine.run(Assign(id="b1", queue=FAIR))

    assert await served(engine, 4) == "a1 b1 a2 a3"


async def test_a_job_that_moves_out_of_the_queue_goes_by_its_age(engine: Engine, clock: Clock) -> None:
    await engine.enqueue(job("old"))
    clock.move(MINUTE)
    await send(engine, "a", "a1", "a2")

    await engine.run(Assign(id="a2", queue="q"))

    for _ in range(2):
        claimed = await engine.claim("q", 2, who="w", lease=MINUTE)
        assert [held.id for held in claimed] == ["old", "a2"]
        await engine.call([Release.of(held) for held in claimed])


async def test_a_job_that_is_claimed_by_name_keeps_the_turns_of_the_others(engine: Engine) -> None:
    await send(engine, "a", "a1", "a2", "a3")
    await begin(engine, "a3")
    await end(engine, "a3")

    await send(engine, "b", "b1")

    assert await served(engine, 3) == "a1 b1 a2"
