"""Work for pull-workers, given from a plugin's own code."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, Protocol, Self, TypeAlias

from pydantic import ValidationError

from envoy_plugin.apis.titan.new_jobs import NewJob, enqueue_of
from envoy_plugin.apis.titan.words import KIND, PublicId
from envoy_plugin.context import unique_here
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Enqueued
from envoy_plugin.engine.verbs import NO_INSTALL, Policy, Unique
from envoy_plugin.errors import BadArguments

MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)


class HasId(Protocol):
    """What enqueueing has answered: of a task, of work for a device, of other work like this."""

    @property
    def id(self) -> str:
        """The job's id in the engine."""
        ...


Word: TypeAlias = Literal["run", "hold", "cancel"]
After: TypeAlias = Iterable[HasId | str] | Mapping[HasId | str, Word]
"""Jobs to wait for; as a mapping, with what each one's failure means. Without, the work stays delayed, and visible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """Work that was handed over. `id` is the engine's, `titan_id` the one that workers know its first attempt by.

    `created` is False where the key was held, and it is then the job that holds it.
    """

    id: str
    titan_id: str
    created: bool

    @classmethod
    def of(cls, made: Enqueued) -> Self:
        """What the engine has answered."""
        return cls(id=made.id, titan_id=str(PublicId(made.id, 1)), created=made.created)


class Titan:
    """Pull-workers, in whatever language: `await titan.enqueue(image="resize", payload=entry.id)`."""

    def __init__(self, engine: Engine, install: str = NO_INSTALL) -> None:
        self._engine = engine
        self._install = install

    @classmethod
    def for_install(cls, engine: Engine, install: str) -> Self:
        """Those of an install: how handlers and tasks are given them."""
        return cls(engine, install)

    def __repr__(self) -> str:
        return f"Titan(install={self._install!r})"

    async def enqueue(  # noqa: PLR0913 - each is an option with a name
        self,
        *,
        image: str | None = None,
        payload: str | None = None,
        delay: timedelta = timedelta(),
        timeout: timedelta = MINUTE,
        priority: int = 0,
        max_retries: int = 3,
        retries_delay: timedelta = MINUTE,
        after: After = (),
        key: str | None = None,
    ) -> Handed:
        """Let a pull-worker do something, and answer what stands for it: `Ongoing(after=…)` tells Envoy the end.

        `image` says what is to be done, in words that workers know; `payload`, with what, at most 1 MiB in UTF-8. A
        worker that is silent for `timeout` loses it. It is tried again `max_retries` times (at most 25), each time
        `retries_delay` after a failure. Of several that wait, that with the highest `priority` (0 to 2) goes first.
        Durations are in whole seconds.

        It waits for the jobs of `after`. One job at a time has a `key`, until it is over; without one, a background
        handler or a task that runs again finds what it has handed over.

        Raises:
            BadArguments: something is out of bounds.
            JobNotFound: a job of `after` doesn't exist.
        """
        job = _checked(
            image=image,
            payload=payload,
            delay=_seconds(delay),
            timeout=_seconds(timeout),
            priority=priority,
            max_retries=max_retries,
            retries_delay=_seconds(retries_delay),
        )
        unique = unique_here(KIND) if key is None else Unique(key=self._name(key))
        verb = enqueue_of(self._engine, job, install=self._install, after=_upstreams(after), unique=unique)
        return Handed.of(await self._engine.enqueue(verb))

    def _name(self, key: str) -> str:
        """What Redis holds of a key: nothing that could be read."""
        return f"{KIND}:{self._install}:{hashlib.sha256(key.encode()).hexdigest()}"


def _seconds(span: timedelta) -> int:
    seconds, rest = divmod(span, SECOND)
    if rest:
        raise BadArguments("A pull-worker's job can't be like that: durations are in whole seconds.")
    return seconds


def _checked(**facts: object) -> NewJob:
    try:
        return NewJob.model_validate(facts)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
    told = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in faults)
    raise BadArguments(f"A pull-worker's job can't be like that: {told}.")


def _upstreams(after: After) -> dict[str, Policy]:
    policies = after if isinstance(after, Mapping) else dict.fromkeys(after, Policy.HOLD)
    return {job if isinstance(job, str) else job.id: Policy(policy) for job, policy in policies.items()}
