"""The device API on a real port, and what tests ask of it: boto3's clients, in threads, and requests signed by hand."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from botocore.config import Config
from botocore.exceptions import ClientError
from yarl import URL

from envoy_plugin.apis.iot_jobs.access_keys import EVERYTHING, AccessKey, AccessKeys, of_thing
from envoy_plugin.apis.iot_jobs.mounting import IOT_JOBS, PATHS, DeviceApi, answer
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.apis.iot_jobs.signing import Authorization, SignedRequest, signature_of
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.sweeper import sweep
from envoy_plugin.settings import Settings
from tests.engine.clock import Clock
from tests.framework.cli.project import CREDENTIALS

Json = Any
REGION = "us-east-1"
ACCOUNT = "000000000000"
THING = "printer"
JOB = "job-1"
DOCUMENT = '{"print": "B-1"}'
SESSION = boto3.session.Session()
"""Shared: it reads the models once."""


@dataclass(slots=True)
class WallClock:
    """The time of signatures and keys: this machine's, moved by what a test says."""

    ahead: timedelta = timedelta()

    def __call__(self) -> float:
        return time.time() + self.ahead.total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as boto3 shows it."""

    code: str
    status: int
    message: str
    kind: str


class Client:
    """One of boto3's clients; each call runs in a thread."""

    def __init__(self, service: str, url: str, key_id: str, secret: str, **options: Any) -> None:
        settings = {"region_name": REGION, **options}
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, max_pool_connections=50)
        self.raw = SESSION.client(
            service,
            endpoint_url=url,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=config,
            **settings,
        )

    async def __call__(self, operation: str, **said: Any) -> Json:
        """The answer, without what is about HTTP."""
        answered = await asyncio.to_thread(partial(getattr(self.raw, operation), **said))
        return {name: value for name, value in answered.items() if name != "ResponseMetadata"}

    async def refused(self, operation: str, **said: Any) -> Failure:
        """How a call fails."""
        try:
            answered = await self(operation, **said)
        except ClientError as error:
            told = error.response
            return Failure(
                code=told["Error"]["Code"],
                status=told["ResponseMetadata"]["HTTPStatusCode"],
                message=told["Error"]["Message"],
                kind=type(error).__name__,
            )
        raise AssertionError(f"{operation} answered {answered}")


