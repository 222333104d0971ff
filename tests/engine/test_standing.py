"""How one job stands, read in one round trip. On Redis, and on what `dev` runs on."""

from datetime import timedelta

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.standing import find_holder_standing, find_standing
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Enqueue, Fail, Resume, Unique
from tests.engine.clock import Clock

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


async def enqueue(engine: Engine) -> None:
    """A job that holds a unique key, and has a retry."""
    await engine.enqueue(
        Enqueue(
            id="j",
            queue="thing:p",
            kind="k",
            payload=b"paper",
            unique=Unique(key="a:b", kept=True),
            retries=1,
        )
    )


async def test_a_job_stands_as_it_is_found_otherwise_with_what_was_said_of_it(engine: Engine, clock: Clock) -> None:
    await enqueue(engine)
    await engine.run(Resume(queue="thing:p", who="printer", lease=MINUTE, details=b"warm"))

    standing = await find_standing(engine, "j", payload=True)

    assert standing is not None
    assert standing.job == await find_job(engine, "j")
    assert (standing.job.state, standing.job.expires) == (State.RUNNING, clock.after(MINUTE))
    assert (standing.details, standing.payload, standing.at) == (b"warm", b"paper", clock.after(timedelta()))


async def test_it_is_found_by_the_unique_key_that_it_holds_and_without_a_payload_that_nobody_asked_for(
    engine: Engine,
) -> None:
    await enqueue(engine)

    standing = await find_holder_standing(engine, "a:b")

    assert standing is not None
    assert (standing.job.id, standing.payload, standing.details) == ("j", None, None)


async def test_what_was_said_of_an_earlier_attempt_is_not_said_of_the_latest(engine: Engine) -> None:
    await enqueue(engine)
    await engine.run(Resume(queue="thing:p", who="printer", details=b"warm"))
    await engine.call([Fail(id="j", reason="failed")])

    standing = await find_standing(engine, "j")

    assert standing is not None
    assert (standing.job.attempt, standing.details) == (2, None)


async def test_there_is_none_for_an_id_or_a_key_that_no_job_has(engine: Engine) -> None:
    await enqueue(engine)

    assert await find_standing(engine, "nobody") is None
    assert await find_holder_standing(engine, "a:c") is None


async def test_the_time_is_redis_own_where_tests_give_none(engine: Engine) -> None:
    own = Engine(engine.redis, prefix=engine.keys.prefix)
    await enqueue(own)

    standing = await find_standing(own, "j")

    assert standing is not None
    assert timedelta() <= standing.at - standing.job.created < MINUTE
