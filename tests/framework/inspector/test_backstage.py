"""The jobs behind a delivery, as far as they can be known."""

from redis.asyncio import Redis

from envoy_plugin.inspector.backstage import NO_REDIS, NOT_STARTED, Backstage
from envoy_plugin.simulator.payloads import build_webhook

BODY = build_webhook("entry_sign_in", seed=1).body


async def test_before_the_plugin_has_started_nobody_knows_where_its_jobs_are(redis: Redis) -> None:
    assert (await Backstage(redis).behind(BODY)).fault == NOT_STARTED


async def test_without_redis_that_is_said() -> None:
    async with Redis.from_url("redis://127.0.0.1:9/0") as lost:
        backstage = Backstage(lost)
        backstage.open("visitor-doors")
        assert (await backstage.behind(BODY)).fault == NO_REDIS


async def test_what_is_no_event_or_became_no_job_has_none(redis: Redis) -> None:
    backstage = Backstage(redis)
    backstage.open("visitor-doors")
    for body in (BODY, b"", b"{}", b"\xff"):
        behind = await backstage.behind(body)
        assert (behind.jobs, behind.fault) == ((), None)


async def test_a_job_that_is_gone_is_none(redis: Redis) -> None:
    backstage = Backstage(redis)
    backstage.open("visitor-doors")
    job_id = build_webhook("entry_sign_in", seed=1).job_id
    await redis.set(f"{{visitor-doors}}:unique:1001:{job_id}", "gone")
    assert (await backstage.behind(BODY)).jobs == ()
