"""Blobs: stored for an hour, kept by the verb that names them. On Redis, and on what `dev` runs on."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import MOST_BLOB, Engine
from envoy_plugin.engine.model import Codec
from envoy_plugin.engine.queries import find_blob, find_blobs, find_log
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire
from envoy_plugin.engine.verbs import Fail, Note, Succeed, Verb
from envoy_plugin.errors import CallRefused, TooLarge
from tests.engine.acting import begin, end, make, why_not
from tests.engine.clock import Clock
from tests.engine.conftest import PREFIX
from tests.engine.picture import take_picture

HOUR: Final = 3_600


@pytest.fixture(params=["redis_url", "memory_redis_url"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Both servers."""
    return str(request.getfixturevalue(request.param))


class Mirror(Codec):
    """Seals by writing backwards."""

    def seal(self, plain: bytes) -> bytes:
        return plain[::-1]

    def open(self, sealed: bytes) -> bytes:
        return sealed[::-1]


@pytest.fixture
async def sealing_engine(engine_url: str, clock: Clock) -> AsyncIterator[Engine]:
    """An engine whose bytes are sealed."""
    async with Redis.from_url(engine_url, protocol=2) as client:
        yield Engine(client, prefix=PREFIX, clock=clock, codec=Mirror())


async def running(engine: Engine, **facts: Any) -> None:
    """The job `j`, claimed."""
    await make(engine, "j", payload=b"{}", **facts)
    await begin(engine, "j")


async def ttl(engine: Engine, ref: str) -> int:
    """For how many seconds a blob is there; -1: for good, -2: no more."""
    return int(await engine.redis.ttl(engine.keys.blob(ref)))


async def test_a_stored_blob_that_nobody_keeps_goes_in_an_hour(engine: Engine) -> None:
    ref = await engine.store_blob(b"a log")

    assert HOUR - 60 < await ttl(engine, ref) <= HOUR


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        (lambda ref: Note(id="j", blob=ref), -1),
        (lambda ref: Succeed(id="j", log=ref), 24 * HOUR),
        (lambda ref: Fail(id="j", reason="error", log=ref), -1),
    ],
    ids=["note", "succeed", "fail"],
)
async def test_the_verb_that_names_a_blob_keeps_it_as_the_attempts_log(
    engine: Engine, named: Callable[[str], Verb[Any]], seconds: int
) -> None:
    await running(engine, retries=1)
    ref = await engine.store_blob(b"a log")

    await engine.run(named(ref))

    assert await find_log(engine, "j", 1) == b"a log"
    assert await ttl(engine, ref) == pytest.approx(seconds, abs=60 if seconds > 0 else 0)


async def test_a_blob_can_be_kept_under_a_name_of_its_own_and_dropped(engine: Engine) -> None:
    await running(engine)
    ref = await engine.store_blob(b"a picture")
    await engine.run(Note(id="j", blob=ref, blob_name="picture"))
    assert await find_blobs(engine, "j") == {"picture": ref}
    assert await find_blob(engine, "j", "picture") == b"a picture"

    await engine.run(Note(id="j", blob_name="picture"))

    assert (await find_blob(engine, "j", "picture"), await ttl(engine, ref)) == (None, -2)


async def test_a_blob_takes_the_place_of_the_one_before(engine: Engine) -> None:
    await running(engine)
    refs = [await engine.store_blob(content) for content in (b"half", b"whole")]

    for ref in refs:
        await engine.run(Note(id="j", blob=ref))

    assert await find_log(engine, "j", 1) == b"whole"
    assert [await ttl(engine, ref) for ref in refs] == [-2, -1]


async def test_a_blob_that_is_named_twice_stays(engine: Engine) -> None:
    await running(engine)
    ref = await engine.store_blob(b"a log")

    await engine.run(Note(id="j", blob=ref))
    await engine.call([Note(id="j", blob=ref), Note(id="j", blob=ref)])

    assert await find_log(engine, "j", 1) == b"a log"


@pytest.mark.parametrize("verb", [Note(id="j", blob="gone"), Succeed(id="j", log="gone")])
async def test_a_blob_that_is_gone_is_refused(engine: Engine, verb: Verb[Any]) -> None:
    await running(engine)

    assert await why_not(engine, verb) == "blob_gone"


async def test_after_a_refusal_a_blob_goes_as_if_nobody_had_named_it(engine: Engine) -> None:
    await running(engine)
    ref = await engine.store_blob(b"a log")

    with pytest.raises(CallRefused):
        await engine.call([Note(id="j", blob=ref), Succeed(id="nobody")])

    assert (await find_log(engine, "j", 1), 0 < await ttl(engine, ref) <= HOUR) == (None, True)


async def test_blobs_go_with_the_payload_and_come_back_with_a_retry(engine: Engine) -> None:
    await running(engine)
    ref = await engine.store_blob(b"a log")
    await engine.run(Succeed(id="j", log=ref))
    keys = [engine.keys.payload("j"), engine.keys.refs("j"), engine.keys.blob(ref)]
    assert [await engine.redis.ttl(key) > HOUR for key in keys] == [True] * 3

    await engine.retry("j")

    assert [await engine.redis.ttl(key) for key in keys] == [-1] * 3
    assert await find_log(engine, "j", 1) == b"a log"


async def test_the_blobs_of_a_job_are_forgotten_with_it(engine: Engine, clock: Clock) -> None:
    await running(engine)
    await engine.run(Note(id="j", blob=await engine.store_blob(b"a log")))
    await engine.run(Note(id="j", blob=await engine.store_blob(b"a picture"), blob_name="picture"))
    await end(engine, "j", State.FAILED)
    clock.move(timedelta(days=30))

    await retire(engine, Keeping())

    left = {key.removeprefix(engine.keys.namespace) for key in await take_picture(engine.redis)}
    assert left <= {"queues", "wake:q"}


async def test_a_blob_of_ten_mib_is_stored_and_one_more_byte_is_refused(engine: Engine) -> None:
    assert await ttl(engine, await engine.store_blob(bytes(MOST_BLOB))) > 0

    with pytest.raises(TooLarge) as refused:
        await engine.store_blob(bytes(MOST_BLOB + 1))

    assert (refused.value.size, refused.value.limit) == (MOST_BLOB + 1, MOST_BLOB)


async def test_blobs_are_sealed(sealing_engine: Engine) -> None:
    await running(sealing_engine)
    ref = await sealing_engine.store_blob(b"visitor")

    await sealing_engine.run(Note(id="j", blob=ref))

    assert await sealing_engine.redis.get(sealing_engine.keys.blob(ref)) == b"rotisiv"
    assert await find_log(sealing_engine, "j", 1) == b"visitor"
