"""`Things`: what a plugin's code gives to devices to do."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Literal, Protocol, Self, TypeAlias

from envoy_plugin.apis.iot_jobs.constraints import MOST_DOCUMENT, check_job_id, check_thing, printable
from envoy_plugin.apis.iot_jobs.executions import Execution, read_executions
from envoy_plugin.apis.iot_jobs.fleets import Plan, Sent, create_fleet, find_children, find_fleet
from envoy_plugin.apis.iot_jobs.guesses import MOST_TARGETS
from envoy_plugin.apis.iot_jobs.refusals import Refusal, invalid, no_job, no_thing
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.apis.iot_jobs.requests import MOST_DESCRIPTION, MOST_RETRIES
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


Word: TypeAlias = Literal["run", "hold", "cancel"]
After: TypeAlias = Iterable[HasId | str] | Mapping[HasId | str, Word]
"""Jobs to wait for; as a mapping, with what each one's failure means. Without, the work stays held."""


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
        wanted = tuple(dict.fromkeys((names,) if isinstance(names, str) else names))
        if not 0 < len(wanted) <= MOST_TARGETS:
            raise invalid(f"Work is sent to 1 to {MOST_TARGETS} things at once.")
        return Recipients(self._engine, self._registry, self._install, [check_thing(name) for name in wanted])

    async def find(self, job_id: str) -> list[Execution]:
        """What became of what was sent, for each thing: by its `key`, or by the `job_id` of what `send` answered.

        `status` is AWS' word, as SUCCEEDED or TIMED_OUT; `details` are what the device said last of it, or None. They
        are kept for a day after a good end, the rest for a week.

        Raises:
            ThingRefused: there is no such job of this install, or not any more.
        """
        fleet = await find_fleet(self._engine, check_job_id(job_id))
        if fleet.install != self._install:
            raise no_job(job_id)
        return await read_executions(self._engine, await find_children(self._engine, fleet.id))


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
        be over first: succeed, unless it says otherwise of them. `key` is the id by which devices and operators know
        it; the same key again finds what was sent. Without one, a background handler or a task that runs again finds
        what it has sent to these things.

        Raises:
            ThingRefused: there is no such thing for this install, the key is of work of another install or for other
                things, or something is out of bounds.
            EngineError: a job in `after` doesn't exist.
        """
        plan = Plan(
            job_id=_job_id(key, self._names),
            document=_encode(document),
            things=self._names,
            description=_described(description),
            limit=_limit(timeout),
            retries=_retries(retries),
        )
        upstreams = _upstreams(after)
        things = await self._registry.find_many(self._names)
        for thing in things:
            if not thing.takes_from(self._install):
                raise no_thing(thing.name)
        sent = await create_fleet(self._engine, plan, things, install=self._install, after=upstreams)
        if not sent.created:
            await self._check_same(plan.job_id)
        return sent

    async def _check_same(self, job_id: str) -> None:
        """Refuse a key of which the work is another install's, or other things'."""
        fleet = await find_fleet(self._engine, job_id)
        if fleet.install != self._install:
            raise ThingRefused(Refusal.EXISTS, f"Job {job_id} already exists.")
        if {Execution.of(child).thing for child in await find_children(self._engine, fleet.id)} != set(self._names):
            raise ThingRefused(Refusal.EXISTS, f"Job {job_id} already exists, for other things.")


def _job_id(key: str | None, names: Iterable[str]) -> str:
    """The id that devices see: what is given, else one that the same job makes again when it runs again.

    It is the how-manieth for these things: a handler may send to several in another order when it runs again.
    """
    if key is not None:
        return check_job_id(key)
    unique = unique_here(" ".join((FUNCTION, *sorted(names))))
    if unique is None:
        return secrets.token_hex(12)
    return hashlib.sha256(unique.key.encode()).hexdigest()[:24]


def _encode(document: Any) -> str:
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        raise invalid("A document is what JSON can hold.") from None
    if len(text) > MOST_DOCUMENT:
        raise invalid(f"A document has at most {MOST_DOCUMENT} characters as JSON.")
    return text


def _described(description: str) -> str:
    with suppress(TypeError, ValueError):
        if len(printable(description)) <= MOST_DESCRIPTION:
            return description
    raise invalid(f"A description is a text of at most {MOST_DESCRIPTION} characters, without control characters.")


def _limit(timeout: timedelta | None) -> timedelta | None:
    if timeout is None or (isinstance(timeout, timedelta) and timedelta(0) < timeout <= LONGEST):
        return timeout
    raise invalid("A timeout is a timedelta above zero, of at most a week.")


def _retries(retries: int | Mapping[str, int]) -> int | Mapping[str, int]:
    counts = retries if isinstance(retries, Mapping) else {"*": retries}
    are_whole = all(type(count) is int and count >= 0 for count in counts.values())
    if are_whole and sum(counts.values()) <= MOST_RETRIES and counts.keys() <= KINDS_OF_FAILURE:
        return retries
    raise invalid(f'Retries are a number, or {{"timeout": n, "*": m}}, at most {MOST_RETRIES} in all.')


def _upstreams(after: After) -> dict[str, Policy]:
    with suppress(TypeError, ValueError, AttributeError):
        policies = after if isinstance(after, Mapping) else dict.fromkeys(after, Policy.HOLD)
        if not isinstance(after, str):
            return {one if isinstance(one, str) else one.id: Policy(word) for one, word in policies.items()}
    raise invalid(f"after is a list of jobs, or a mapping of them to {', '.join(Policy)}.")
