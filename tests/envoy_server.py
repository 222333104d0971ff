"""A simulated Envoy on a real port, and what tests ask of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from envoy_plugin.simulator.faults import FAULTS, Fault
from envoy_plugin.simulator.oauth import TOKENS
from envoy_plugin.simulator.platform import create_platform
from envoy_plugin.simulator.request_log import REQUESTS, LoggedRequest

CLIENT_ID = "plugin-client-id"
CLIENT_SECRET = "plugin-client-secret"
TOKEN_PATH = "/a/auth/v0/token"


@dataclass(slots=True)
class Clock:
    """Seconds since 1970 that only pass when a test says so."""

    seconds: float = field(default_factory=lambda: datetime(2026, 11, 21, 9, tzinfo=UTC).timestamp())

    def __call__(self) -> float:
        return self.seconds

    def advance(self, **duration: float) -> None:
        self.seconds += timedelta(**duration).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedEnvoy:
    """A running one."""

    app: web.Application
    url: str

    def fail(self, *faults: Fault) -> None:
        """Let these go wrong from now on; nothing, without any."""
        self.app[FAULTS].arm(faults)

    def revoke_tokens(self) -> None:
        """End every token."""
        self.app[TOKENS].revoke_all()

    def requests(self, path: str = "/") -> list[LoggedRequest]:
        """What was asked of it below `path`, oldest first."""
        return [row for row in self.app[REQUESTS].rows() if row.path.startswith(path)]

    def grants(self) -> list[Any]:
        """The grant types that were asked for, oldest first."""
        return [row.body["grant_type"] for row in self.requests(TOKEN_PATH) if isinstance(row.body, dict)]


@asynccontextmanager
async def running_envoy(clock: Clock, **options: Any) -> AsyncIterator[SimulatedEnvoy]:
    """A simulated Envoy that knows one client, by `clock`; `options` as of `create_platform`."""
    app = create_platform(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        clock=lambda: datetime.fromtimestamp(clock(), UTC),
        **options,
    )
    async with TestServer(app) as server:
        yield SimulatedEnvoy(app=app, url=str(server.make_url("")).rstrip("/"))
