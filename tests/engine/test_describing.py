"""What the layer above keeps with a job, and by what it finds it."""

from datetime import timedelta

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import find_described, find_job
from envoy_plugin.engine.states import State
from envoy_plugin.engine.tagged import Group, count_tagged, find_tagged
from envoy_plugin.engine.verbs import Describe, Enqueue, Retire
from envoy_plugin.errors import VersionMismatch
from tests.engine.clock import Clock


async def make(engine: Engine) -> str:
    """The id of an envelope."""
    return (await engine.enqueue(Enqueue(queue="-", kind="k", envelope=True))).id


async def test_fields_are_kept_changed_and_dropped(engine: Engine) -> None:
    job_id = await make(engine)
    await engine.run(Describe(id=job_id, fields={"name": b"Ada", "notes": b"\xff\x00", "gone": b"1"}))
    await engine.run(Describe(id=job_id, fields={"name": b"Grace"}, drop=["gone", "never"]))
    assert await find_described(engine, [job_id, "nobody"]) == [{"name": b"Grace", "notes": b"\xff\x00"}, {}]


async def test_a_description_is_a_change_that_leaves_one_row(engine: Engine) -> None:
    job_id = await make(engine)
    versions = [await engine.run(Describe(id=job_id, fields={"n": b"%d" % n})) for n in range(3)]
    job = await find_job(engine, job_id)
    assert (versions, job.version, [row.event for row in job.history]) == ([2, 3, 4], 4, ["enqueued", "described"])


async def test_who_decided_from_an_older_version_is_refused(engine: Engine) -> None:
    job_id = await make(engine)
    await engine.run(Describe(id=job_id, version=1, fields={"n": b"1"}))
    with pytest.raises(VersionMismatch):
        await engine.run(Describe(id=job_id, version=1, fields={"n": b"2"}))
    assert await find_described(engine, [job_id]) == [{"n": b"1"}]


async def test_jobs_are_found_by_their_tags_the_newest_first(engine: Engine) -> None:
    ids = [await make(engine) for _ in range(3)]
    for job_id in ids:
        await engine.run(Describe(id=job_id, tags=["open", "red"]))
    await engine.run(Describe(id=ids[1], untag=["red"]))
    assert (await find_tagged(engine, [Group(tags=["open"])])).ids == ids[::-1]
    assert (await find_tagged(engine, [Group(tags=["red"])])).ids == [ids[2], ids[0]]
    assert (await find_tagged(engine, [Group(tags=["open"])], before=ids[2], limit=1)).ids == [ids[1]]
    assert await count_tagged(engine, ["open", "red", "blue"]) == [3, 2, 0]


async def test_an_ended_job_can_be_described_and_nothing_of_it_stays_when_it_is_forgotten(
    engine: Engine, clock: Clock
) -> None:
    job_id = await make(engine)
    await engine.cancel(job_id, reason="operator")
    await engine.run(Describe(id=job_id, fields={"n": b"1"}, tags=["open"]))
    assert (await find_job(engine, job_id)).state is State.CANCELLED
    clock.move(timedelta(days=8))
    await engine.run(Retire(state=State.CANCELLED, age=timedelta(days=7), most=100, limit=10))
    assert [key async for key in engine.redis.scan_iter("*") if b"queues" not in key] == []
