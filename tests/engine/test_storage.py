"""What is kept in Redis, under which names and in which form; and what a server that forgets its scripts means."""

from datetime import timedelta
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from envoy_plugin.connection import connect_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.ids import Ids
from envoy_plugin.engine.keys import SCHEMA
from envoy_plugin.engine.queries import find_attempts, find_job
from envoy_plugin.engine.retries import REPORT_DEBT, Backoff
from envoy_plugin.engine.states import State
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import MOST_PAYLOAD, Claim, Enqueue, Note, Release, Unique
from envoy_plugin.errors import SchemaTooNew, TooLarge
from envoy_plugin.settings import TlsVerify
from tests.engine.clock import Clock
from tests.engine.picture import take_picture
from tests.redis_server import RedisServers

MINUTE: Final = timedelta(minutes=1)
COMPACT: Final = {b"listpack", b"ziplist"}  # the second is the first before Redis 7
LONGEST_NAME: Final = "n" * 64
LONGEST_ID: Final = "i" * 29
LONGEST_REASON: Final = "r" * 20
LONGEST_WHO: Final = "w" * 28
"""The lengths in bytes up to which a job's hash stays compact; a reason has no spaces."""


async def live(engine: Engine, clock: Clock) -> None:
    """A life with everything in it: attempts, notes, bytes, a key, a report, a sweep."""
    job = Enqueue(queue="q", kind="k", payload=b"{}", retries=1, unique=Unique(key="key", kept=True), owes=REPORT_DEBT)
    await engine.enqueue(job)
    for _ in range(2):
        [held] = await engine.claim("q", 1, who="w", lease=MINUTE)
        await engine.note(held, b"half", memo="step")
        await engine.fail(held, reason="error", delay=timedelta(), outcome=b"no")
    await engine.enqueue(Enqueue(queue="later", kind="k", delay=MINUTE))
    clock.move(MINUTE)
    await sweep(engine)
    await retire(engine, Keeping())
    await engine.check_schema()


async def test_every_key_is_under_the_hash_tag(engine: Engine, clock: Clock) -> None:
    await live(engine, clock)

    assert [key for key in await take_picture(engine.redis) if not key.startswith("{test}:")] == []


async def test_no_command_of_a_script_leaves_the_hash_tag(engine: Engine, clock: Clock, redis: Redis) -> None:
    seen = set()
    async with redis.monitor() as monitor:
        await live(engine, clock)
        await redis.echo("over")
        async for command in monitor.listen():
            words = command["command"].split(" ")
            if words[0].upper() == "ECHO":
                break
            seen |= {words[1]} if command["client_type"] == "lua" and len(words) > 1 else set()

    assert len(seen) > 10
    assert [key for key in seen if not key.startswith("{test}:")] == []


async def test_a_server_that_forgot_the_scripts_is_given_them(engine: Engine) -> None:
    await engine.enqueue(Enqueue(queue="q", kind="k"))

    await engine.redis.script_flush()

    assert len(await engine.claim("q", 5, who="w", lease=MINUTE)) == 1


async def test_a_server_that_was_started_again_goes_on(redis_server: RedisServers) -> None:
    server = redis_server(appendonly="yes", appendfsync="always")
    async with connect_redis(server.url, tls_verify=TlsVerify.AUTO) as redis:
        engine = Engine(redis, prefix="test")
        made = await engine.enqueue(Enqueue(queue="q", kind="k", payload=b"{}"))

        server.kill()
        server.start()

        [job] = await engine.claim("q", 5, who="w", lease=MINUTE)
        assert (job.id, job.payload) == (made.id, b"{}")


async def test_the_clock_is_that_of_redis(redis: Redis) -> None:
    engine = Engine(redis, prefix="test")
    made = await engine.enqueue(Enqueue(queue="q", kind="k"))

    seconds, _ = await redis.time()

    assert abs((await find_job(engine, made.id)).created.timestamp() - seconds) < 60


async def test_the_number_of_the_layout_is_written_once(engine: Engine) -> None:
    await engine.check_schema()
    await engine.check_schema()

    assert await engine.redis.get("{test}:schema") == b"%d" % SCHEMA


async def test_keys_of_a_newer_release_are_refused(engine: Engine) -> None:
    await engine.redis.set("{test}:schema", SCHEMA + 1)

    with pytest.raises(SchemaTooNew) as refused:
        await engine.check_schema()

    assert (refused.value.found, refused.value.known) == (SCHEMA + 1, SCHEMA)
    assert await engine.redis.get("{test}:schema") == b"%d" % (SCHEMA + 1)


async def go_round(engine: Engine, clock: Clock, times: int) -> None:
    """Claim and give back, which leaves two rows each time."""
    for _ in range(times):
        clock.move(timedelta(seconds=1))
        [job] = await engine.claim("q", 1, who="w", lease=MINUTE)
        await engine.release(job)


