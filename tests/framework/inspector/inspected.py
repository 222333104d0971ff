"""A plugin behind the inspector's door, in this process: real ports, a real Redis, a simulated Envoy."""

import json
import re
from dataclasses import dataclass
from io import BytesIO

from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.envoy.signature import HEADER, sign
from envoy_plugin.inspector.access import FORM_FIELD
from envoy_plugin.inspector.door import Door
from envoy_plugin.inspector.recording import Recorded, Recorder
from envoy_plugin.simulator.control import SimulatedEnvoy
from envoy_plugin.simulator.payloads import Webhook, build_webhook
from envoy_plugin.simulator.sender import Delivery, Sender
from envoy_plugin.simulator.wire import Json
from tests.envoy_server import CLIENT_SECRET

TOKEN = "the-token-of-this-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a browser would get."""

    status: int
    text: str
    url: URL
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """The inspector at `url`; `browser` has a cookie jar, and the token once it has `entered`."""

    url: str
    browser: ClientSession
    recorder: Recorder
    door: Door
    envoy_url: str

    async def enter(self) -> Page:
        """Open the URL that `dev` prints."""
        return await self.get(f"/_envoy/?token={TOKEN}")

    async def get(self, path: str, **headers: str) -> Page:
        async with self.browser.get(self.url + path, headers=headers) as answer:
            return Page(status=answer.status, text=await answer.text(), url=answer.url, headers=dict(answer.headers))

    async def submit(self, path: str, form: dict[str, str], **headers: str) -> Page:
        """Send a form, with the key that the page of a delivery has in it."""
        key = re.search(rf'name="{FORM_FIELD}" value="(\w+)"', (await self.get("/_envoy/deliveries/1")).text)
        fields = {FORM_FIELD: key[1] if key else "", **form}
        async with self.browser.post(self.url + path, data=fields, headers=headers) as answer:
            return Page(status=answer.status, text=await answer.text(), url=answer.url, headers=dict(answer.headers))

    async def api(self, path: str) -> Json:
        """What a command gets, which must be JSON."""
        status, content = await self.ask(path)
        assert status == 200, content
        return json.loads(content)

    async def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        """Status and content of the answer to a command."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self.browser.request(method, f"{self.url}/_envoy/api{path}", data=body, headers=headers) as answer:
            return answer.status, await answer.read()

    async def deliver(self, event: str = "entry_sign_in", *, webhook: Webhook | None = None) -> Delivery:
        """Let Envoy deliver an event through the door."""
        envoy = SimulatedEnvoy(session=self.browser, base_url=URL(self.envoy_url))
        sender = Sender(session=self.browser, url=f"{self.url}/envoy/events", secret=CLIENT_SECRET, envoy=envoy)
        return await sender.deliver(webhook or build_webhook(event, seed=1))

    async def post(self, body: bytes, path: str = "/envoy/events", **headers: str) -> tuple[int, str]:
        """Status and text of the answer to a signed body."""
        sent = {"Content-Type": "application/json", HEADER: sign(body, CLIENT_SECRET), **headers}
        async with self.browser.post(self.url + path, data=BytesIO(body), headers=sent) as answer:
            return answer.status, await answer.text()

    @property
    def newest(self) -> Recorded:
        """The last delivery."""
        row = self.recorder.newest()
        assert row is not None
        return row
