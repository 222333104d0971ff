"""Verbs of one turn of the loop are one call, and each is answered for itself."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.batching import MOST_AT_ONCE, Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import count_jobs
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Cancel, Claim, Enqueue
from envoy_plugin.errors import JobNotFound, WrongState
from envoy_plugin.settings import TlsVerify
from tests.engine.waiting_for import until
from tests.redis_server import free_port

MINUTE: Final = timedelta(minutes=1)


async def calls_made(redis: Redis) -> int:
    """How many scripts have been run on this server."""
    stats: dict[str, Any] = await redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval"))


async def test_each_is_answered_its_own_refusal(engine: Engine) -> None:
    await engine.enqueue(Enqueue(id="j", queue="q", kind="k"))
    batcher = Batcher(engine)
    cancels = [batcher.run(Cancel(id=job_id, reason="operator")) for job_id in ("nobody", "j", "j")]

    first, second, third = await asyncio.gather(*cancels, return_exceptions=True)

    assert isinstance(first, JobNotFound)
    assert second is State.CANCELLED
    assert isinstance(third, WrongState)


async def test_what_is_asked_in_one_turn_is_one_call(engine: Engine, redis: Redis) -> None:
    batcher = Batcher(engine)
    await batcher.run(Enqueue(queue="q", kind="k"))
    before = await calls_made(redis)

    await asyncio.gather(*(batcher.run(Enqueue(queue="q", kind="k")) for _ in range(MOST_AT_ONCE)))

    assert await calls_made(redis) == before + 1


async def test_more_than_fit_in_two_calls_wait_for_a_third(engine: Engine, redis: Redis) -> None:
    batcher = Batcher(engine)
    await batcher.run(Enqueue(queue="q", kind="k"))
    before = await calls_made(redis)

    await asyncio.gather(*(batcher.run(Enqueue(queue="q", kind="k")) for _ in range(MOST_AT_ONCE * 3)))

    assert await calls_made(redis) == before + 3
    assert (await count_jobs(engine))[State.AVAILABLE] == MOST_AT_ONCE * 3 + 1


async def test_an_enqueue_and_a_claim_of_one_turn_hand_over_the_payload(engine: Engine) -> None:
    batcher = Batcher(engine)

    _, [job] = await asyncio.gather(
        batcher.run(Enqueue(queue="q", kind="k", payload=b"{}")),
        batcher.run(Claim(queue="q", n=1, who="w", lease=MINUTE)),
    )

    assert job.payload == b"{}"


async def test_a_connection_that_fails_is_an_error_for_every_waiter() -> None:
    async with connect_redis(f"redis://127.0.0.1:{free_port()}/0", tls_verify=TlsVerify.AUTO, retries=0) as redis:
        batcher = Batcher(Engine(redis, prefix="test"))

        answers = await asyncio.gather(
            *(batcher.run(Enqueue(queue="q", kind="k")) for _ in range(3)), return_exceptions=True
        )

    assert [isinstance(answer, RedisConnectionError) for answer in answers] == [True] * 3


async def test_a_batcher_goes_on_after_an_error(engine: Engine) -> None:
    batcher = Batcher(engine)
    await engine.redis.set(engine.keys.job("j"), "no hash")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await batcher.run(Cancel(id="j", reason="operator"))

    assert (await batcher.run(Enqueue(queue="q", kind="k"))).created


async def test_a_waiter_that_gives_up_disturbs_nobody(engine: Engine) -> None:
    batcher = Batcher(engine)
    given_up, waiting = (asyncio.create_task(batcher.run(Enqueue(queue="q", kind="k"))) for _ in range(2))
    given_up.get_loop().call_soon(given_up.cancel)

    assert (await waiting).created

    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert (await count_jobs(engine))[State.AVAILABLE] == 2


async def test_who_has_a_limit_waits_no_longer_and_its_verb_may_be_done_all_the_same(
    engine: Engine, redis: Redis
) -> None:
    batcher = Batcher(engine)
    await batcher.run(Enqueue(queue="q", kind="k"), limit=MINUTE)
    await redis.client_pause(300)

    with pytest.raises(TimeoutError):
        await batcher.run(Enqueue(queue="q", kind="k"), limit=timedelta(milliseconds=1))

    await batcher.run(Enqueue(queue="q", kind="k"), limit=MINUTE)
    assert (await count_jobs(engine))[State.AVAILABLE] == 3


async def test_what_exceeds_its_limit_before_it_was_sent_is_not_sent(engine: Engine, redis: Redis) -> None:
    batcher = Batcher(engine)
    await batcher.run(Enqueue(queue="q", kind="k"))
    await redis.client_pause(300)
    under_way = [asyncio.create_task(batcher.run(Enqueue(queue="q", kind="k"))) for _ in range(MOST_AT_ONCE * 2)]
    await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await batcher.run(Enqueue(queue="q", kind="k"), limit=timedelta(milliseconds=1))

    await asyncio.gather(*under_way)
    assert (await count_jobs(engine))[State.AVAILABLE] == 1 + MOST_AT_ONCE * 2


async def test_a_call_that_is_cancelled_ends_the_wait_of_its_waiters(engine: Engine, redis: Redis) -> None:
    batcher = Batcher(engine)
    await batcher.run(Enqueue(queue="q", kind="k"))
    await redis.client_pause(300)
    others = asyncio.all_tasks()
    waiting = asyncio.create_task(batcher.run(Enqueue(queue="q", kind="k")))

    async def flying() -> bool:
        return len(asyncio.all_tasks() - others - {waiting}) == 1

    await until(flying)
    [flight] = asyncio.all_tasks() - others - {waiting}
    flight.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
