"""JSON Web Tokens of the plugin's own, as for a link in a mail that only the plugin can have made.

Unlike in Envoy's Node SDK 2.5.2 (src/util/EnvoyJWT.ts) every token ends, and a short secret is refused: HMAC with
SHA-256 wants a key of 32 bytes at least. Source: RFC 7518, 3.2; RFC 8725, 3.1 (the algorithm is pinned).
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import jwt
from jwt.types import Options
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_jsonable_python

from envoy_plugin.errors import JWTError, JWTExpired, JWTInvalid

Algorithm: TypeAlias = Literal["HS256", "HS384", "HS512"]

KEY_BYTES: Final[Mapping[str, int]] = MappingProxyType({"HS256": 32, "HS384": 48, "HS512": 64})
OURS: Final = frozenset({"sub", "iat", "exp", "nbf", "aud"})
"""Claims that `encode` makes, or that others would refuse the token for."""
UNCHECKED: Final[Options] = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
"""What this module checks itself, by its own clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says. `payload` is what was given to `encode`; times are aware UTC."""

    subject: str | None
    expires_at: datetime
    issued_at: datetime | None
    payload: Mapping[str, Any] = field(repr=False)


class _Registered(BaseModel):
    """The claims that every token is judged by; times in seconds since 1970."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, allow_inf_nan=False, strict=True)

    sub: str | None = None
    exp: float
    iat: float | None = None
    nbf: float | None = None


class EnvoyJWT:
    """Makes and reads tokens with one secret, or two while it is being replaced: the first makes, all of them read."""

    def __init__(self, *secrets: str, algorithm: Algorithm = "HS256", clock: Callable[[], float] = time.time) -> None:
        """Sign with `secrets`, as of JWT_SECRET; `clock` is in seconds since 1970.

        Raises:
            JWTError: no secret, one that is too short, or another algorithm than these.
        """
        if algorithm not in KEY_BYTES:
            raise JWTError(f"A token is signed with one of {', '.join(KEY_BYTES)}.")
        shortest = KEY_BYTES[algorithm]
        if not secrets or any(len(secret.encode()) < shortest for secret in secrets):
            raise JWTError(f"{algorithm} takes a secret of {shortest} bytes or more: set JWT_SECRET to a longer one.")
        self._secrets = secrets
        self._algorithm = algorithm
        self._clock = clock

    def encode(self, subject: str, expires_in: timedelta, payload: Mapping[str, Any] | None = None) -> str:
        """A token about `subject` that ends after `expires_in`, counted in seconds; `payload` is readable by anybody.

        Raises:
            JWTError: it would end at once, or never; or `payload` sets a claim that is made here, or is no JSON.
        """
        given = dict(payload or {})
        if OURS & given.keys():
            raise JWTError(f"The payload of a token can't set {', '.join(sorted(OURS & given.keys()))}.")
        lifetime = math.floor(expires_in.total_seconds())
        if lifetime < 1:
            raise JWTError("A token must end, and not at once: give it a second or more.")
        now = math.floor(self._clock())
        claims = {**_jsonable(given), "sub": subject, "iat": now, "exp": now + lifetime}
        return jwt.encode(claims, self._secrets[0], algorithm=self._algorithm)

    def decode(self, token: str) -> Claims:
        """What a token says, once it has been proved to be one of ours.

        Raises:
            JWTExpired: it was ours, and has ended.
            JWTInvalid: any other fault.
        """
        claims = self._read(self._verified(token))
        now = self._clock()
        if claims.exp <= now:
            raise JWTExpired("The token has ended.")
        if claims.nbf is not None and claims.nbf > now:
            raise JWTInvalid("The token does not count yet.")
        return Claims(
            subject=claims.sub,
            expires_at=_time(claims.exp),
            issued_at=None if claims.iat is None else _time(claims.iat),
            payload=MappingProxyType(claims.model_extra or {}),
        )

    def _verified(self, token: str) -> dict[str, Any]:
        for secret in self._secrets:
            try:
                return jwt.decode(token, secret, algorithms=[self._algorithm], options=UNCHECKED)
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError:
                break
        raise JWTInvalid("The token is none of ours.")

    @staticmethod
    def _read(claims: dict[str, Any]) -> _Registered:
        try:
            return _Registered.model_validate(claims)
        except ValidationError:
            raise JWTInvalid("The token has no end, or a claim that can't be read.") from None


def _jsonable(payload: dict[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = to_jsonable_python(payload)
    except ValueError:
        raise JWTError("The payload of a token is no JSON.") from None
    return plain


def _time(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise JWTInvalid("The token names a time that is none.") from None
