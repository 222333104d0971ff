"""What is left once jobs have lived and were kept long enough: nothing, neither keys nor memory."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.queries import count_jobs
from envoy_plugin.engine.retries import REPORT_DEBT
from envoy_plugin.engine.sweeper import Keeping, retire, sweep
from envoy_plugin.engine.verbs import (
    Cancel,
    Claim,
    Describe,
    Enqueue,
    Fail,
    Listing,
    Note,
    Policy,
    Succeed,
    Unhold,
    Unique,
    Verb,
)
from tests.engine.clock import Clock

LEASE: Final = timedelta(seconds=15)
QUEUES: Final = ("q", "events", "report", "thing:door")
A_CALL: Final = 100
STANDING: Final = 2_000
SLACK: Final = 0.02


def some_jobs(count: int) -> Iterator[Enqueue]:
    """Jobs of ten kinds in turn: plain, owing, unique, tried twice, in a lane, held, late, a device's, limited, big."""
    for number in range(count):
        kinds: tuple[dict[str, Any], ...] = (
            {},
            {"queue": "events", "install": "7", "listed": (Listing.INSTALL, Listing.KIND), "owes": REPORT_DEBT},
            {"queue": "events", "install": f"{number}", "unique": Unique(key=f"key-{number}"), "owes": REPORT_DEBT},
            {"retries": 1},
            {"lane": f"door-{number // 50}"},
            {"holds": {"audit": None}},
            {"delay": LEASE},
            {"queue": "thing:door"},
            {"limit": LEASE, "lease": LEASE},
            {"payload": b"x" * 500},
        )
        yield Enqueue(**{"queue": "q", "kind": "k", "payload": b"{}", **kinds[number % len(kinds)]})


async def live(engine: Engine, clock: Clock) -> None:
    """Let a hundred jobs and an envelope be made, wait for each other, run and end."""
    jobs = list(some_jobs(A_CALL))
    envelope = Enqueue(queue="-", kind="fleet", envelope=True)
    child = Enqueue(queue="q", kind="k", parent=envelope.id, listed=(Listing.PARENT,))
    waiter = Enqueue(queue="q", kind="k", after={jobs[0].id: Policy.RUN, jobs[1].id: Policy.CANCEL})
    await engine.call([*jobs, envelope, child, waiter])
    await engine.call([Describe(id=job.id, fields={"note": b"n"}, tags=(f"tag-{job.id}",)) for job in jobs[::10]])
    await engine.call([Unhold(id=job.id, hold="audit") for job in jobs[5::20]])
    await engine.call([Cancel(id=job.id, reason="operator") for job in jobs[15::20]])
    clock.move(LEASE)
    await sweep(engine)
    while await work(engine):
        await sweep(engine)
    await engine.run(Succeed(id=envelope.id))


async def work(engine: Engine) -> bool:
    """Claim and end what there is; of three jobs one fails. Whether there was anything."""
    claims = [Claim(queue=queue, n=A_CALL, who="w", lease=LEASE) for queue in QUEUES]
    held: list[Claimed] = [job for jobs in await engine.call(claims) for job in jobs]
    verbs: list[Verb[Any]] = []
    for number, job in enumerate(held):
        verbs.append(Note(id=job.id, memo="step", content=b"half"))
        failed = Fail.of(job, reason="error", delay=timedelta(), outcome=b"no")
        verbs.append(failed if number % 3 == 0 else Succeed.of(job, outcome=b"yes"))
    for start in range(0, len(verbs), 2 * A_CALL):
        await engine.call(verbs[start : start + 2 * A_CALL])
    return bool(held)


async def forget(engine: Engine, clock: Clock) -> None:
    """Let so much time pass that everything was kept long enough; envelopes go an hour after their children."""
    clock.move(timedelta(days=31))
    for _ in range(3):
        while await retire(engine, Keeping()):
            pass
        clock.move(timedelta(hours=1))


async def size(engine: Engine, redis: Redis) -> tuple[int, int, int]:
    """How many jobs and keys there are, and how many bytes of memory is data; Redis' own log is emptied before."""
    jobs = sum((await count_jobs(engine)).values())
    await redis.slowlog_reset()
    return jobs, int(await redis.dbsize()), int((await redis.info("memory"))["used_memory_dataset"])


async def stand(engine: Engine) -> None:
    """Make jobs that stay: of all data, what Redis needs for a connection or a new command is a small part then."""
    for _ in range(0, STANDING, A_CALL):
        await engine.call([Enqueue(queue="q2", kind="k", payload=b"x" * 2_000) for _ in range(A_CALL)])


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.soak)])
async def test_jobs_that_have_lived_and_expired_leave_nothing(
    engine: Engine, clock: Clock, redis: Redis, count: int
) -> None:
    await stand(engine)
    for _ in range(2):  # also of what Redis keeps for each command that was ever used
        await live(engine, clock)
        await forget(engine, clock)
        _, keys, memory = await size(engine, redis)
    for _ in range(0, count, A_CALL):
        await live(engine, clock)
    jobs_between, keys_between, memory_between = await size(engine, redis)
    await forget(engine, clock)
    jobs_after, keys_after, memory_after = await size(engine, redis)
    assert (jobs_between > STANDING + count, keys_between > keys + 2 * count) == (True, True)
    assert memory_between > memory + 500 * count
    assert (jobs_after, keys_after) == (STANDING, keys)
    assert abs(memory_after - memory) < SLACK * memory
