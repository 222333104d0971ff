"""The same delivery twice: one run, one answer."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin import Config, Done, Failed, Ignored, Ongoing, Plugin, Retry, Secret, Snooze
from tests.framework.served import Reply, Served, Stage, a_webhook, eventually
from tests.redis_server import RedisServers

RECORD = b"{visitor-doors}:delivery:1001:job-1"
HANDLER_TIMEOUT = timedelta(seconds=1)


class Door:
    """A handler that a test holds open, and counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.opens = asyncio.Event()
        self.says: Any = Done("In", data={"badge": 7})

    async def __call__(self) -> Any:
        self.runs += 1
        await self.opens.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class DoorConfig(Config):
    api_key: Secret


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def plugin(door: Door) -> Plugin:
    """One inline and one background handler, both of which wait for the door."""
    plugin = Plugin("visitor-doors", config=DoorConfig)

    @plugin.on("entry_sign_in", timeout=HANDLER_TIMEOUT)
    async def inline() -> Any:
        return await door()

    @plugin.on("entry_screened")
    async def configured(config: DoorConfig) -> None:
        raise AssertionError

    @plugin.on("entry_sign_out", background=True)
    async def background() -> Any:
        return await door()

    return plugin


@pytest.fixture
async def served(stage: Stage, plugin: Plugin) -> Served:
    return await stage.serve(plugin, worker=False)


async def is_taken(redis: Redis) -> bool:
    """Whether somebody is at the delivery."""
    return bool(await redis.exists(RECORD))


async def test_duplicates_at_the_same_instant_on_two_processes_run_once(
    stage: Stage, plugin: Plugin, served: Served, door: Door
) -> None:
    other = await stage.serve(plugin, worker=False)
    body = a_webhook().body
    duplicates = [asyncio.create_task(each.post(body)) for each in (served, other) for _ in range(20)]
    await eventually(lambda: is_taken(served.engine.redis))
    door.opens.set()
    answers = await asyncio.gather(*duplicates)
    assert door.runs == 1
    assert {answer.status for answer in answers} == {200}
    assert all(answer.body == {"badge": 7, "message": "In"} for answer in answers)


async def test_the_second_waits_for_the_first(served: Served, door: Door, redis: Redis) -> None:
    first = asyncio.create_task(served.post(a_webhook().body))
    await eventually(lambda: is_taken(redis))
    second = asyncio.create_task(served.post(a_webhook().body))
    done, _ = await asyncio.wait([second], timeout=0.2)
    assert not done
    door.opens.set()
    assert await first == await second


async def test_a_second_that_has_waited_a_time_out_is_a_503(served: Served, redis: Redis, door: Door) -> None:
    await redis.set(RECORD, b"?somebody who is at it for long")
    reply = await served.post(a_webhook().body)
    assert (reply.status, reply.body) == (503, {"message": "This event is being handled"})
    assert reply.headers["Retry-After"] == "1"
    assert door.runs == 0


@pytest.mark.parametrize("says", [None, {"a": [1.5, None]}, Done("In"), Ongoing("Soon"), Ignored("No"), Failed("No")])
async def test_a_final_answer_is_kept(served: Served, door: Door, says: Any) -> None:
    door.says = says
    door.opens.set()
    first, second = [without_date(await served.post(a_webhook().body)) for _ in range(2)]
    assert first == second
    assert door.runs == 1


def without_date(reply: Reply) -> tuple[int, Any, list[str]]:
    return reply.status, reply.body, sorted(reply.headers)


@pytest.mark.parametrize("says", [Retry("Busy"), Snooze(timedelta(seconds=1)), ValueError("canary"), 7])
async def test_an_answer_that_is_not_final_lets_envoys_next_delivery_run(served: Served, door: Door, says: Any) -> None:
    door.says = says
    door.opens.set()
    assert (await served.post(a_webhook().body)).status >= 500
    door.says = Done("In")
    assert (await served.post(a_webhook().body)).status == 200
    assert door.runs == 2


async def test_a_time_out_lets_envoys_next_delivery_run(served: Served, door: Door) -> None:
    assert (await served.post(a_webhook().body)).body == {"message": "Timed out"}
    door.opens.set()
    assert (await served.post(a_webhook().body)).status == 200


async def test_those_who_wait_for_one_that_fails_run_themselves(served: Served, door: Door, redis: Redis) -> None:
    door.says = Retry("Busy")
    both = [asyncio.create_task(served.post(a_webhook().body)) for _ in range(2)]
    await eventually(lambda: is_taken(redis))
    door.opens.set()
    assert [(await each).status for each in both] == [500, 500]
    assert door.runs == 2


async def test_a_config_that_does_not_fit_is_a_kept_answer_too(served: Served, redis: Redis) -> None:
    bad, good = (a_webhook("entry_screened", config=config) for config in ({}, {"api_key": "k"}))
    assert (await served.post(bad.body)).status == 412
    assert (await served.post(good.body)).status == 412


