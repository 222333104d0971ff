"""Envoy's side of the tests: the simulated Envoy's own surface, and deliveries as Envoy makes them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from aiohttp import ClientSession

from envoy_plugin.simulator.payloads import build_webhook
from envoy_plugin.simulator.sender import Answer, send

TOKEN_PATHS: Final = ("/a/auth/v0/token", "/oauth2/token")
FINAL: Final = frozenset({200, 202, 400, 412})
"""After anything else Envoy may deliver again. Source: developers.envoy.com, "Plugin Responses"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envoy:
    """The simulated Envoy at `url`."""

    session: ClientSession
    url: str

    async def know(self, *job_ids: str) -> None:
        """Make jobs known."""
        await self._call("PUT", "jobs", list(job_ids))

    async def job(self, job_id: str) -> Any:
        """What the dashboard shows of a job."""
        return await self._call("GET", f"jobs/{quote(job_id, safe='')}")

    async def statuses(self, job_ids: list[str]) -> Counter[str]:
        """How many of these jobs are in each state."""
        return Counter([(await self.job(job_id))["status"] for job_id in job_ids])

    async def requests(self, path: str = "/") -> list[Any]:
        """What it was asked below `path`, oldest first."""
        return [row for row in await self._call("GET", "requests") if row["path"].startswith(path)]

    async def logins(self) -> int:
        """How often somebody asked for a token."""
        return len([row for row in await self.requests() if row["path"] in TOKEN_PATHS])

    async def ends(self) -> Counter[str]:
        """How often the end of each job was told and taken."""
        rows = await self.requests("/api/v2/plugin-services/jobs/")
        told = [row["path"].rpartition("/")[2] for row in rows if row["status"] == 200 and row["body"].get("status")]
        return Counter(told)

    async def fail(self, *faults: dict[str, Any]) -> None:
        """Let these go wrong from now on; nothing, without any."""
        await self._call("PUT", "faults", list(faults))

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, f"{self.url}/_sim/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of Envoy's; each delivery of it is the same bytes."""

    job_id: str
    body: bytes

    @classmethod
    def make(cls, name: str, job_id: str, *, seed: int = 1, install: str = "1001") -> "Event":
        """An event of this name for Envoy's job `job_id`."""
        webhook = build_webhook(name, seed=seed, job_id=job_id, install_id=install)
        return cls(job_id=job_id, body=webhook.body)

    async def deliver(self, session: ClientSession, url: str, *, secret: str) -> Answer | None:
        """The plugin's answer to one delivery; None where none came."""
        return (await send(session, url=f"{url}/envoy/events", body=self.body, secret=secret)).answer
