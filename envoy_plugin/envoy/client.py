"""The one way to Envoy's API: a request is sent within its time, tried again where that is safe, and its answer read.

Source of the headers: observed with Envoy's Node SDK 2.5.2.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import quote, urlencode

import aiohttp
import stamina
from pydantic import JsonValue
from yarl import URL

from envoy_plugin.envoy.transport import Answer, Call, Dropped, encode, exchange, is_within
from envoy_plugin.errors import ApiRefused, ApiUnavailable, AuthFailed

TRIES: Final = 3
MEDIA_TYPE: Final = "application/vnd.api+json"
UNDECIDED: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT})
"""Statuses that don't say whether the request was acted on."""

Document: TypeAlias = Mapping[str, JsonValue]
"""The object that Envoy answered; empty where it answered none (204, or anything else but an object)."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of Envoy.

    `path` is a template, as `/api/v2/plugin-services/jobs/{job_id}`, and `ids` fill it: each stays one segment. `query`
    is encoded. `body` is sent as JSON. `link`, from an earlier answer, takes the place of path, ids and query.
    """

    method: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Iterable[tuple[str, str]] = ()
    body: Mapping[str, Any] | None = None
    repeat: Repeat = Repeat.ALWAYS
    link: str | None = None

    @property
    def name(self) -> str:
        """What stands for it in errors: no id, no query."""
        return f"{self.method} {self.path}"


class EnvoyClient:
    """Sends requests with a token of `tokens`.

    Each takes at most `timeout`, tries included: up to three, with jittered backoff, after 429, 5xx or no answer.
    Each may raise:

    * `AuthFailed`: Envoy refused the credentials, or a token that was just renewed.
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
        self._headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, "User-Agent": _user_agent()}

    async def send(self, request: Request) -> Document:
        """Send one request and return what Envoy answered."""
        body = None if request.body is None else encode(request.body)
        call = Call(name=request.name, method=request.method, url=self._url(request), headers=self._headers, body=body)
        return await self._within_time(call, request.repeat)

    def _url(self, request: Request) -> URL:
        if request.link is not None:
            return self._same_origin(request.name, request.link)
        query = urlencode(list(request.query), quote_via=quote)
        path = request.path.format_map(_segments(request.name, request.ids))
        return URL(self._base_url + path + ("?" + query if query else ""), encoded=True)

    def _same_origin(self, name: str, link: str) -> URL:
        """Where a link leads, which the token must not leave Envoy for."""
        base = URL(self._base_url)
        try:
            url = base.join(URL(link))
            if is_within(url, base):
                return url
        except ValueError:
            pass
        raise ApiRefused(f"{name}: Envoy's answer links to another origin.")

    async def _within_time(self, call: Call, repeat: Repeat) -> Document:
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

    async def _attempt(self, call: Call) -> Document:
        """One try, with another token if Envoy rejects the first."""
        token = await self._tokens.get()
        answer = await self._send(call, token)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = await self._send(call, await self._tokens.renew(token))
        return _document(call.name, answer)

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


def _document(name: str, answer: Answer) -> Document:
    """The object of a good answer; the fitting error for any other."""
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
    return body if isinstance(body, dict) else {}