async def test_after_a_process_that_died_the_next_delivery_runs(served: Served, door: Door, redis: Redis) -> None:
    await redis.set(RECORD, b"?somebody who has died since", px=300)
    door.opens.set()
    assert (await served.post(a_webhook().body)).status == 200
    assert door.runs == 1


async def test_a_marker_dies_two_seconds_after_the_time_out(served: Served, door: Door, redis: Redis) -> None:
    first = asyncio.create_task(served.post(a_webhook().body))
    await eventually(lambda: is_taken(redis))
    most = (HANDLER_TIMEOUT + timedelta(seconds=2)) / timedelta(milliseconds=1)
    assert most - 1000 < await redis.pttl(RECORD) <= most
    door.opens.set()
    await first


@pytest.mark.parametrize(("window", "seconds"), [("24h", 86_400), ("30d", 2_592_000)])
async def test_an_answer_is_kept_sealed_for_the_window(
    stage: Stage, plugin: Plugin, door: Door, redis: Redis, window: str, seconds: int
) -> None:
    served = await stage.serve(plugin, worker=False, DELIVERY_WINDOW=window)
    door.opens.set()
    await served.post(a_webhook().body)
    assert seconds - 60 < await redis.ttl(RECORD) <= seconds
    kept = await redis.get(RECORD)
    assert isinstance(kept, bytes)
    assert b"badge" not in kept


async def test_of_a_large_answer_the_status_alone_is_kept(served: Served, door: Door, redis: Redis) -> None:
    door.says = {"log": "x" * 20_000}
    door.opens.set()
    assert (await served.post(a_webhook().body)).body == door.says
    second = await served.post(a_webhook().body)
    assert (second.status, second.body, door.runs) == (200, {}, 1)
    assert await redis.strlen(RECORD) < 16 * 1024


async def test_an_answer_whose_key_is_gone_still_silences_the_event(stage: Stage, served: Served, door: Door) -> None:
    door.opens.set()
    await served.post(a_webhook().body)
    rotated = await stage.serve(served.runtime.plugin, worker=False, SECRET_KEY="another-root-secret")
    reply = await rotated.post(a_webhook().body)
    assert (reply.status, reply.body) == (202, {"message": "This event was handled before"})
    assert door.runs == 1


async def test_without_records_every_delivery_runs(stage: Stage, plugin: Plugin, door: Door) -> None:
    served = await stage.serve(plugin, worker=False, DELIVERY_RECORDS="off")
    door.opens.set()
    assert [(await served.post(a_webhook().body)).status for _ in range(2)] == [200, 200]
    assert door.runs == 2


@pytest.mark.parametrize("event", ["entry_sign_in", "entry_sign_out"])
async def test_an_event_without_a_job_is_known_by_its_body(served: Served, door: Door, event: str) -> None:
    door.opens.set()
    one, other = (a_webhook(event, job=None, attributes={"full-name": name}).body for name in ("Zoë", "Ada"))
    for body in (one, one, other, other):
        await served.post(body)
    assert door.runs + len([job for job in await served.jobs() if job.queue == "events"]) == 2


@pytest.mark.parametrize("meta", [{"install_id": "1002"}, {"job": {"id": "job-2"}}, {"job": {"id": "x" * 500}}])
async def test_another_install_or_job_is_another_event(served: Served, door: Door, meta: dict[str, Any]) -> None:
    door.opens.set()
    for webhook in (a_webhook(), a_webhook(meta=meta), a_webhook(meta=meta)):
        await served.post(webhook.body)
    assert door.runs == 2


async def test_background_duplicates_on_two_processes_are_one_job(
    stage: Stage, plugin: Plugin, served: Served, door: Door
) -> None:
    other = await stage.serve(plugin)
    body = a_webhook("entry_sign_out").body
    answers = await asyncio.gather(*(each.post(body) for each in (served, other) for _ in range(20)))
    assert {(answer.status, answer.message) for answer in answers} == {(202, None)}
    door.opens.set()
    await served.finishes()
    assert (await served.post(body)).status == 202
    assert [job.queue for job in await served.jobs()] == ["events", "report"]
    assert door.runs == 1


async def test_an_answer_goes_out_also_when_redis_dies_during_the_handler(
    stage: Stage, plugin: Plugin, door: Door, redis_server: RedisServers
) -> None:
    server = redis_server()
    served = await stage.serve(plugin, worker=False, REDIS_URL=server.url)
    first = asyncio.create_task(served.post(a_webhook().body))
    async with Redis.from_url(server.url) as redis:
        await eventually(lambda: is_taken(redis))
    server.kill()
    door.says = Failed("No")
    door.opens.set()
    assert (await first).status == 412
