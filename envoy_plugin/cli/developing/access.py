"""Asking the `dev` that runs on this machine: which webhooks reached its plugin, their bodies, and for a replay."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeAlias, TypeVar

import typer
from aiohttp import ClientError, ClientSession, ClientTimeout

from envoy_plugin.cli.developing.token import read_token
from envoy_plugin.cli.ports import LOOPBACK
from envoy_plugin.cli.sending.targets import MAX_PORT
from envoy_plugin.errors import EnvoyPluginError
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.wire import Json, JsonObject, parse_json

Answer = TypeVar("Answer")

TIMEOUT: Final = ClientTimeout(total=60)
LAST: Final = "last"

PortOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--port", "-p", min=1, max=MAX_PORT, help="The plugin's port in `dev`. [default: PORT, or 8000]"),
]
IdArgument: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="ID", help="The delivery's number, as `deliveries` shows it.")
]
NotNeededAppOption: TypeAlias = Annotated[
    str | None, typer.Option("--app", help="Accepted, as by every command; not needed.")
]


class NoDev(EnvoyPluginError):
    """No `dev` of ours answers."""


class DevRefused(EnvoyPluginError):
    """It answers, and can't do what was asked; the message is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dev:
    """A running `dev`. Every method raises `NoDev` where there is none, and `DevRefused` where it can't do that."""

    session: ClientSession
    port: int
    token: str = field(repr=False)

    async def deliveries(self) -> list[JsonObject]:
        """What reached the plugin, the newest first."""
        return list(await self._json("GET", ""))

    async def delivery(self, name: str) -> JsonObject:
        """One of them, both sides, and what became of it."""
        return dict(await self._json("GET", f"/{name}"))

    async def body(self, name: str) -> bytes:
        """The very bytes that were sent."""
        return await self._call("GET", f"/{name}/body")

    async def replay(self, name: str, *, body: bytes | None, same: bool) -> JsonObject:
        """Send it again, with another body where one is given; the new delivery."""
        return dict(await self._json("POST", f"/{name}/replay?as={'same' if same else 'new'}", body))

    async def _json(self, method: str, path: str, body: bytes | None = None) -> Json:
        return parse_json(await self._call(method, path, body))

    async def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        url = f"http://{LOOPBACK}:{self.port}/_envoy/api/deliveries{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with self.session.request(
                method, url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                content = await response.read()
        except (ClientError, TimeoutError):
            raise NoDev(_nobody(self.port)) from None
        if response.status != 200:  # noqa: PLR2004 - an HTTP status
            raise DevRefused(content.decode(errors="replace"))
        return content


def ask_dev(port: int | None, question: Callable[[Dev], Awaitable[Answer]]) -> Answer:
    """What `question` answers about the `dev` whose plugin is on `port`, or on PORT, or on 8000.

    Raises:
        NoDev: none of ours is there.
        DevRefused: it can't do what was asked.
    """
    number = port or _usual_port()
    token = read_token(number)
    if token is None:
        raise NoDev(_nobody(number))

    async def ask() -> Answer:
        async with ClientSession() as session:
            return await question(Dev(session=session, port=number, token=token))

    return asyncio.run(ask())


def name_of(delivery: str | None, *, last: bool) -> str:
    """The delivery that a command is about: its number, or the last one.

    Raises:
        typer.BadParameter: neither or both are given, or the number is none.
    """
    if (delivery is None) is not last:
        raise typer.BadParameter("Give a delivery's number, or --last.", param_hint="ID")
    return checked(LAST if delivery is None else delivery)


def checked(delivery: str) -> str:
    """The number of a delivery, or `last`.

    Raises:
        typer.BadParameter: it is neither.
    """
    if delivery != LAST and not (delivery.isascii() and delivery.isdigit() and len(delivery) < len("1000000000")):
        raise typer.BadParameter(f"{delivery!r} is no delivery's number.", param_hint="ID")
    return delivery


def _usual_port() -> int:
    text = os.environ.get("PORT") or ""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= MAX_PORT else defaults.PLUGIN_PORT


def _nobody(port: int) -> str:
    return f"No `envoy-plugin dev` of yours answers on port {port}. --port says another one."
