"""What the simulated Envoy's login gives out: access tokens, refresh tokens, and the codes of its authorize page.

Sources: developers.envoy.com, "Authentication"; Node SDK 2.5.2, src/sdk/EnvoyUserAPI.ts. Whether a refresh token still
works once it was used isn't documented: here it doesn't, unless `keep_refresh_tokens` is set.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from envoy_plugin.simulator.times import Clock
from envoy_plugin.simulator.wire import JsonObject

ACCESS_LIFETIME: Final = timedelta(hours=12)
REFRESH_LIFETIME: Final = timedelta(days=3)
INSTALLER_ACCESS_LIFETIME: Final = timedelta(hours=24)
INSTALLER_REFRESH_LIFETIME: Final = timedelta(days=30)
CODE_LIFETIME: Final = timedelta(minutes=10)
MAX_TOKENS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A pair of tokens, and what else the answer to that kind of grant holds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_token_expires_in: int
    extras: Mapping[str, str | None] = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        """The token endpoint's answer; lifetimes in seconds."""
        return {
            "token_type": "Bearer",
            "access_token": self.access_token,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "refresh_token_expires_in": self.refresh_token_expires_in,
            **self.extras,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long the tokens of one kind of grant live."""

    access: timedelta
    refresh: timedelta


PLUGIN: Final = Lifetimes(access=ACCESS_LIFETIME, refresh=REFRESH_LIFETIME)
INSTALLER: Final = Lifetimes(access=INSTALLER_ACCESS_LIFETIME, refresh=INSTALLER_REFRESH_LIFETIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshable:
    """What a refresh token gives again, until when."""

    until: datetime
    lifetimes: Lifetimes
    extras: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code of the authorize page, and where the browser was sent with it."""

    until: datetime
    redirect_uri: str


class Tokens:
    """The clients and users that may log in, and what is valid; the oldest tokens go first when there are too many."""

    def __init__(
        self,
        clients: Mapping[str, Sequence[str]],
        *,
        clock: Clock,
        lifetime: timedelta | None = None,
        users: Mapping[str, str] | None = None,
        keep_refresh_tokens: bool = False,
    ) -> None:
        """Take each client's id and secrets; a client has two secrets while one replaces the other.

        `lifetime` is that of every access token instead of the one that its grant has.
        """
        self._clients = clients
        self._users = dict(users or {})
        self._lifetime = lifetime
        self._clock = clock
        self._keeps_refresh_tokens = keep_refresh_tokens
        self._access: OrderedDict[str, datetime] = OrderedDict()
        self._refresh: OrderedDict[str, Refreshable] = OrderedDict()
        self._codes: OrderedDict[str, Code] = OrderedDict()

    def knows_client(self, client_id: str) -> bool:
        """Whether there is such a client."""
        return client_id in self._clients

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Whether these are a client's credentials."""
        known = self._clients.get(client_id, ())
        given = client_secret.encode(errors="replace")
        return any([hmac.compare_digest(secret.encode(), given) for secret in known])  # noqa: C419 - all are compared

    def knows_user(self, username: str, password: str) -> bool:
        """Whether these are a user's credentials."""
        known = self._users.get(username, "")
        return bool(known) and hmac.compare_digest(known.encode(), password.encode(errors="replace"))

    def issue(self, lifetimes: Lifetimes = PLUGIN, extras: Mapping[str, str | None] | None = None) -> Grant:
        """A new pair of tokens."""
        now, access_lifetime = self._clock(), self._lifetime or lifetimes.access
        grant = Grant(
            access_token=f"at-{secrets.token_hex(16)}",
            refresh_token=f"rt-{secrets.token_hex(16)}",
            expires_in=int(access_lifetime.total_seconds()),
            refresh_token_expires_in=int(lifetimes.refresh.total_seconds()),
            extras=dict(extras or {}),
        )
        self.accept(grant.access_token, until=now + access_lifetime)
        self._refresh[grant.refresh_token] = Refreshable(
            until=now + lifetimes.refresh, lifetimes=lifetimes, extras=grant.extras
        )
        _trim(self._refresh)
        return grant

    def accept(self, access_token: str, *, until: datetime) -> None:
        """Take an access token for valid, such as the one in a webhook's `meta.auth`."""
        self._access[access_token] = until
        _trim(self._access)

    def refresh(self, refresh_token: str) -> Grant | None:
        """A new pair for a refresh token, which is used up by this; None if it isn't valid."""
        kept = self._refresh.get(refresh_token)
        if kept is None or self._clock() >= kept.until:
            return None
        if not self._keeps_refresh_tokens:
            del self._refresh[refresh_token]
        return self.issue(kept.lifetimes, kept.extras)

    def authorize(self, redirect_uri: str) -> str:
        """A code for the browser to take to `redirect_uri`; it is good once, for ten minutes."""
        code = f"code-{secrets.token_hex(16)}"
        self._codes[code] = Code(until=self._clock() + CODE_LIFETIME, redirect_uri=redirect_uri)
        _trim(self._codes)
        return code

    def redeem(self, code: str, redirect_uri: str | None) -> Grant | None:
        """A pair of tokens for a code, which is used up by this; None if it isn't valid.

        `redirect_uri` is compared where it is given: the Node SDK sends none.
        """
        known = self._codes.pop(code, None)
        if known is None or self._clock() >= known.until or redirect_uri not in {None, known.redirect_uri}:
            return None
        return self.issue(INSTALLER)

    def is_valid(self, access_token: str) -> bool:
        """Whether an access token was given out, not revoked, and hasn't expired."""
        until = self._access.get(access_token)
        return until is not None and self._clock() < until

    def expire_access(self) -> None:
        """End every access token; refresh tokens stay good."""
        self._access.clear()

    def revoke_all(self) -> None:
        """End every token, refresh tokens and codes included."""
        self._access.clear()
        self._refresh.clear()
        self._codes.clear()


def _trim(kept: OrderedDict[str, datetime] | OrderedDict[str, Refreshable] | OrderedDict[str, Code]) -> None:
    while len(kept) > MAX_TOKENS:
        kept.popitem(last=False)
