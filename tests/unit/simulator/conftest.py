"""A simulated Envoy in this process, whose clock the tests move."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.platform import create_platform

ServeApplication = Callable[[web.Application], Awaitable[TestClient[web.Request, web.Application]]]
CREDENTIALS = {"client_id": defaults.CLIENT_ID, "client_secret": defaults.CLIENT_SECRET}


@dataclass(slots=True)
class MovableClock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 21, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(slots=True)
class Envoy:
    """A client of the simulated Envoy that is logged in."""

    app: web.Application
    client: TestClient[web.Request, web.Application]
    clock: MovableClock
    bearer: dict[str, str] = field(default_factory=dict)

    async def log_in(self) -> None:
        answer = await self.token(grant_type="client_credentials", **CREDENTIALS)
        self.bearer = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

    async def token(self, **form: object) -> ClientResponse:
        return await self.client.post("/a/auth/v0/token", json=form)

    async def update(self, job_id: str, **body: object) -> ClientResponse:
        path = f"/api/v2/plugin-services/jobs/{job_id}"
        return await self.client.patch(path, json=body, headers=self.bearer)

    async def shown(self, job_id: str) -> dict[str, object]:
        return dict(await (await self.client.get(f"/_sim/jobs/{job_id}")).json())

    async def answered(self, job_id: str, status: int | None, body: object = None) -> dict[str, object]:
        answer = await self.client.post(f"/_sim/jobs/{job_id}/answer", json={"status": status, "body": body})
        return dict(await answer.json())

    async def break_with(self, *faults: dict[str, object]) -> ClientResponse:
        return await self.client.put("/_sim/faults", json=list(faults))


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def envoy(aiohttp_client: ServeApplication, clock: MovableClock) -> Envoy:
    """Knows the jobs `j1` and `j2`, and the install 1001."""
    app = create_platform(job_ids=["j1", "j2"], clock=clock)
    envoy = Envoy(app, await aiohttp_client(app), clock)
    await envoy.log_in()
    return envoy


@pytest.fixture
async def base_url(envoy: Envoy) -> str:
    """Where the simulated Envoy answers."""
    server = envoy.client.server
    assert isinstance(server, TestServer)
    return str(server.make_url("/"))
