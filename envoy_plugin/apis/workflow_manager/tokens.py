"""Operators' tokens: JSON Web Tokens that say who somebody is, and what they may do, for at most 30 days.

Signed by HMAC with SHA-256 (RFC 7519) under keys that are for this alone: the plugin's own tokens can't be told as one,
nor can the token of an attachment, whose audience is another. What is revoked is remembered until it would have ended.
"""

import re
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from redis.asyncio import Redis

from envoy_plugin.sealing import derive_key
from envoy_plugin.workflows.operating.privileges import Privilege

AUDIENCE: Final = "operator"
ISSUER: Final = "envoy-plugin"
NEEDED: Final = ["aud", "exp", "iat", "iss", "jti", "user"]
LIFE: Final = timedelta(hours=12)
MOST_LIFE: Final = timedelta(days=30)
SKEW: Final = 60
"""How many seconds the clock of the machine that made a token may be ahead."""
EVERY: Final = "all"
MOST_NAME: Final = 128
MOST_TOKEN: Final = 6_000
"""In characters: it travels in a header, of which servers take 8 KiB."""
ID: Final = re.compile(r"op-[0-9a-f]{32}")
TEXT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


class OperatorRefused(ValueError):
    """A token can't be made so; says what of it."""


class BadToken(ValueError):
    """A token is none of ours, or has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who acts, and what they may do with which items. `jti` names the token, `exp` is when that ends."""

    name: str
    items: frozenset[str]
    groups: frozenset[str]
    privileges: frozenset[str]
    jti: str
    issued: datetime
    exp: datetime


class OperatorTokens:
    """Makes and reads tokens under keys of the root secrets: the first makes, all of them read.

    `clock` is in seconds since 1970.
    """

    def __init__(self, root_secrets: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        self._keys = [derive_key(secret, "operator/v1") for secret in root_secrets]
        self._clock = clock

    def __repr__(self) -> str:
        return f"OperatorTokens({len(self._keys)} keys)"

    def mint(
        self,
        name: str,
        *,
        items: Collection[str],
        groups: Collection[str] = (),
        privileges: Collection[str] = (),
        life: timedelta = LIFE,
    ) -> tuple[Operator, str]:
        """A token for somebody, and what it says; `all` among the privileges is every one that there is.

        Raises:
            OperatorRefused: a name can't be one, there is no such privilege, or it would live too long.
        """
        _check_names(name, items=items, groups=groups)
        if not timedelta(seconds=1) <= life <= MOST_LIFE:
            raise OperatorRefused(f"A token lives for a second at least, and {MOST_LIFE.days} days at most.")
        now = round(self._clock(), 6)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": f"op-{secrets.token_hex(16)}",
            "iat": now,
            "exp": now + life.total_seconds(),
            "user": name,
            "items": sorted(set(items)),
            "groups": sorted(set(groups)),
            "privileges": _privileges(privileges),
        }
        text = jwt.encode(claims, self._keys[0], algorithm="HS256")
        if len(text) > MOST_TOKEN:
            raise OperatorRefused(f"A token has at most {MOST_TOKEN} characters: name fewer items or groups.")
        return _operator(claims), text

    def read(self, text: str) -> Operator:
        """What a token says, once it has been proved to be one of ours, and still good by the clock.

        Raises:
            BadToken: it isn't; never says of which text.
        """
        for key in self._keys:
            claims = _claims(key, text)
            if claims is not None:
                break
        else:
            raise BadToken("The token is none of ours.")
        now = self._clock()
        if (
            claims["exp"] <= now
            or claims["iat"] > now + SKEW
            or claims["exp"] - claims["iat"] > MOST_LIFE.total_seconds()
        ):
            raise BadToken("The token has ended.")
        return _operator(claims)


class Revocations:
    """Which tokens are good no longer, in the sorted set `key`: one token until its end, or all that a user has.

    Of a user, the score is when the youngest of those tokens has ended; older marks are forgotten at each new one.
    """

    def __init__(self, redis: Redis, key: str, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._key = key
        self._clock = clock

    async def revoke(self, jti: str, until: datetime | None = None) -> None:
        """Make one token good for nothing; `until` is when it would end, None: not known."""
        end = self._longest() if until is None else until.timestamp()
        await self._remember(f"jti:{jti}", end)

    async def revoke_user(self, name: str) -> None:
        """Make every token good for nothing that was made for somebody until now."""
        await self._remember(f"user:{name}", self._longest())

    async def is_revoked(self, operator: Operator) -> bool:
        """Whether a token is good no longer."""
        names = [f"jti:{operator.jti}", f"user:{operator.name}"]
        one, all_of_user = await self._redis.zmscore(self._key, names)
        has_gone = all_of_user is not None and operator.issued.timestamp() <= all_of_user - MOST_LIFE.total_seconds()
        return one is not None or has_gone

    async def _remember(self, name: str, until: float) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(self._key, "-inf", f"({self._clock()}")
            pipe.zadd(self._key, {name: until}, gt=True)
            pipe.pexpire(self._key, MOST_LIFE + timedelta(days=1))
            await pipe.execute()

    def _longest(self) -> float:
        return self._clock() + MOST_LIFE.total_seconds()


def _claims(key: bytes, text: str) -> dict[str, Any] | None:
    """The claims of a token that was signed with this key; None: it wasn't, or isn't an operator's."""
    if len(text) > MOST_TOKEN:
        return None
    options: Any = {"require": NEEDED, "verify_exp": False, "verify_iat": False}
    try:
        return jwt.decode(text, key, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER, options=options)
    except (jwt.PyJWTError, ValueError):  # text that isn't even text
        return None


def _operator(claims: dict[str, Any]) -> Operator:
    return Operator(
        name=claims["user"],
        items=frozenset(claims["items"]),
        groups=frozenset(claims["groups"]),
        privileges=frozenset(claims["privileges"]),
        jti=claims["jti"],
        issued=datetime.fromtimestamp(claims["iat"], UTC),
        exp=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _privileges(wanted: Collection[str]) -> list[str]:
    known = {str(privilege) for privilege in Privilege}
    unknown = sorted(set(wanted) - known - {EVERY})
    if unknown:
        raise OperatorRefused(f"There is no privilege {unknown[0]!r}; there are {EVERY}, {', '.join(sorted(known))}.")
    return sorted(known if EVERY in wanted else set(wanted))


def _check_names(name: str, *, items: Collection[str], groups: Collection[str]) -> None:
    if ID.fullmatch(name) or TEXT.fullmatch(name):
        raise OperatorRefused("A name can't look like a token or its id.")
    if not items:
        raise OperatorRefused("A token is for at least one item.")
    for one in (name, *items, *groups):
        if one != one.strip() or not one.isprintable() or not 0 < len(one) <= MOST_NAME:
            raise OperatorRefused(f"A name has 1 to {MOST_NAME} characters that can be seen, and no blank at its ends.")
    if any("/" in item for item in items):
        raise OperatorRefused("An item is one word of a path: it has no slash.")
