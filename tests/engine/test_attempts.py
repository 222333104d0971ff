"""Reading many attempts at once, storing many blobs at once, and asking at once what many ask."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from envoy_plugin.engine.attempts import find_held, find_lives
from envoy_plugin.engine.blobs import store_blobs
from envoy_plugin.engine.clock import moment
from envoy_plugin.engine.engine import MOST_BLOB, Engine
from envoy_plugin.engine.gathering import Gathering
from envoy_plugin.engine.queries import find_log
from envoy_plugin.engine.retries import Backoff
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Delete, Enqueue, Fail, Note, Retry, Succeed
from envoy_plugin.errors import TooLarge
from tests.engine.clock import START, Clock

AT_ONCE = Backoff(base=timedelta(), factor=1, cap=timedelta())
SECOND = timedelta(seconds=1)


async def enqueue(engine: Engine, **facts: object) -> str:
    return (await engine.enqueue(Enqueue(queue="q", kind="k", payload=b"p", backoff=AT_ONCE, **facts))).id  # type: ignore[arg-type]  # any of Enqueue's


async def test_each_attempt_of_a_job_is_read_for_itself(engine: Engine, clock: Clock) -> None:
    job = await enqueue(engine, retries=2)
    for details in (b"first", b"second"):
        clock.move(SECOND)
        await engine.claim("q", 1, who="w", lease=None)
        clock.move(SECOND)
        await engine.run(Fail(id=job, reason="error", details=details))
    lives = await find_lives(engine, [(job, 3), (job, 1), (job, 2)])
    told = [(one.number, one.state, one.reason, one.details, one.retries_left, one.is_latest) for one in lives if one]
    assert told == [
        (3, State.AVAILABLE, None, None, 0, True),
        (1, State.FAILED, "error", b"first", 2, False),
        (2, State.FAILED, "error", b"second", 1, False),
    ]
    assert [(one.created, one.started, one.ended) for one in lives if one] == [
        (at(4), None, None), (at(0), at(1), at(2)), (at(2), at(3), at(4))]  # fmt: skip


def at(seconds: int) -> object:
    return moment(START + 1000 * seconds)


async def test_what_is_not_there_or_was_deleted_is_none(engine: Engine) -> None:
    job = await enqueue(engine)
    await engine.claim("q", 1, who="w", lease=None)
    await engine.run(Succeed(id=job))
    await engine.run(Retry(id=job))
    await engine.run(Delete(id=job, attempt=1))
    assert [life is None for life in await find_lives(engine, [(job, 1), (job, 2), (job, 3), ("no", 1)])] == [
        True, False, True, True]  # fmt: skip
    assert await find_lives(engine, []) == []


async def test_the_latest_that_was_deleted_is_none(engine: Engine) -> None:
    job = await enqueue(engine)
    for _ in range(2):
        await engine.claim("q", 1, who="w", lease=None)
        await engine.run(Succeed(id=job))
        await engine.run(Retry(id=job))
    await engine.cancel(job, reason="operator")
    await engine.run(Delete(id=job, attempt=3))
    latest, earlier = await find_lives(engine, [(job, 3), (job, 2)])
    assert (latest, earlier and earlier.state) == (None, State.SUCCEEDED)


async def test_what_is_no_longer_held_is_none(engine: Engine) -> None:
    jobs = [await enqueue(engine, retries=1) for _ in range(3)]
    held = await engine.claim("q", 3, who="w", lease=None)
    await engine.run(Fail(id=jobs[0], reason="error"))
    await engine.run(Succeed(id=jobs[1]))
    lives = await find_held(engine, held)
    assert [life and (life.job_id, life.payload) for life in lives] == [None, None, (jobs[2], b"p")]


async def test_many_blobs_are_stored_at_once(engine: Engine) -> None:
    job = await enqueue(engine)
    await engine.claim("q", 1, who="w", lease=None)
    first, second = await store_blobs(engine, [b"one", b"two"])
    await engine.run(Note(id=job, blob=second))
    assert (await find_log(engine, job, 1), first != second) == (b"two", True)
    assert 0 < await engine.redis.ttl(engine.keys.blob(first)) <= 3600


async def test_one_blob_too_large_means_that_none_is_stored(engine: Engine) -> None:
    with pytest.raises(TooLarge):
        await store_blobs(engine, [b"one", b"x" * (MOST_BLOB + 1)])
    assert await engine.redis.keys() == []


async def test_what_many_ask_at_once_is_one_question() -> None:
    asked: list[Sequence[int]] = []

    async def double(numbers: Sequence[int]) -> list[int]:
        asked.append(numbers)
        return [2 * number for number in numbers]

    gathering = Gathering(double)
    assert await asyncio.gather(*map(gathering.ask, range(100))) == list(range(0, 200, 2))
    assert [len(numbers) for numbers in asked] == [64, 36]


async def test_an_error_is_everybodys_and_who_has_left_is_not_waited_for() -> None:
    async def fail(_: Sequence[int]) -> list[int]:
        raise ValueError("as it should")

    gathering = Gathering(fail)
    first, second = [asyncio.create_task(gathering.ask(number)) for number in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(ValueError, match="as it should"):
        await second


async def test_who_has_left_gets_no_answer() -> None:
    over = asyncio.Event()

    async def echo(numbers: Sequence[int]) -> Sequence[int]:
        await over.wait()
        return numbers

    gathering = Gathering(echo)
    first, second = [asyncio.create_task(gathering.ask(number)) for number in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    over.set()
    assert await second == 1


async def test_a_server_that_has_forgotten_its_scripts_is_given_them(engine: Engine) -> None:
    job = await enqueue(engine)
    await find_lives(engine, [(job, 1)])
    await engine.redis.script_flush()
    [life] = await find_lives(engine, [(job, 1)])
    assert repr(life) == f"Life({job!r}, 1)"


@pytest.mark.parametrize(("tries", "seconds"), [(1, 1), (2, 2), (4, 8), (5, 10), (10**6, 10)])
def test_a_wait_grows_to_its_cap(tries: int, seconds: int) -> None:
    waited = Backoff(base=timedelta(seconds=1), factor=2, cap=timedelta(seconds=10)).wait(tries)
    assert seconds * 0.8 <= waited.total_seconds() <= seconds * 1.2