class Device:
    """A device that holds one thing's key."""

    def __init__(self, client: Client, thing: str = THING) -> None:
        self.client = client
        self.thing = thing

    async def pending(self) -> Json:
        return await self.client("get_pending_job_executions", thingName=self.thing)

    async def start(self, **said: Any) -> Json:
        answered = await self.client("start_next_pending_job_execution", thingName=self.thing, **said)
        return answered.get("execution")

    async def describe(self, job: str = JOB, **said: Any) -> Json:
        answered = await self.client("describe_job_execution", thingName=self.thing, jobId=job, **said)
        return answered.get("execution")

    async def update(self, status: str, job: str = JOB, **said: Any) -> Json:
        return await self.client("update_job_execution", thingName=self.thing, jobId=job, status=status, **said)

    async def refused(self, operation: str, job: str = JOB, **said: Any) -> Failure:
        return await self.client.refused(operation, thingName=self.thing, jobId=job, **said)

    async def update_refused(self, status: str, **said: Any) -> Failure:
        return await self.refused("update_job_execution", status=status, **said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as it is on the wire."""

    status: int
    headers: dict[str, str]
    body: Json
    text: str = field(default="", repr=False)

    @property
    def error(self) -> str | None:
        return self.headers.get("x-amzn-ErrorType")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The API at `url`, its parts, and the keys that there are."""

    engine: Engine
    clock: Clock
    wall: WallClock
    url: str
    registry: Registry
    keys: AccessKeys
    operator_key: AccessKey
    thing_key: AccessKey
    http: ClientSession

    second: timedelta = timedelta(seconds=1)
    operator: Client
    """The control plane, by an operator's key."""
    device: Device
    """The printer."""

    @property
    def now(self) -> datetime:
        """The time of the engine."""
        return self.clock.after(timedelta())

    def client(self, service: str, key: AccessKey, **options: Any) -> Client:
        """A client of boto3's that signs with this key."""
        return Client(service, self.url, key.id, key.secret, **options)

    def arn(self, name: str = THING, kind: str = "thing") -> str:
        """The ARN of a thing or of a job."""
        return f"arn:aws:iot:{REGION}:{ACCOUNT}:{kind}/{name}"

    async def add(self, name: str, **facts: Any) -> Device:
        """A further thing, with a key of its own."""
        await self.registry.add(name, **facts)
        return Device(self.client("iot-jobs-data", await self.keys.make(of_thing(name))), name)

    async def create(self, job: str = JOB, *things: str, minutes: int | None = None, **said: Any) -> Json:
        """A job for these things, or for the printer."""
        if minutes is not None:
            said["timeoutConfig"] = {"inProgressTimeoutInMinutes": minutes}
        targets = [self.arn(thing) for thing in things or (THING,)]
        return await self.operator("create_job", jobId=job, targets=targets, **{"document": DOCUMENT, **said})

    async def execution(self, job: str = JOB, thing: str = THING, **said: Any) -> Json:
        """What the control plane says of an execution."""
        return (await self.operator("describe_job_execution", jobId=job, thingName=thing, **said))["execution"]

    async def job(self, job: str = JOB) -> Json:
        """What the control plane says of a job."""
        return (await self.operator("describe_job", jobId=job))["job"]

    async def passes(self, **span: float) -> None:
        """Let time pass for the engine, and let it bring about what it does."""
        self.clock.move(timedelta(**span))
        await self.sweep()

    async def sweep(self) -> None:
        """Let time bring about what it does to executions."""
        while await sweep(self.engine):
            pass

    async def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        change: Callable[[SignedRequest], SignedRequest] = lambda request: request,
        **how: Any,
    ) -> Reply:
        """Send a request that is signed by hand, and changed after that."""
        sent = change(self.signed(method, target, body, **how))
        address = URL(f"{self.url}{sent.target}", encoded=True)
        options: Any = {"data": sent.body or None, "headers": sent.headers, "skip_auto_headers": ["Content-Type"]}
        async with self.http.request(sent.method, address, **options) as answered:
            text = await answered.text()
            return Reply(status=answered.status, headers=dict(answered.headers), body=json.loads(text), text=text)

    async def send_raw(self, request: SignedRequest) -> tuple[int, str]:
        """Send a request with exactly these header lines; answers its status, and all that was answered."""
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers]
        lines += [f"Content-Length: {len(request.body)}", "Connection: close", "", ""]
        url = URL(self.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write("\r\n".join(lines).encode() + request.body)
        told = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        return int(told.split()[1]), told

    def signed(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        key: AccessKey | None = None,
        service: str = "iot-jobs-data",
        host: str | None = None,
    ) -> SignedRequest:
        """A request as a client of no SDK's signs it now, with the printer's key unless another is given."""
        return signed(method, target, body, key=key or self.thing_key, service=service,
                      host=host or URL(self.url).authority)  # fmt: skip


def signed(
    method: str,
    target: str,
    body: bytes,
    *,
    key: AccessKey,
    service: str,
    host: str,
) -> SignedRequest:
    """A request that is signed now."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = [("Host", host), ("X-Amz-Date", stamp)] + ([("Content-Type", "application/json")] if body else [])
    names = tuple(sorted(name.lower() for name, _ in headers))
    claimed = Authorization(
        key_id=key.id, date=stamp[:8], region=REGION, service=service, signed=names, stamp=stamp, signature=""
    )
    bare = SignedRequest(method=method, target=target, headers=headers, body=body)
    said = (
        f"AWS4-HMAC-SHA256 Credential={key.id}/{claimed.scope}, SignedHeaders={';'.join(names)},"
        f" Signature={signature_of(key.secret, bare, claimed)}"
    )
    return SignedRequest(method=method, target=target, headers=[*headers, ("Authorization", said)], body=body)


def counts(job: dict[str, Any]) -> dict[str, int]:
    """How many things have which status; those of none left out."""
    return {name.removeprefix("numberOf"): number for name, number in job["jobProcessDetails"].items() if number}


async def listed(site: Site, operation: str, **said: Any) -> list[dict[str, Any]]:
    """Every row, page after page."""
    member = "jobs" if operation == "list_jobs" else "things" if operation == "list_things" else "executionSummaries"
    rows: list[dict[str, Any]] = []
    while True:
        page = await site.operator(operation, **said)
        rows += page[member]
        if "nextToken" not in page:
            return rows
        said["nextToken"] = page["nextToken"]


@asynccontextmanager
async def open_site(engine: Engine, clock: Clock) -> AsyncIterator[Site]:
    """Serve the API over an engine until the block ends."""
    wall = WallClock()
    app = web.Application()
    app[IOT_JOBS] = DeviceApi(engine, Settings.from_env(CREDENTIALS), clock=wall)
    for path in PATHS:
        app.router.add_route("*", path, answer)
    registry, keys = Registry(engine, wall), AccessKeys(engine, wall)
    await registry.add(THING)
    operator, device = await keys.make(EVERYTHING), await keys.make(of_thing(THING))
    async with TestServer(app) as server, ClientSession() as http:
        url = str(server.make_url("")).rstrip("/")
        yield Site(
            engine=engine,
            clock=clock,
            wall=wall,
            url=url,
            registry=registry,
            keys=keys,
            operator_key=operator,
            thing_key=device,
            operator=Client("iot", url, operator.id, operator.secret),
            device=Device(Client("iot-jobs-data", url, device.id, device.secret)),
            http=http,
        )
