"""Envoy's API for plugins: everything that a plugin asks of the platform in its own name goes through here.

Source: Envoy's plugin guide, "The Plugin API"; headers as observed with Envoy's Node SDK 2.5.2.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Protocol
from urllib.parse import quote

import aiohttp
import stamina
from pydantic import JsonValue
from yarl import URL

from envoy_plugin.envoy.attachments import Attachment
from envoy_plugin.envoy.transport import Answer, Call, Dropped, encode, exchange
from envoy_plugin.errors import ApiRefused, ApiUnavailable, AuthFailed

TRIES: Final = 3
MEDIA_TYPE: Final = "application/vnd.api+json"
JOB: Final = "/api/v2/plugin-services/jobs/{job_id}"
UNDECIDED: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT})
"""Statuses that don't say whether the request was acted on."""
CONFIG: Final = "/api/v2/plugin-services/installs/{install_id}/config"


class Tokens(Protocol):
    """Where bearer tokens come from."""

    async def get(self) -> str:
        """A token that should work."""

    async def renew(self, rejected: str) -> str:
        """Another token than `rejected`, which Envoy has just refused."""


class Repeat(StrEnum):
    """When a failed request may be sent again within a call."""

    ALWAYS = "always"
    IF_REFUSED = "if_refused"
    """Only where Envoy can't have acted on it: sending it twice would do it twice."""


class EnvoyPluginAPI:
    """Calls to Envoy as the plugin.

    Each call takes at most `timeout`, tries included: up to three, with jittered backoff, after 429, 5xx or no answer.
    Each may raise:

    * `AuthFailed`: Envoy refused the plugin's credentials, or a token that was just renewed.
    * `ApiUnavailable`: no usable answer; `retry_after` says when Envoy wants to be asked again, if it said so.
    * `ApiRefused`: Envoy answered 4xx.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        tokens: Tokens,
        timeout: timedelta = timedelta(seconds=10),
        backoff: timedelta = timedelta(milliseconds=200),
    ) -> None:
        """Call `base_url` (an origin) through `session`; `backoff` is the first wait, doubled for the next."""
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._timeout = timeout.total_seconds()
        self._backoff = backoff.total_seconds()
        self._agent = _user_agent()

    async def update_job(
        self,
        job_id: str,
        *,
        status: str | None = None,
        message: str | None = None,
        reason: str | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> dict[str, JsonValue]:
        """Update Envoy's job; None leaves a thing as it is, attachments are added. Returns `id`, `name`, `identifier`.

        Attachments append, so with some of them a request is not sent again after a time-out or a broken connection.

        Source: Envoy's plugin guide, "The Plugin API", Update Job; bodies as observed with Envoy's Node SDK 2.5.2.
        """
        texts = {"status": status, "status_message": message, "failure_reason": reason}
        body = {
            "attachments": [attachment.to_wire() for attachment in attachments],
            **{name: text for name, text in texts.items() if text is not None},
        }
        repeat = Repeat.IF_REFUSED if attachments else Repeat.ALWAYS
        return _resource(await self.request("PATCH", JOB, {"job_id": job_id}, body, repeat=repeat))

    async def get_config(self, install_id: str) -> dict[str, JsonValue]:
        """The install's whole config. Source: Envoy's plugin guide, "The Plugin API", Get Plugin Config."""
        return _resource(await self.request("GET", CONFIG, {"install_id": install_id}, repeat=Repeat.ALWAYS))

    async def request(
        self, method: str, path: str, ids: Mapping[str, str], body: Mapping[str, Any] | None = None, *, repeat: Repeat
    ) -> JsonValue:
        """Send one request and return the `data` of the answer; None where there is none (204, `{}`).

        `path` is a template, as `/api/v2/plugin-services/jobs/{job_id}`, and `ids` fill it: each stays one segment.
        `body` is sent as JSON.
        """
        name = f"{method} {path}"
        url = URL(self._base_url + path.format_map(_segments(name, ids)), encoded=True)
        headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, "User-Agent": self._agent}
        call = Call(name=name, method=method, url=url, headers=headers, body=None if body is None else encode(body))
        return await self._within_time(call, repeat)

    async def _within_time(self, call: Call, repeat: Repeat) -> JsonValue:
        deadline = asyncio.get_running_loop().time() + self._timeout
        plan = _Plan(deadline=deadline, repeat=repeat)
        try:
            async with asyncio.timeout_at(deadline):
                async for attempt in stamina.retry_context(
                    on=plan.wait, attempts=TRIES, timeout=None, wait_initial=self._backoff, wait_jitter=self._backoff
                ):
                    with attempt:
                        return await self._attempt(call)
        except TimeoutError:
            raise ApiUnavailable(f"{call.name}: no answer within {self._timeout:.3g} s.") from None
        raise AssertionError("unreachable: the last attempt raises")  # pragma: no cover

    async def _attempt(self, call: Call) -> JsonValue:
        """One try, with another token if Envoy rejects the first."""
        token = await self._tokens.get()
        answer = await self._send(call, token)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = await self._send(call, await self._tokens.renew(token))
        return _data(call.name, answer)

    async def _send(self, call: Call, token: str) -> Answer:
        headers = {**call.headers, "Authorization": f"Bearer {token}"}
        signed = Call(name=call.name, method=call.method, url=call.url, headers=headers, body=call.body)
        return await exchange(self._session, signed, timeout=self._timeout)


class _Plan:
    """Whether and when a failed try is followed by another."""

    def __init__(self, *, deadline: float, repeat: Repeat) -> None:
        self._deadline = deadline
        self._repeat = repeat

    def wait(self, error: Exception) -> bool | float:
        """True for the usual backoff, seconds for what Envoy asked, False to give up."""
        if not isinstance(error, ApiUnavailable):
            return False
        if isinstance(error, Dropped) and self._repeat is Repeat.IF_REFUSED:
            return False
        if error.retry_after is None:
            return True
        fits = asyncio.get_running_loop().time() + error.retry_after < self._deadline
        return error.retry_after if fits else False


def _user_agent() -> str:
    try:
        return f"envoy_plugin/{version('envoy_plugin')}"
    except PackageNotFoundError:  # the sources are on the path, but were never installed
        return "envoy_plugin/0"


def _segments(name: str, ids: Mapping[str, str]) -> dict[str, str]:
    """Ids as path segments. Dots stay dots when encoded, so `..` would still climb and is refused."""
    refused = [key for key, value in ids.items() if value in {"", ".", ".."}]
    if refused:
        raise ApiRefused(f"{name}: {', '.join(refused)} can't be part of a path.")
    return {key: quote(value, safe="") for key, value in ids.items()}


def _data(name: str, answer: Answer) -> JsonValue:
    """The `data` of a good answer; the fitting error for any other."""
    status, retry_after = answer.status, answer.retry_after
    if status == HTTPStatus.UNAUTHORIZED:
        raise AuthFailed(f"{name}: Envoy refused a token that was just renewed.", status=status)
    if status in UNDECIDED:
        raise Dropped(f"{name}: Envoy answered {status}.", status=status, retry_after=retry_after)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ApiUnavailable(f"{name}: Envoy answered {status}.", status=status, retry_after=retry_after)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise ApiRefused(f"{name}: Envoy answered {status}.", status=status)
    try:
        body = answer.json()
    except ValueError:
        raise Dropped(f"{name}: Envoy's answer is not JSON.", status=status) from None
    data: JsonValue = body.get("data") if isinstance(body, dict) else None
    return data


def _resource(data: JsonValue) -> dict[str, JsonValue]:
    return data if isinstance(data, dict) else {}
