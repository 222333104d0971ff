"""`Things`: what a plugin's code gives to devices to do."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, Protocol, Self, TypeAlias

from envoy_plugin.apis.iot_jobs.constraints import MOST_DOCUMENT, check_job_id, check_thing
from envoy_plugin.apis.iot_jobs.fleets import Plan, Sent, create_fleet, find_fleet
from envoy_plugin.apis.iot_jobs.guesses import MOST_TARGETS
from envoy_plugin.apis.iot_jobs.refusals import Refusal, invalid, no_thing
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.apis.iot_jobs.requests import MOST_RETRIES
from envoy_plugin.context import unique_here
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Policy
from envoy_plugin.errors import ThingRefused

FUNCTION: Final = "things"
KINDS_OF_FAILURE: Final = frozenset({"timeout", "*"})
LONGEST: Final = timedelta(days=7)


class HasId(Protocol):
    """What stands for a job of the engine: what `send` or `enqueue` returns."""

    @property
    def id(self) -> str:
        """The job's id."""
        ...


After: TypeAlias = Iterable[HasId | str]


class Things:
    """The devices that an install may give work to: `await things["front-door-printer"].send({"print": "B-17"})`."""

    def __init__(self, engine: Engine, registry: Registry, install: str) -> None:
        self._engine = engine
        self._registry = registry
        self._install = install

    @classmethod
    def for_install(cls, engine: Engine, install: str) -> Self:
        """Those of an install: how handlers and tasks are given them."""
        return cls(engine, Registry(engine, time.time), install)

    def __repr__(self) -> str:
        return f"Things(install={self._install!r})"

    def __getitem__(self, names: str | tuple[str, ...]) -> "Recipients":
        """One thing, or several: `things["front-door-printer"]`, `things["printer", "kiosk"]`.

        Raises:
            ThingRefused: what can't be a thing's name, or over a hundred of them.
        """
        wanted = (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
        if not 0 < len(wanted) <= MOST_TARGETS:
            raise invalid(f"Work is sent to 1 to {MOST_TARGETS} things at once.")
        return Recipients(self._engine, self._registry, self._install, [check_thing(name) for name in wanted])


class Recipients:
    """Things that get the same work, each for itself."""

    def __init__(self, engine: Engine, registry: Registry, install: str, names: list[str]) -> None:
        self._engine = engine
        self._registry = registry
        self._install = install
        self._names = names

    async def send(
        self,
        document: Any,
        *,
        key: str | None = None,
        timeout: timedelta | None = None,
        retries: int | Mapping[str, int] = 0,
        after: After = (),
        description: str = "",
    ) -> Sent:
        """Give them something to do, and answer what stands for it: `Ongoing(after=sent)` tells Envoy the end.

        The end is that of the thing, and of several the last one's: well, where all of them succeeded. `document` is
        what the devices read, as JSON, at most 32,768 characters. Each device has `timeout` from when it starts, and is
        given it again after a failure, `retries` times in all, or `{"timeout": 2, "*": 1}` times. Jobs in `after` must
        succeed first. `key` is the id by which devices and operators know it; the same key again finds what was sent.
        Without one, a background handler that runs again finds what it has sent.

        Raises:
            ThingRefused: there is no such thing for this install, the key is another install's, or something is out of
                bounds.
            EngineError: a job in `after` doesn't exist.
        """
        _check_retries(retries)
        plan = Plan(
            job_id=_job_id(key),
            document=_encode(document),
            things=self._names,
            description=description,
            limit=_checked(timeout),
            retries=retries,
        )
        things = await self._registry.find_many(self._names)
        for thing in things:
            if not thing.takes_from(self._install):
                raise no_thing(thing.name)
        upstreams = {one if isinstance(one, str) else one.id: Policy.HOLD for one in after}
        sent = await create_fleet(self._engine, plan, things, install=self._install, after=upstreams)
        if not sent.created and (await find_fleet(self._engine, plan.job_id)).install != self._install:
            raise ThingRefused(Refusal.EXISTS, f"Job {plan.job_id} already exists.")
        return sent


def _job_id(key: str | None) -> str:
    """The id that devices see: what is given, else one that the same job makes again when it runs again."""
    if key is not None:
        return check_job_id(key)
    unique = unique_here(FUNCTION)
    if unique is None:
        return secrets.token_hex(12)
    return hashlib.sha256(unique.key.encode()).hexdigest()[:24]


def _encode(document: Any) -> str:
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise invalid("A document is what JSON can hold.") from None
    if len(text) > MOST_DOCUMENT:
        raise invalid(f"A document has at most {MOST_DOCUMENT} characters as JSON.")
    return text


def _checked(timeout: timedelta | None) -> timedelta | None:
    if timeout is not None and not timedelta(0) < timeout <= LONGEST:
        raise invalid("A timeout is above zero and at most a week.")
    return timeout


def _check_retries(retries: int | Mapping[str, int]) -> None:
    counts = {"*": retries} if isinstance(retries, int) else retries
    if min(counts.values(), default=0) < 0 or sum(counts.values()) > MOST_RETRIES or counts.keys() - KINDS_OF_FAILURE:
        raise invalid(f'Retries are a number, or {{"timeout": n, "*": m}}, at most {MOST_RETRIES} in all.')
