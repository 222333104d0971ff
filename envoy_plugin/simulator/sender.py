"""Sends a webhook as Envoy does: signed over the very bytes that go out, and the answer read as Envoy reads it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from time import perf_counter
from typing import Final

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, ClientTimeout
from yarl import URL

from envoy_plugin.simulator.answers import OUTCOMES, Outcome, read_outcome
from envoy_plugin.simulator.control import SimulatedEnvoy, SimulatedEnvoyLost
from envoy_plugin.simulator.payloads import Webhook
from envoy_plugin.simulator.tampering import UNTOUCHED, Tampering, dribble
from envoy_plugin.simulator.wire import Json, parse_json

DEFAULT_TIMEOUT: Final = timedelta(seconds=30)
MAX_ANSWER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """What went out: always a POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; the body's first mebibyte."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def body(self) -> Json:
        """The content as JSON where it is JSON, else as text; None where it is empty."""
        try:
            return parse_json(self.content) if self.content else None
        except ValueError:
            return self.content.decode(errors="replace")

    @property
    def is_understood(self) -> bool:
        """Whether the status is one that Envoy gives a meaning to."""
        return self.status in OUTCOMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Both sides of one request; `answer` is None where none came, and `fault` then says why."""

    request: SentRequest
    answer: Answer | None
    fault: str | None
    elapsed: timedelta

    @property
    def outcome(self) -> Outcome | None:
        """What Envoy reads from the answer; None where none came."""
        return None if self.answer is None else read_outcome(self.answer.status)


async def send(
    session: ClientSession,
    *,
    url: str,
    body: bytes,
    secret: str,
    timeout: timedelta = DEFAULT_TIMEOUT,
    tampering: Tampering = UNTOUCHED,
) -> Delivery:
    """POST `body`, signed with `secret`, once; a redirect isn't followed. Never raises for what the other side does."""
    request = SentRequest(url=url, headers=tampering.headers(body, secret), body=tampering.sent(body))
    started = perf_counter()
    answer, fault = None, None
    try:
        answer = await _post(session, request, timeout, tampering.slow)
    except TimeoutError:
        fault = f"No answer within {timeout.total_seconds():g} s."
    except ClientConnectorError as error:
        fault = f"No answer: {error.host}:{error.port} can't be reached. Is the plugin running?"
    except ClientError as error:
        fault = f"No answer: {error or type(error).__name__}"
    elapsed = timedelta(seconds=perf_counter() - started)
    return Delivery(request=request, answer=answer, fault=fault, elapsed=elapsed)


async def _post(session: ClientSession, request: SentRequest, timeout: timedelta, slow: timedelta) -> Answer:
    async with session.post(
        URL(request.url),
        data=dribble(request.body, slow) if slow else BytesIO(request.body),
        headers={**request.headers, "Content-Length": str(len(request.body))},
        timeout=ClientTimeout(total=(timeout + slow).total_seconds()),
        allow_redirects=False,
    ) as response:
        return Answer(status=response.status, headers=dict(response.headers), content=await _first_bytes(response))


async def _first_bytes(response: ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) >= MAX_ANSWER_BYTES:
            break
    return bytes(content[:MAX_ANSWER_BYTES])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Delivers webhooks to one URL, and tells the simulated Envoy of them where there is one."""

    session: ClientSession
    url: str
    secret: str = field(repr=False)
    envoy: SimulatedEnvoy | None = None
    timeout: timedelta = DEFAULT_TIMEOUT
    tampering: Tampering = UNTOUCHED

    async def deliver(self, webhook: Webhook) -> Delivery:
        """Make the job and the user's token known, send, and tell the answer.

        Raises:
            SimulatedEnvoyLost: before anything was sent.
        """
        if self.envoy is not None:
            await _announce(self.envoy, webhook)
        delivery = await send(
            self.session,
            url=self.url,
            body=webhook.body,
            secret=self.secret,
            timeout=self.timeout,
            tampering=self.tampering,
        )
        if self.envoy is not None and webhook.job_id is not None:
            await self._tell(self.envoy, webhook.job_id, delivery.answer)
        return delivery

    async def _tell(self, envoy: SimulatedEnvoy, job_id: str, answer: Answer | None) -> None:
        """Tell the simulated Envoy; that it has gone meanwhile doesn't undo the delivery."""
        status, body = (None, None) if answer is None else (answer.status, answer.body)
        with suppress(SimulatedEnvoyLost):
            await envoy.tell_answer(job_id, status=status, body=body)


async def _announce(envoy: SimulatedEnvoy, webhook: Webhook) -> None:
    """Make known what the plugin will use: the job, and the token of `meta.auth`."""
    if webhook.job_id is not None:
        await envoy.know_job(webhook.job_id, name=webhook.event, identifier=webhook.job_identifier)
    if webhook.user_token is not None:
        token, seconds = webhook.user_token
        await envoy.accept_token(token, expires_in=seconds)
