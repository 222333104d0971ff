"""Logging in to Envoy: as the plugin, as the user who installed it, or as a user who agrees to it.

Source: Envoy's plugin guide, "The Plugin API", Login; developers.envoy.com, "Authentication" (the refresh and
plugin_install grants); bodies as observed with Envoy's Node SDK 2.5.2, which sends the plugin's own credentials both
ways at once. Unlike there, an authorize URL has a `state`, and the redirect URI is sent with the code (RFC 6749, 4.1.3
and 10.12).
"""

import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlencode

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yarl import URL

from envoy_plugin.envoy.transport import Answer, Call, Dropped, encode, exchange
from envoy_plugin.errors import ApiUnavailable, AuthFailed

Clock: TypeAlias = Callable[[], float]
"""Seconds since 1970, UTC."""

PATH: Final = "/a/auth/v0/token"
AUTHORIZE_PATH: Final = "/a/auth/v0/authorize"
SCOPE: Final = "plugin,token.refresh"
SHORTEST: Final = 5.0
LONGEST: Final = 30 * 86_400.0
UNSAID: Final = 3_600.0
"""The lifetime of a token whose answer doesn't say one; one that ends sooner is replaced when Envoy refuses it."""
BUSY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token; times are seconds since 1970, UTC."""

    access_token: str = field(repr=False)
    issued_at: float
    expires_at: float
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_at: float = 0.0
    rejections: int = 0
    """How many tokens in a row Envoy had refused soon after they were issued, when this one was asked for."""


class _Grant(BaseModel):
    """The answer of the token endpoint; lifetimes in seconds."""

    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$")]
    expires_in: float | None = None
    refresh_token: str | None = None
    refresh_token_expires_in: float | None = None


class OAuthClient:
    """Asks Envoy's token endpoint, one request per call. Each call may raise `AuthFailed` and `ApiUnavailable`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        client_id: str,
        client_secret: str,
        timeout: timedelta = timedelta(seconds=10),
        clock: Clock = time.time,
    ) -> None:
        """Log in at `base_url` (an origin) with the plugin's client id and secret."""
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._url = URL(self._base_url + PATH)
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._basic = "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")
        self._timeout = timeout.total_seconds()
        self._clock = clock

    async def login(self) -> Token:
        """A new token for the client's credentials."""
        return await self._ask({"grant_type": "client_credentials", **self._credentials, "scope": SCOPE})

    async def refresh(self, refresh_token: str) -> Token:
        """A new token for a refresh token, which may be used up by this."""
        return await self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token, **self._credentials})

    async def login_as_installer(self, install_id: str) -> Token:
        """A token to act as the user who installed the plugin: for `EnvoyUserAPI` outside of a delivery.

        Source: developers.envoy.com, "Authentication", the plugin_install grant.
        """
        return await self._ask({"grant_type": "plugin_install", "install_id": install_id, **self._credentials})

    async def login_with_code(self, code: str, *, redirect_uri: str, scopes: Iterable[str]) -> Token:
        """A token for the code that came back to `redirect_uri`, which is the one of `authorize_url`."""
        form = {"grant_type": "authorization_code", "scope": _listed(scopes), "code": code}
        return await self._ask({**form, "redirect_uri": redirect_uri, **self._credentials})

    async def login_with_password(self, username: str, password: str, *, scopes: Iterable[str]) -> Token:
        """A token for a user's own password. Envoy has it for private apps only; prefer `login_with_code`."""
        form = {"grant_type": "password", "scope": _listed(scopes), "username": username, "password": password}
        return await self._ask({**form, **self._credentials})

    def authorize_url(self, redirect_uri: str, scopes: Iterable[str], *, state: str) -> str:
        """Where to send a user's browser, so that Envoy asks for consent and comes back to `redirect_uri`.

        It comes back with `code` and `state`. Make `state` anew for each browser, as by `secrets.token_urlsafe()`, keep
        it there, and go on only if the same comes back: otherwise somebody else's account could be slipped in.

        Raises:
            ValueError: `state` is empty.
        """
        if not state:
            raise ValueError("state must be a value that nobody can guess; an empty one protects nobody.")
        query = {
            "response_type": "code",
            "client_id": self._credentials["client_id"],
            "redirect_uri": redirect_uri,
            "scope": " ".join(_listed(scopes)),
            "state": state,
        }
        return f"{self._base_url}{AUTHORIZE_PATH}?{urlencode(query)}"

    async def _ask(self, form: Mapping[str, object]) -> Token:
        headers = {"Accept": "application/json", "Content-Type": "application/json", "Authorization": self._basic}
        call = Call(name=f"POST {PATH}", method="POST", url=self._url, headers=headers, body=encode(form))
        asked_at = self._clock()
        grant = _read(call.name, await exchange(self._session, call, timeout=self._timeout))
        return Token(
            access_token=grant.access_token,
            issued_at=asked_at,
            expires_at=asked_at + _bounded(grant.expires_in, otherwise=UNSAID),
            refresh_token=grant.refresh_token,
            refresh_expires_at=asked_at + _bounded(grant.refresh_token_expires_in, otherwise=LONGEST),
        )


def _listed(scopes: Iterable[str]) -> list[str]:
    """Scopes one by one; a text is one with spaces or commas between."""
    return scopes.replace(",", " ").split() if isinstance(scopes, str) else list(scopes)


def _bounded(lifetime: float | None, *, otherwise: float) -> float:
    return otherwise if lifetime is None else min(max(lifetime, SHORTEST), LONGEST)


def _read(name: str, answer: Answer) -> _Grant:
    status, retry_after = answer.status, answer.retry_after
    if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ApiUnavailable(f"{name}: Envoy answered {status}.", status=status, retry_after=retry_after)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise AuthFailed(f"{name}: Envoy refused the login with {status}.", status=status)
    try:
        return _Grant.model_validate(answer.json())
    except (ValidationError, ValueError):
        raise Dropped(f"{name}: Envoy's answer holds no token.", status=status) from None
