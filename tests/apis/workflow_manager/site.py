"""The operator API as it is served: a real port, a real Redis, and operators with their tokens."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from pydantic_core import to_json
from yarl import URL

from envoy_plugin.apis.workflow_manager.mounting import OPERATOR_API, OperatorApi, answer, close, paths_of
from envoy_plugin.apis.workflow_manager.tokens import OperatorTokens, Revocations
from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer, derive_key
from envoy_plugin.settings import Settings
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.links import Links
from envoy_plugin.workflows.manager import JobsManager
from tests.apis.replies import Reply

ENVIRONMENT = {
    "ENVOY_CLIENT_ID": "client",
    "ENVOY_CLIENT_SECRET": "client-secret-0123456789",
    "SECRET_KEY": "a-root-secret-of-a-test-of-many-characters",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}
SETTINGS = Settings.from_env(ENVIRONMENT)
BASE = "/workflow/default"
BOUNDARY = "3c1bd8ff4a1d4a8f"
VISIT = (
    Step.manual("sign", name="Sign in", then="badge"),
    Step.function("badge", "print_badge", name="Print badge", then="host"),
    Step.question("host", "Shall they come in?", answers=["Yes", "No"], name="Host approves"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The API at `url`."""

    engine: Engine
    store: Store
    http: ClientSession
    url: str
    tokens: OperatorTokens = field(default_factory=lambda: OperatorTokens(SETTINGS.root_secrets))

    @property
    def revocations(self) -> Revocations:
        """What is revoked."""
        return Revocations(self.engine.redis, self.engine.keys.operators_revoked)

    @property
    def plugin(self) -> JobsManager:
        """The jobs of the default item, for the plugin itself."""
        return JobsManager(self.store, item="default")

    def token(
        self, *privileges: str, user: str = "ada", items: Collection[str] = ("default",), groups: Collection[str] = ()
    ) -> str:
        """A token of somebody with these privileges; without any, with all."""
        return self.tokens.mint(user, items=items, groups=groups, privileges=privileges or ["all"])[1]

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = "",
    ) -> Reply:
        """One request to a path of the default item, or a whole one; `token` "": of somebody who may do everything."""
        sent = dict(headers or {})
        if token is not None:
            sent = {"Authorization": f"Bearer {token or self.token()}", **sent}
        if json is not None:
            data, sent = to_json(json), {"Content-Type": "application/json", **sent}
        url = URL(self.url + (path if path.startswith("/workflow/") else BASE + path), encoded=True)
        body = BytesIO(data) if data is not None else None
        async with self.http.request(method, url, data=body, headers=sent, allow_redirects=False) as response:
            content = await response.read()
            return Reply(status=response.status, content=content, headers=dict(response.headers))

    async def job(self, template_id: str = "visit", **overrides: object) -> str:
        """The id of a new job."""
        reply = await self.ask("POST", f"/jobTemplates/{template_id}/job", json=overrides)
        assert reply.status == 200, reply.content
        return str(reply.body["jobIds"][0])

    async def act(self, job_id: str, kind: str, **more: object) -> Any:
        """What an action answers."""
        return (await self.ask("POST", f"/jobs/{job_id}/action", json={"type": kind, **more})).body

    async def attach(self, job_id: str, content: bytes = b"%PDF", name: str = "nda.pdf", **fields: str) -> Reply:
        """Keep a file with a job."""
        return await self.ask("POST", f"/jobs/{job_id}/attachments", data=form(content, name, **fields), headers=FORM)

    async def everything(self) -> dict[Any, Any]:
        """What Redis holds: the same before and after what changes nothing."""
        return {key: await self._value(key) for key in await self.engine.redis.keys("*")}

    async def _value(self, key: Any) -> Any:
        """The value of a key, in whatever order Redis keeps it."""
        redis: Any = self.engine.redis
        match (await redis.type(key)).decode():
            case "hash":
                return await redis.hgetall(key)
            case "set":
                return await redis.smembers(key)
            case "zset":
                return dict(await redis.zrange(key, 0, -1, withscores=True))
            case kind:
                return kind, await redis.dump(key)


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(content: bytes, name: str, **fields: str) -> bytes:
    """A form with a file, and these fields."""
    body = b""
    for word, value in fields.items():
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{word}"\r\n\r\n{value}\r\n'.encode()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="attachment"; filename="{name}"\r\n\r\n'
    return body + head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def make_store(engine: Engine, settings: Settings = SETTINGS) -> Store:
    """The diagrams and templates of a plugin that has `visit` in its code."""
    sealer = Sealer(settings.root_secrets)
    links = Links(
        keys=[derive_key(secret, "operator/v1") for secret in settings.root_secrets],
        base_url=settings.public_url or "",
        org=settings.workflow_org,
    )
    visit = Template.of("visit", *VISIT, name="Visit", closes=False)
    return Store(engine, sealer.digest, own={"visit": visit}, functions={"print_badge"}, links=links)


@asynccontextmanager
async def serving(engine: Engine, store: Store, settings: Settings = SETTINGS) -> AsyncIterator[str]:
    """The API alone, as the application mounts it; its URL."""
    app = web.Application(client_max_size=1024)
    app[OPERATOR_API] = OperatorApi(engine, store, settings, lambda: False)
    for path in paths_of(settings):
        app.router.add_route("*", path, answer)
    app.on_shutdown.append(close)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
