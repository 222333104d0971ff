"""A client of the simulated Envoy's own surface: what a sender tells it, and what it shows.

It talks to loopback alone: these requests are not for the real Envoy.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

from envoy_plugin.local_only import is_loopback
from envoy_plugin.simulator.wire import Json, JsonObject

TIMEOUT: Final = ClientTimeout(total=10)
POLL_EVERY: Final = timedelta(milliseconds=50)
SUCCESS: Final = range(200, 300)


class SimulatedEnvoyLost(Exception):
    """The simulated Envoy doesn't answer, or not as one does."""


def is_local_url(url: URL) -> bool:
    """Whether a URL's host is this machine."""
    return url.host is not None and (url.host == "localhost" or is_loopback(url.host))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedEnvoy:
    """The simulated Envoy at `base_url`; every method raises `SimulatedEnvoyLost` where there is none any more."""

    session: ClientSession
    base_url: URL

    async def is_there(self) -> bool:
        """Whether a simulated Envoy answers at a local `base_url`."""
        if not is_local_url(self.base_url):
            return False
        try:
            answer = await self._call("GET", "")
        except SimulatedEnvoyLost:
            return False
        return isinstance(answer, dict) and answer.get("simulator") == "envoy"

    async def know_job(self, job_id: str, *, name: str, identifier: str) -> None:
        """Make a job known; one that is known keeps its state."""
        await self._call("PUT", f"/jobs/{_segment(job_id)}", {"name": name, "identifier": identifier})

    async def accept_token(self, token: str, *, expires_in: int) -> None:
        """Take an access token for valid, for so many seconds."""
        await self._call("PUT", f"/tokens/{_segment(token)}", {"expires_in": expires_in})

    async def tell_answer(self, job_id: str, *, status: int | None, body: Json) -> None:
        """Tell how the plugin answered the job's webhook."""
        await self._call("POST", f"/jobs/{_segment(job_id)}/answer", {"status": status, "body": body})

    async def job(self, job_id: str) -> JsonObject:
        """What the dashboard shows: `status`, `status_message`, `failure_reason`, `attachments`."""
        return dict(await self._call("GET", f"/jobs/{_segment(job_id)}"))

    async def timeline(self, job_id: str) -> list[JsonObject]:
        """What happened to the job, oldest first."""
        return list(await self._call("GET", f"/jobs/{_segment(job_id)}/timeline"))

    async def settled_job(self, job_id: str, *, timeout: timedelta) -> JsonObject:
        """The job once it is no longer in progress, or as it is after `timeout`."""
        deadline = asyncio.get_running_loop().time() + timeout.total_seconds()
        while (job := await self.job(job_id))["status"] == "in_progress":
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(POLL_EVERY.total_seconds())
        return job

    async def install_config(self, install_id: str) -> JsonObject | None:
        """The config of an install; None if it isn't known."""
        answer = await self._call("GET", f"/installs/{_segment(install_id)}/config", missing_is_none=True)
        return None if answer is None else dict(answer["data"])

    async def put_install_config(self, install_id: str, config: JsonObject) -> None:
        """Make an install known, with exactly this config."""
        await self._call("PUT", f"/installs/{_segment(install_id)}/config", config)

    async def _call(self, method: str, path: str, body: Json = None, *, missing_is_none: bool = False) -> Json:
        url = self.base_url.origin().join(URL(f"/_sim{path}", encoded=True))
        try:
            async with self.session.request(method, url, json=body, timeout=TIMEOUT, allow_redirects=False) as response:
                if response.status == 404 and missing_is_none:  # noqa: PLR2004 - an HTTP status
                    return None
                if response.status not in SUCCESS:
                    raise SimulatedEnvoyLost(f"{method} {url} answered {response.status}.")
                return await response.json() if response.status != 204 else None  # noqa: PLR2004 - an HTTP status
        except (ClientError, TimeoutError, ValueError) as error:
            raise SimulatedEnvoyLost(f"No simulated Envoy answers at {self.base_url.origin()}.") from error


def _segment(text: str) -> str:
    return quote(text, safe="")
