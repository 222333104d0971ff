"""The Titan jobs API as it is served: a real port, a real Redis, and a clock that the test moves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from pydantic_core import to_json
from yarl import URL

from envoy_plugin.apis.titan.mounting import TITAN, open_titan, titan_routes
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Expire, Hold, Promote
from envoy_plugin.settings import Settings
from tests.apis import replies
from tests.engine.clock import Clock

ENVIRONMENT = {
    "ENVOY_CLIENT_ID": "client",
    "ENVOY_CLIENT_SECRET": "client-secret-0123456789",
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "TITAN_ACCESS": "open",
}
SECOND = timedelta(seconds=1)
BOUNDARY = "--------------------------3c1bd8ff4a1d4a8f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(replies.Reply):
    """An answer over HTTP."""

    @property
    def job(self) -> Any:
        """The job of a `JobWrapper`."""
        return self.body["job"]

    @property
    def message(self) -> str:
        """The text of an `Error`."""
        return str(self.error["message"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The API at `url`."""

    engine: Engine
    clock: Clock
    http: ClientSession
    url: str

    async def ask(
        self, method: str, path: str, *, json: object = None, data: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request below /v1, with a body of JSON or of `data`."""
        url = URL(f"{self.url}/v1{path}", encoded=True)
        sent = dict(headers or {})
        if json is not None:
            data, sent = to_json(json), {"Content-Type": "application/json", **sent}
        body = BytesIO(data) if isinstance(data, bytes) else data
        async with self.http.request(method, url, data=body, headers=sent) as response:
            content = await response.read()
            return Reply(status=response.status, content=content, headers=dict(response.headers))

    async def enqueue(self, **facts: object) -> Any:
        """A new job."""
        reply = await self.ask("POST", "/jobs", json={"jobs": [facts]})
        assert reply.status == 201, reply.content
        return reply.body["jobs"][0]

    async def consume(self, n: int = 1, **query: object) -> list[Any]:
        """What a worker gets."""
        words = "".join(f"&{name}={value}" for name, value in query.items())
        reply = await self.ask("GET", f"/jobs/consume?n={n}{words}")
        assert reply.status == 200, reply.content
        return list(reply.body["jobs"])

    async def job(self, job_id: str) -> Any:
        """The job as it stands."""
        return (await self.ask("GET", f"/job/{job_id}")).job

    async def post(self, job_id: str, what: str, **fields: bytes | str) -> Reply:
        """`success`, `fail` and the like, with a form of these fields."""
        if not fields:
            return await self.ask("POST", f"/job/{job_id}/{what}")
        sent = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return await self.ask("POST", f"/job/{job_id}/{what}", data=multipart(fields), headers=sent)

    async def passes(self, span: timedelta) -> None:
        """Let time go by, and what it brings about happen."""
        self.clock.move(span)
        await self.engine.call([Promote(limit=100), Expire(limit=100, max_crashes=5)])

    async def history(self, job_id: str) -> int:
        """How much has happened to the job: changes with whatever is done to it."""
        return len(await self.engine.redis.hgetall(self.engine.keys.job(job_id.rpartition("-")[0])))


def multipart(fields: Mapping[str, bytes | str]) -> bytes:
    """A form of these fields."""
    body = b""
    for name, value in fields.items():
        content = value.encode() if isinstance(value, str) else value
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


async def delayed(site: Site) -> str:
    return str((await site.enqueue(delay=60))["id"])


async def blocked(site: Site) -> str:
    made = await site.enqueue()
    await site.engine.run(Hold(id=made["id"].rpartition("-")[0], hold="by-hand"))
    return str(made["id"])


async def queued(site: Site) -> str:
    return str((await site.enqueue())["id"])


async def running(site: Site, **facts: object) -> str:
    made = await site.enqueue(**{"max_retries": 0, **facts})
    assert [job["id"] for job in await site.consume()] == [made["id"]]
    return str(made["id"])


async def succeeded(site: Site) -> str:
    job_id = await running(site)
    await site.post(job_id, "success", log="well done")
    return job_id


async def failed(site: Site) -> str:
    job_id = await running(site)
    await site.post(job_id, "fail", reason="killed", log="badly done")
    return job_id


async def failed_and_retried(site: Site) -> str:
    job_id = await running(site, max_retries=2)
    await site.post(job_id, "fail", reason="bad_exit", log="at first")
    return job_id


async def timed_out(site: Site) -> str:
    job_id = await running(site, timeout=5)
    await site.passes(5 * SECOND)
    return job_id


async def cancelled(site: Site) -> str:
    job_id = await queued(site)
    await site.ask("POST", f"/job/{job_id}/cancel")
    return job_id


async def cancelled_while_running(site: Site) -> str:
    job_id = await running(site)
    await site.ask("POST", f"/job/{job_id}/cancel")
    return job_id


async def unknown(_: Site) -> str:
    return "a0000000000000aa-1"


async def another_attempt(site: Site) -> str:
    return (await queued(site)).replace("-1", "-2")


async def no_id(_: Site) -> str:
    return "a%2Fb%20c"


@asynccontextmanager
async def serving(engine: Engine, **variables: str) -> AsyncIterator[str]:
    """The API alone, as the application mounts it; its URL."""
    settings = Settings.from_env(ENVIRONMENT | variables)
    app = web.Application(client_max_size=1024)
    for method, path, handler in titan_routes():
        app.router.add_route(method, path, handler)
    async with open_titan(engine, Batcher(engine), settings, lambda: False) as titan:
        app[TITAN] = titan
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")
