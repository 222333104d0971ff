"""The jobs behind a delivery: the plugin's own, in its Redis. Payloads and outcomes are never read."""

from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_holder, find_job
from envoy_plugin.envoy.events import parse_event
from envoy_plugin.errors import BadPayload, JobNotFound
from envoy_plugin.webhooks.events import delivery_name

NOT_STARTED: Final = "The plugin has not started yet, so nobody knows where its jobs are."
NO_REDIS: Final = "Redis can't be read."


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The job that a delivery became and the report of its end, as far as they are there; `fault` says why not."""

    jobs: tuple[Job, ...] = ()
    fault: str | None = None


class Backstage:
    """Looks into the Redis of the plugin, once `open` has said what its keys begin with."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._engine: Engine | None = None

    def open(self, prefix: str) -> None:
        """The plugin has said what its keys begin with."""
        self._engine = Engine(self._redis, prefix=prefix)

    async def behind(self, body: bytes) -> Behind:
        """What the plugin made of an event with this body."""
        if self._engine is None:
            return Behind(fault=NOT_STARTED)
        try:
            return Behind(jobs=await _jobs(self._engine, body))
        except (RedisError, TimeoutError):
            return Behind(fault=NO_REDIS)


async def _jobs(engine: Engine, body: bytes) -> tuple[Job, ...]:
    try:
        job_id = await find_holder(engine, delivery_name(parse_event(body), body))
        if job_id is None:
            return ()
        job = await find_job(engine, job_id)
    except (BadPayload, JobNotFound):
        return ()
    try:
        return job, await find_job(engine, job.follow_up)
    except JobNotFound:
        return (job,)
