"""A plugin as it is served, in this process: a real port, a real Redis, a simulated Envoy, real webhooks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis
from redis.exceptions import RedisError
from yarl import URL

from envoy_plugin import Plugin
from envoy_plugin.app import serve_runtime
from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_job, list_jobs
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Expire, Promote
from envoy_plugin.envoy.signature import HEADER, sign
from envoy_plugin.runtime import Runtime, open_runtime
from envoy_plugin.serving import queues_of
from envoy_plugin.settings import Settings
from envoy_plugin.simulator.control import SimulatedEnvoy as Control
from envoy_plugin.simulator.job_routes import JOBS
from envoy_plugin.simulator.payloads import Webhook, build_webhook
from envoy_plugin.simulator.sender import Delivery, Sender
from envoy_plugin.simulator.wire import Json, JsonObject
from envoy_plugin.worker.execution import execute
from envoy_plugin.worker.loop import Worker
from tests.envoy_server import CLIENT_ID, CLIENT_SECRET, SimulatedEnvoy

Found = TypeVar("Found")

JOB = "job-1"
UPDATES = "/api/v2/plugin-services/jobs/"
PATIENCE = 15.0
POLL = 0.005


async def eventually(look: Callable[[], Awaitable[Found | None]]) -> Found:
    """What `look` finds, once that is something."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await look()):  # noqa: ASYNC110 - what is looked at tells nobody that it has changed
            await asyncio.sleep(POLL)
        return found


