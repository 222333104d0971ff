"""Paused queues. On Redis, and on what `dev` runs on."""

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_pauses
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Claim, ClaimJob, Pause, Resume, Succeed, Touch, Unpause
from tests.engine.acting import MINUTE, begin, job, make, state_of, why_not
from tests.engine.picture import differences, take_picture

PAUSE = Pause(queue="q", why=b"Fire drill, says Ada")
UNPAUSE = Unpause(queue="q")
CLAIM = Claim(queue="q", n=5, who="w", lease=MINUTE)


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def test_a_paused_queue_answers_no_claim_and_nothing_changes(engine: Engine) -> None:
    await make(engine, "j")
    await engine.run(PAUSE)
    before = await take_picture(engine.redis)

    assert await engine.run(CLAIM) == []

    assert differences(before, await take_picture(engine.redis)) == []


async def test_a_job_of_a_paused_queue_cannot_be_claimed_by_name(engine: Engine) -> None:
    await make(engine, "j")
    await engine.run(PAUSE)

    assert await why_not(engine, ClaimJob(id="j", who="w")) == "paused"

    assert await state_of(engine, "j") is State.AVAILABLE


async def test_a_paused_queue_takes_new_jobs_and_lets_what_runs_go_on(engine: Engine) -> None:
    await make(engine, "j")
    held = await begin(engine, "j", lease=MINUTE)
    await engine.run(PAUSE)

    assert (await engine.enqueue(job("new"))).state == State.AVAILABLE
    assert await engine.run(Touch.of(held, lease=MINUTE)) is State.RUNNING
    assert await engine.run(Succeed.of(held)) is State.SUCCEEDED


async def test_a_paused_queue_hands_out_what_runs_again_and_begins_nothing(engine: Engine) -> None:
    await make(engine, "a", "b", queue="thing:door")
    await begin(engine, "a")
    await engine.run(Pause(queue="thing:door", why=b""))
    resume = Resume(queue="thing:door", who="door")

    assert [held.id for held in await engine.run(resume)] == ["a"]
    assert (await engine.call([Succeed(id="a"), resume]))[1] == []


async def test_another_queue_goes_on(engine: Engine) -> None:
    await make(engine, "j", queue="other")
    await engine.run(PAUSE)

    assert len(await engine.claim("other", 1, who="w", lease=MINUTE)) == 1


async def test_a_queue_that_is_unpaused_is_claimed_from_and_wakes_who_waits(engine: Engine) -> None:
    await make(engine, "j")
    await engine.run(PAUSE)
    await engine.redis.delete(engine.keys.wake("q"))
    await engine.run(CLAIM)
    assert not await engine.redis.exists(engine.keys.wake("q"))

    await engine.run(UNPAUSE)

    assert await engine.redis.lrange(engine.keys.wake("q"), 0, -1) == [b"1"]
    assert [held.id for held in await engine.run(CLAIM)] == ["j"]


async def test_a_full_claim_of_a_paused_queue_wakes_nobody(engine: Engine) -> None:
    await make(engine, "a", "b")
    await engine.run(PAUSE)
    await engine.redis.delete(engine.keys.wake("q"))

    await engine.claim("q", 1, who="w", lease=MINUTE)

    assert not await engine.redis.exists(engine.keys.wake("q"))


async def test_pausing_and_unpausing_say_whether_that_is_news(engine: Engine) -> None:
    assert [await engine.run(verb) for verb in (UNPAUSE, PAUSE, PAUSE, UNPAUSE, UNPAUSE)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert await engine.call([UNPAUSE, PAUSE, PAUSE, UNPAUSE, UNPAUSE]) == [False, True, False, True, False]


async def test_who_paused_a_queue_can_be_read_until_it_is_unpaused(engine: Engine) -> None:
    await engine.run(PAUSE)
    assert await find_pauses(engine, ["q", "other"]) == {"q": b"Fire drill, says Ada"}

    await engine.run(UNPAUSE)

    assert await find_pauses(engine, ["q", "other"]) == {}


async def test_a_claim_sees_what_its_call_has_paused(engine: Engine) -> None:
    await make(engine, "a")

    assert (await engine.call([PAUSE, CLAIM]))[1] == []
    assert [held.id for held in (await engine.call([UNPAUSE, CLAIM]))[1]] == ["a"]


async def test_unpausing_what_is_not_paused_leaves_nothing(engine: Engine) -> None:
    await engine.run(UNPAUSE)

    assert await take_picture(engine.redis) == {}