async def test_a_history_keeps_its_last_hundred_rows_and_the_job_its_beginning(engine: Engine, clock: Clock) -> None:
    begin = clock.after(timedelta())
    made = await engine.enqueue(Enqueue(queue="q", kind="k"))

    await go_round(engine, clock, 60)

    job = await find_job(engine, made.id)
    assert (job.version, len(job.history), job.history[-1].event) == (121, 100, "released")
    assert job.created == begin < job.history[0].at


async def test_notes_leave_one_row_an_attempt_however_many_they_are(engine: Engine) -> None:
    made = await engine.enqueue(Enqueue(queue="q", kind="k"))
    await engine.claim("q", 1, who="w", lease=MINUTE)

    await engine.call([Note(id=made.id, content=b"%d" % n) for n in range(150)])

    job = await find_job(engine, made.id)
    assert (job.version, [row.event for row in job.history]) == (152, ["noted"])


def largest() -> Enqueue:
    """A job with every fact, each name as long as it may be."""
    return Enqueue(
        id=LONGEST_ID,
        queue="q" * 64,
        kind=LONGEST_NAME,
        install=LONGEST_NAME,
        delay=MINUTE,
        retries=20,
        backoff=Backoff(base=timedelta(hours=1), factor=1.25, cap=timedelta(days=300)),
        lease=MINUTE,
        limit=2 * MINUTE,
        max_crashes=99,
        fails_on_lost_lease=True,
        unique=Unique(key=LONGEST_NAME, kept=True),
        owes=REPORT_DEBT,
    )


async def test_a_job_with_all_its_facts_and_rows_stays_a_compact_hash(engine: Engine, clock: Clock) -> None:
    await engine.redis.config_set("hash-max-ziplist-entries", 128)
    made = await engine.enqueue(largest())
    clock.move(MINUTE)
    for _ in range(18):
        [job] = await engine.claim("q" * 64, 1, who=LONGEST_WHO + " and more", lease=MINUTE)
        await engine.note(job, b"half")
        await engine.release(job)
        await sweep(engine)
        [job] = await engine.claim("q" * 64, 1, who=LONGEST_WHO, lease=MINUTE)
        await engine.fail(job, reason=LONGEST_REASON, delay=timedelta())
    await engine.cancel(made.id, reason=LONGEST_REASON)

    assert len((await find_job(engine, made.id)).history) > 90
    assert await engine.redis.object("encoding", engine.keys.job(made.id)) in COMPACT
    assert await engine.redis.object("encoding", engine.keys.job(f"{made.id}.19")) in COMPACT


async def test_a_reason_of_several_words_can_be_read_back(engine: Engine) -> None:
    made = await engine.enqueue(Enqueue(queue="q", kind="k"))
    await engine.cancel(made.id, reason="by the front desk")
    await engine.retry(made.id)

    [attempt] = await find_attempts(engine, made.id)

    assert (attempt.state, attempt.reason) == (State.CANCELLED, "by the front desk")


async def test_a_payload_of_256_kib_is_kept_and_one_more_byte_is_refused(engine: Engine) -> None:
    await engine.enqueue(Enqueue(queue="q", kind="k", payload=b"x" * MOST_PAYLOAD))
    [job] = await engine.claim("q", 1, who="w", lease=MINUTE)

    with pytest.raises(TooLarge) as refused:
        Enqueue(queue="q", kind="k", payload=b"x" * (MOST_PAYLOAD + 1))

    assert len(job.payload or b"") == MOST_PAYLOAD
    assert (refused.value.size, refused.value.limit) == (MOST_PAYLOAD + 1, MOST_PAYLOAD)


def test_ids_sort_by_time_within_a_process_and_two_processes_share_none() -> None:
    one, other = Ids(), Ids()

    made = [source.next() for _ in range(5_000) for source in (one, other)]

    assert made[::2] == sorted(made[::2])
    assert made[1::2] == sorted(made[1::2])
    assert len(set(made)) == len(made)
    assert {len(job_id) for job_id in made} == {16}


async def test_a_payload_is_in_no_repr(engine: Engine) -> None:
    job = Enqueue(queue="q", kind="k", payload=b"visitor")
    await engine.enqueue(job)
    [claimed] = await engine.claim("q", 1, who="w", lease=MINUTE)
    shown: list[Any] = [job, claimed, Note(id=job.id, content=b"visitor")]

    assert "visitor" not in repr(shown)


async def test_equal_ages_are_claimed_in_the_order_in_which_their_ids_were_made(engine: Engine) -> None:
    ids = [(await engine.enqueue(Enqueue(queue="q", kind="k"))).id for _ in range(5)]

    jobs = await engine.run(Claim(queue="q", n=5, who="w", lease=None))

    assert [job.id for job in jobs] == ids


async def test_a_claim_without_a_lease_never_expires(engine: Engine, clock: Clock) -> None:
    made = await engine.enqueue(Enqueue(queue="q", kind="k"))
    await engine.claim("q", 1, who="w", lease=None)
    clock.move(timedelta(days=365))

    await sweep(engine)

    assert await engine.run(Release(id=made.id)) is State.AVAILABLE
