"""Asking Envoy something as the plugin, from a terminal: only what that needs is asked for."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import aiohttp

from envoy_plugin.cli.environment import load_env_file
from envoy_plugin.cli.ports import DEV_REDIS_URL
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.oauth import OAuthClient
from envoy_plugin.settings import Settings
from envoy_plugin.simulator import defaults

Answer = TypeVar("Answer")

OF_DEV: Final[Mapping[str, str]] = {
    "ENVOY_CLIENT_ID": defaults.CLIENT_ID,
    "ENVOY_CLIENT_SECRET": defaults.CLIENT_SECRET,
    "ENVOY_BASE_URL": defaults.PLATFORM_URL,
}
"""The simulated Envoy of `dev`, for an environment that names no client."""
NOT_NEEDED: Final[Mapping[str, str]] = {"REDIS_URL": DEV_REDIS_URL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Envoy as it is asked: its origin, the calls to it, and the settings that led there."""

    base_url: str
    api: EnvoyPluginAPI
    settings: Settings


class OneLogin:
    """Tokens for one command: a login when the first call needs it, and another where Envoy refuses the token."""

    def __init__(self, oauth: OAuthClient) -> None:
        self._oauth = oauth
        self._token: str | None = None

    async def get(self) -> str:
        """The token of this command."""
        if self._token is None:
            self._token = (await self._oauth.login()).access_token
        return self._token

    async def renew(self, rejected: str) -> str:
        """Another token than `rejected`."""
        if self._token == rejected:
            self._token = None
        return await self.get()


def ask_envoy(env_file: Path | None, question: Callable[[Asked], Awaitable[Answer]]) -> Answer:
    """What `question` answers, asked of Envoy with the plugin's own token.

    Where the environment names no client it is the simulated Envoy of `envoy-plugin dev` on this machine, or of
    ENVOY_BASE_URL.

    Raises:
        SettingsError: the environment can't be used.
        EnvoyError: Envoy refused, or gave no usable answer.
    """
    load_env_file(env_file)
    given = {name: value for name, value in os.environ.items() if value}
    stand_in = {} if given.keys() & {"ENVOY_CLIENT_ID", "ENVOY_CLIENT_SECRET"} else OF_DEV
    return asyncio.run(_ask(Settings.from_env({**NOT_NEEDED, **stand_in, **given}), question))


async def _ask(settings: Settings, question: Callable[[Asked], Awaitable[Answer]]) -> Answer:
    async with aiohttp.ClientSession() as session:
        oauth = OAuthClient(
            session, base_url=settings.base_url, client_id=settings.client_id, client_secret=settings.client_secrets[0]
        )
        api = EnvoyPluginAPI(session, base_url=settings.base_url, tokens=OneLogin(oauth))
        return await question(Asked(base_url=settings.base_url, api=api, settings=settings))