async def until(look: Callable[[], Found | None]) -> Found:
    """What `look` finds, once that is something."""

    async def looked() -> Found | None:
        return look()

    return await eventually(looked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer over HTTP."""

    status: int
    body: Json
    headers: dict[str, str]

    @property
    def message(self) -> Json:
        return self.body.get("message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A plugin that serves Envoy at `url`."""

    runtime: Runtime
    url: str
    envoy: SimulatedEnvoy
    http: ClientSession

    @property
    def engine(self) -> Engine:
        return self.runtime.engine

    async def post(
        self,
        body: bytes | AsyncIterator[bytes],
        *,
        signed: bytes | None = None,
        path: str = "/envoy/events",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """POST `body`, signed over `signed` (itself, unless given); a header in `headers` goes before the usual one."""
        over = signed if signed is not None else body
        usual = (
            {"Content-Type": "application/json", HEADER: sign(over, CLIENT_SECRET)} if isinstance(over, bytes) else {}
        )
        sent = {**usual, **(headers or {})}
        data = BytesIO(body) if isinstance(body, bytes) else body
        async with self.http.post(URL(self.url + path, encoded=True), data=data, headers=sent) as response:
            return Reply(status=response.status, body=await response.json(), headers=dict(response.headers))

    async def deliver(self, webhook: Webhook | None = None, *, event: str = "entry_sign_in", **about: Any) -> Delivery:
        """Let Envoy deliver an event, and learn the answer; `about` is `a_webhook`'s."""
        control = Control(session=self.http, base_url=URL(self.envoy.url))
        sender = Sender(session=self.http, url=f"{self.url}/envoy/events", secret=CLIENT_SECRET, envoy=control)
        return await sender.deliver(webhook or a_webhook(event, **about))

    def shown(self, job_id: str = JOB) -> JsonObject:
        """What Envoy's dashboard shows of a job."""
        job = self.envoy.app[JOBS].get(job_id)
        return {} if job is None else job.as_shown()

    async def settled(self, job_id: str = JOB) -> JsonObject:
        """What the dashboard shows of a job, once it is no longer in progress."""

        def look() -> JsonObject | None:
            shown = self.shown(job_id)
            return shown if shown and shown["status"] != "in_progress" else None

        return await until(look)

    def updates(self, job_id: str = JOB) -> list[Json]:
        """The bodies of the updates of a job that Envoy took, oldest first."""
        return [row.body for row in self.envoy.requests(f"{UPDATES}{job_id}") if row.status == 200]

    async def jobs(self, *states: State) -> list[Job]:
        """The engine's jobs in these states (all, unless given), oldest first."""
        return sorted(await list_jobs(self.engine, states or tuple(State), limit=1000), key=lambda job: job.id)

    async def event_job(self) -> Job:
        """The one job of the one event."""
        [job] = [job for job in await self.jobs() if job.queue == "events"]
        return job

    async def report(self) -> Job:
        """The newest report, once there is one."""

        async def look() -> list[Job]:
            return [job for job in await self.jobs() if job.queue == "report"]

        return (await eventually(look))[-1]

    async def reaches(self, *states: State, job_id: str | None = None) -> Job:
        """The event's job (or another) once it is in one of these states."""

        async def look() -> Job | None:
            job = await find_job(self.engine, job_id) if job_id else await self.event_job()
            return job if job.state in states else None

        return await eventually(look)

    async def finishes(self, *, by: timedelta = timedelta(days=2)) -> Job:
        """The event's job once it and its report are over; backoffs and delays pass at once."""
        return await self._over("events", by)

    async def report_finishes(self, *, by: timedelta = timedelta(days=2)) -> Job:
        """The newest report once everything is over; backoffs pass at once."""
        return await self._over("report", by)

    async def _over(self, queue: str, by: timedelta) -> Job:
        async def look() -> list[Job]:
            await self.passes(by)
            jobs = {job.id: job for job in await self.jobs()}
            owed = {f"{job.id}.{job.attempt}" for job in jobs.values() if job.owes}
            over = owed <= jobs.keys() and all(job.state.ended for job in jobs.values())
            return [job for job in jobs.values() if job.queue == queue] if over else []

        return (await eventually(look))[-1]

    async def passes(self, span: timedelta) -> None:
        """Make available what is due within `span`."""
        await self._later(span).run(Promote(limit=100))

    async def leases_end(self) -> None:
        """Let every lease that there is run out; limits are minutes."""
        await self._later(timedelta(minutes=1)).run(Expire(limit=100, max_crashes=5))

    def _later(self, span: timedelta) -> Engine:
        ahead = milliseconds(span)
        return Engine(self.engine.redis, prefix=self.engine.keys.prefix, clock=lambda: int(time.time() * 1000) + ahead)


def a_webhook(
    event: str = "entry_sign_in",
    *,
    job: str | None = JOB,
    config: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
    attributes: dict[str, Any] | None = None,
    seed: int = 1,
) -> Webhook:
    """An event for Envoy's job `job` (None: for none); `meta` and `attributes` go over what is invented."""
    built = build_webhook(event, seed=seed, job_id=job or JOB, config=config)
    document = built.document
    document["meta"] |= ({} if job else {"job": None}) | (meta or {})
    document["payload"]["attributes"] |= attributes or {}
    return Webhook(event=event, document=document)


def settings_for(redis_url: str, envoy: SimulatedEnvoy, **variables: str) -> Settings:
    """The settings of a process, from its environment."""
    environ = {
        "ENVOY_CLIENT_ID": CLIENT_ID,
        "ENVOY_CLIENT_SECRET": CLIENT_SECRET,
        "ENVOY_BASE_URL": envoy.url,
        "REDIS_URL": redis_url,
        "DRAIN_TIMEOUT": "0",
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    return Settings.from_env(environ | variables)


@asynccontextmanager
async def working(runtime: Runtime) -> AsyncIterator[asyncio.Event]:
    """A worker, until the event that this gives is set or the block ends."""
    settings = runtime.settings
    worker = Worker(
        runtime.engine,
        runtime.batcher,
        partial(execute, runtime),
        lease=settings.job_lease,
        concurrency=settings.worker_concurrency,
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(queues_of(runtime.plugin), stop, drain=settings.drain_timeout))
        try:
            yield stop
        finally:
            stop.set()


class Stage:
    """Serves plugins, each as a process of its own would, and ends them with the test."""

    def __init__(self, redis_url: str, envoy: SimulatedEnvoy, http: ClientSession, stack: AsyncExitStack) -> None:
        self.redis_url = redis_url
        self.envoy = envoy
        self.http = http
        self.stack = stack

    @asynccontextmanager
    async def apart(self) -> AsyncIterator["Stage"]:
        """A stage whose processes end with the block."""
        async with AsyncExitStack() as stack:
            yield Stage(self.redis_url, self.envoy, self.http, stack)

    async def serve(self, plugin: Plugin, *, worker: bool = True, **variables: str) -> Served:
        """Web, and a worker unless there shall be none; `variables` are the environment's."""
        settings = settings_for(self.redis_url, self.envoy, **variables)
        runtime = await self.stack.enter_async_context(open_runtime(plugin, settings))
        server = await self.stack.enter_async_context(TestServer(serve_runtime(runtime)))
        if worker:
            await self.stack.enter_async_context(working(runtime))
        return Served(runtime=runtime, url=str(server.make_url("")).rstrip("/"), envoy=self.envoy, http=self.http)


async def redis_values(redis: Redis) -> dict[bytes, bytes]:
    """Everything that Redis holds, by key, as its own dump; the engine's wake-up tokens and schema apart."""
    await redis.config_set("rdbcompression", "no")  # else a dump may hide what is there
    keys = [key async for key in redis.scan_iter(count=1000) if b":wake:" not in key and not key.endswith(b":schema")]
    values = {key: await redis.dump(key) for key in sorted(keys)}
    return {key: value for key, value in values.items() if isinstance(value, bytes)}


async def redis_answers(redis: Redis) -> bool:
    """Whether Redis can be reached."""
    try:
        return bool(await redis.ping())
    except RedisError:
        return False
