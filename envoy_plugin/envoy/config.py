"""The config of one install: what its installer entered, as the plugin's own type, and where it is kept.

Envoy sends it with each delivery. Background work reads it when it runs: from the sealed copy in Redis while that is
young, else from Envoy.
"""

import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr, ValidationError
from pydantic_core import to_jsonable_python
from redis.asyncio import Redis

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.flights import Flights
from envoy_plugin.envoy.oauth import Clock
from envoy_plugin.envoy.token_store import Seals
from envoy_plugin.envoy.transport import encode
from envoy_plugin.errors import ConfigMismatch, NotEntered, SealError

REWRITE: Final = 60.0
"""Seconds after which a process writes again what it has written before."""
REMEMBERED: Final = 10_000


class Secret(SecretStr):
    """Text that no repr, log or JSON shows."""

    def reveal(self) -> str:
        """The text itself."""
        return self.get_secret_value()


class _Hidden:
    def __repr__(self) -> str:
        return "…"


class Config(BaseModel):
    """Base class of a plugin's config, one per install: `class DoorConfig(Config): api_key: Secret`.

    Keys of Envoy's that no field takes are ignored. `repr` shows the fields' names, never a value.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", coerce_numbers_to_str=True, hide_input_in_errors=True, validate_by_name=True
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Names alone."""
        return [(name, _Hidden()) for name in type(self).model_fields]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Nobody has entered yet what a half-filled form or config lacks."""
            if name in type(self).model_fields:
                raise NotEntered([name])
            return super().__getattr__(name)


Model = TypeVar("Model", bound=Config)


def parse_config(model: type[Model], raw: Mapping[str, Any]) -> Model:
    """An install's config as the plugin's type.

    Raises:
        ConfigMismatch: naming the fields that are missing or can't be read.
    """
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    names = dict.fromkeys(str(detail["loc"][0]) if detail["loc"] else "the whole" for detail in details)
    raise ConfigMismatch(list(names))


def parse_partial(model: type[Model], raw: Mapping[str, Any]) -> Model:
    """A half-filled form or config as the plugin's type: what can be read is set, and is in `model_fields_set`.

    What is missing, null or can't be read has its default; if it has none, to ask for it raises `NotEntered`.
    """
    given = {key: value for key, value in raw.items() if value is not None}
    with contextlib.suppress(ValidationError):
        return model.model_validate(given)
    half = cast("Model", model.model_construct(_fields_set=set()))
    for name, field in model.model_fields.items():
        key = field.alias if field.alias in given else name
        if key in given:
            # The field is set before validators of the whole model look, which may miss what isn't entered yet.
            with contextlib.suppress(ValidationError, NotEntered):
                model.__pydantic_validator__.validate_assignment(half, name, given[key])
    return half


def dump_config(config: Config) -> dict[str, JsonValue]:
    """A config as Envoy keeps it: what was set, secrets in the clear. None removes a key there."""
    dumped: dict[str, JsonValue] = plain_json(config.model_dump(exclude_unset=True, by_alias=True))
    return dumped


def plain_json(value: Any) -> Any:
    """A value as JSON has it, secrets in the clear."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {str(key): plain_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_json(one) for one in value]
    return to_jsonable_python(value)


class _Kept(BaseModel):
    """A config in Redis, and when it was Envoy's (seconds since 1970)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    at: float
    config: dict[str, Any]


class InstallConfigs:
    """The configs of all installs, shared by the plugin's processes."""

    def __init__(
        self,
        redis: Redis,
        sealer: Seals,
        api: EnvoyPluginAPI,
        *,
        key_of: Callable[[str], str],
        max_age: timedelta = timedelta(minutes=5),
        clock: Clock = time.time,
    ) -> None:
        """Keep an install's config under `key_of(install_id)` and read it from Envoy when older than `max_age`."""
        self._redis = redis
        self._sealer = sealer
        self._api = api
        self._key_of = key_of
        self._max_age = max_age.total_seconds()
        self._clock = clock
        self._written: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._flights: Flights[dict[str, JsonValue]] = Flights()

    async def remember(self, install_id: str, config: Mapping[str, Any]) -> None:
        """Keep what a delivery brought. Unchanged, it is written once a minute at most."""
        now, plain = self._clock(), encode(config)
        digest = hashlib.sha256(plain).digest()
        before, at = self._written.get(install_id, (b"", 0.0))
        if before == digest and now < at + min(REWRITE, self._max_age / 2):
            return
        await self._write(install_id, config, now)
        self._note(install_id, digest, now)

    async def get(self, install_id: str) -> dict[str, JsonValue]:
        """The install's config, as Envoy had it `max_age` ago or later.

        Raises:
            ApiUnavailable, ApiRefused, AuthFailed: the kept copy is too old, and Envoy can't be asked.
        """
        sealed = await self._redis.get(self._key_of(install_id))
        kept = None if sealed is None else self._open(cast("bytes", sealed))
        if kept is not None and self._clock() < kept.at + self._max_age:
            return kept.config
        return await self._flights.join(install_id, lambda: self._fetch(install_id))

    async def merge(self, install_id: str, changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Change the install's config at Envoy and return the whole; a value of None removes its key.

        What is kept here is the new one at once. A delivery that Envoy made before the change still carries the old.

        Raises:
            ApiUnavailable, ApiRefused, AuthFailed: as `EnvoyPluginAPI.set_config`.
        """
        await self.forget(install_id)
        now = self._clock()
        config = await self._api.set_config(install_id, changes)
        if config:
            await self._write(install_id, config, now)
        return config

    async def forget(self, install_id: str) -> None:
        """Drop what is kept of an install, as after its removal."""
        self._written.pop(install_id, None)
        await self._redis.delete(self._key_of(install_id))

    async def close(self) -> None:
        """Stop what goes on in the background."""
        await self._flights.close()

    async def _fetch(self, install_id: str) -> dict[str, JsonValue]:
        now = self._clock()
        config = await self._api.get_config(install_id)
        await self._write(install_id, config, now)
        return config

    async def _write(self, install_id: str, config: Mapping[str, Any], now: float) -> None:
        sealed = self._sealer.seal(encode({"at": now, "config": config}))
        await self._redis.set(self._key_of(install_id), sealed, px=max(1, int(self._max_age * 1000)))

    def _open(self, sealed: bytes) -> _Kept | None:
        """What is kept; None if no key opens it, or another release wrote it otherwise."""
        try:
            return _Kept.model_validate_json(self._sealer.open(sealed))
        except (SealError, ValidationError):
            return None

    def _note(self, install_id: str, digest: bytes, now: float) -> None:
        self._written[install_id] = (digest, now)
        self._written.move_to_end(install_id)
        while len(self._written) > REMEMBERED:
            self._written.popitem(last=False)
