"""Sending a recorded webhook again: signed anew, to the plugin behind the door and nowhere else."""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.app import REQUEST_ID
from envoy_plugin.inspector.recording import Recorded, Recorder
from envoy_plugin.simulator.control import SimulatedEnvoy
from envoy_plugin.simulator.payloads import read_webhook
from envoy_plugin.simulator.replays import as_another_event
from envoy_plugin.simulator.sender import Sender
from envoy_plugin.simulator.tampering import Tampering


class ReplayAs(StrEnum):
    """What a plugin takes a replay for."""

    NEW = "new"
    """Another event: Envoy's job gets a new id, so that the handler runs again."""
    SAME = "same"
    """The same event, delivered once more: the very bytes."""


class NotWhole(Exception):
    """A body was too large for the plugin; the whole of it isn't kept, so it can't be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Tampering):
    """A delivery whose request id is known beforehand."""

    request_id: str

    def headers(self, body: bytes, secret: str) -> dict[str, str]:
        """The headers of the delivery, the id among them."""
        return {**Tampering.headers(self, body, secret), REQUEST_ID: self.request_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayer:
    """Sends recorded webhooks to `door`, signed with `secret`, and tells the simulated Envoy of them."""

    session: ClientSession
    recorder: Recorder
    door: URL
    envoy: SimulatedEnvoy
    secret: str = field(repr=False)

    async def replay(self, row: Recorded, kind: ReplayAs, body: bytes | None = None) -> Recorded | None:
        """Send a delivery again, with another `body` where one is given; the new delivery, unless it is forgotten.

        Raises:
            NotWhole: the body isn't kept whole.
            SimulatedEnvoyLost: the simulated Envoy is gone; nothing was sent.
        """
        if body is None and row.cut:
            raise NotWhole("The body is too large to be kept, so it can't be sent again.")
        webhook = row.webhook if body is None else read_webhook(body)
        request_id = secrets.token_hex(8)
        self.recorder.expect_replay(request_id, of=row.number)
        sender = Sender(
            session=self.session,
            url=str(self.door.with_path(row.path)),
            secret=self.secret,
            envoy=self.envoy,
            tampering=Named(request_id=request_id),
        )
        try:
            await sender.deliver(as_another_event(webhook, row.webhook) if kind is ReplayAs.NEW else webhook)
        finally:
            sent = self.recorder.replayed(request_id)
        return sent
