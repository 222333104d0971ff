"""Tasks: functions of the plugin's own that are enqueued with arguments, and run by its workers."""

import re
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from envoy_plugin.context import Context
from envoy_plugin.engine.model import Enqueued
from envoy_plugin.engine.verbs import NO_INSTALL, Enqueue, Listing, Unique
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.job import EnvoyPluginJob
from envoy_plugin.envoy.redis_storage import RedisStorage
from envoy_plugin.envoy.storage import Storage
from envoy_plugin.errors import BadArguments, DeclarationError
from envoy_plugin.injection.handlers import Function, Needs, place
from envoy_plugin.injection.tasks import Arguments, Parameter, split
from envoy_plugin.outcomes import Outcome
from envoy_plugin.tasks.lanes import check_lane, lane_of, plain
from envoy_plugin.tasks.options import After, Options

Called = ParamSpec("Called")
Result_co = TypeVar("Result_co", bound=Mapping[str, Any] | Outcome | None, covariant=True)

QUEUE: Final = "tasks"
PREFIX: Final = "task:"
"""What the kind of a task's job begins with; the rest is the task's name."""
OTHERS_QUEUES: Final = frozenset({"default", "unassigned", "report", "advance", "steps", "workflow"})
GOOD_QUEUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
GOOD_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LIMIT_GRACE: Final = timedelta(seconds=2)
"""The worker ends what takes too long; the engine does so a little later, where the worker can't."""
VERSION: Final = 1


class Task(Protocol[Called, Result_co]):
    """What `@plugin.task(…)` makes of a function: the function itself, which can now be enqueued, too."""

    def __call__(self, *args: Called.args, **kwargs: Called.kwargs) -> Coroutine[Any, Any, Result_co]:
        """Call the function here and now, as in a unit test: with all of its arguments."""
        ...

    async def enqueue(  # noqa: PLR0913 - each is an option with a name
        self,
        *args: Any,
        key: str | None = None,
        delay: timedelta | None = None,
        at: datetime | None = None,
        after: After = (),
        hold: str | None = None,
        priority: int = 4,
        install: str | None = None,
        **arguments: Any,
    ) -> Enqueued:
        """Let a worker call the function with these arguments of its own; it gives the others when it does.

        Answers the job, or the one that holds the `key`: one job of this task and install at a time has it, until that
        job is over. In a background handler or a task, a run that happens again finds the jobs that it has made.

        `delay` counts from now, `at` is an aware moment. `after` names jobs to wait for, `hold` a gate that somebody
        must open. Of several jobs that wait, that with the highest `priority` (0 to 9) runs first. `install` is that of
        the handler that enqueues.

        Raises:
            BadArguments: an argument isn't what its annotation says, or an option makes no sense here.
            NotRunning: no process of the plugin runs here.
            JobNotFound: a job of `after` doesn't exist.
            TooLarge: the arguments have more than 256 KiB as JSON.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHandler:
    """A function that can be enqueued, and how it is run."""

    name: str
    function: Function
    queue: str
    retries: int
    timeout: timedelta
    lane: str | None
    parameters: tuple[Parameter, ...]

    def __str__(self) -> str:
        """Where the function was written."""
        return place(self.function)

    @property
    def kind(self) -> str:
        """The kind of its jobs."""
        return PREFIX + self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyTask:
    """A task of a complete plugin: it is known which parameters are its own arguments."""

    task: TaskHandler
    arguments: Arguments
    needs: Needs

    @classmethod
    def of(cls, task: TaskHandler, provided: Collection[type]) -> "ReadyTask":
        """The task, in a plugin that provides these types.

        Raises:
            DeclarationError: a parameter can be had in no way, or the lane is named after what isn't an argument.
        """
        own, needs = split(task.function, task.parameters, provided)
        if task.lane is not None:
            check_lane(task.lane, {one.name: one.hint for one in own}, str(task))
        return cls(task=task, arguments=Arguments.of(task.name, own), needs=needs)

    def job(self, context: Context, args: Sequence[object], named: Mapping[str, object], options: Options) -> Enqueue:
        """What makes a job of this task.

        Raises:
            BadArguments: see `Task.enqueue`.
        """
        options.check()
        after, bound = options.upstreams(), self.arguments.bind(args, named)
        install = options.install or context.install
        envoy_job = context.envoy_job if install == context.install else None
        self._check_place(install, envoy_job)
        task, content = self.task, self.arguments.encode(bound)
        return Enqueue(
            queue=task.queue,
            kind=task.kind,
            install=install,
            payload=context.engine.seal(Payload(envoy_job=envoy_job).encode(content)),
            priority=options.priority,
            delay=options.delay,
            at=options.at,
            retries=task.retries,
            limit=task.timeout + LIMIT_GRACE,
            after=after,
            holds={options.hold: None} if options.hold else {},
            lane=self._lane(install, bound),
            unique=self._unique(options.key, install, context),
            listed=(Listing.INSTALL, Listing.KIND),
        )

    @property
    def of_install(self) -> str | None:
        """A type that the task asks for and that there is for an install alone; None: it doesn't."""
        asked = (wanted for _, wanted in self.needs if wanted in {Storage, RedisStorage} or issubclass(wanted, Config))
        return next((wanted.__name__ for wanted in asked), None)

    @property
    def of_event(self) -> bool:
        """Whether the task asks for Envoy's job."""
        return any(wanted is EnvoyPluginJob for _, wanted in self.needs)

    def _check_place(self, install: str, envoy_job: str | None) -> None:
        asked = self.of_install
        if asked and install == NO_INSTALL:
            raise BadArguments(
                f"{self.task.name} asks for {asked}, which belongs to an install: enqueue it in a handler, or with"
                " install=…."
            )
        if envoy_job is None and self.of_event:
            raise BadArguments(
                f"{self.task.name} asks for EnvoyPluginJob: it can only be enqueued while an event that has a job at"
                " Envoy is handled."
            )

    def _lane(self, install: str, bound: Mapping[str, object]) -> str:
        if self.task.lane is None:
            return ""
        return plain(f"{install}:{lane_of(self.task.lane, self.arguments.with_defaults(bound))}")

    def _unique(self, key: str | None, install: str, context: Context) -> Unique | None:
        if key is None:
            return context.unique(self.task.kind)
        return Unique(key=plain(f"{self.task.kind}:{install}:{key}"))


class Payload(BaseModel):
    """What the engine holds of a task, sealed: this as a line of JSON, then the arguments.

    `v` is the version of this form; `envoy_job` is of the event in whose handling the task was enqueued.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    v: Literal[1] = VERSION
    envoy_job: str | None = None

    def encode(self, arguments: bytes) -> bytes:
        """With arguments, as it is kept."""
        return to_json(self.model_dump()) + b"\n" + arguments

    @classmethod
    def read(cls, content: bytes) -> tuple["Payload", bytes]:
        """The line, and the arguments.

        Raises:
            ValueError: another release's, which this one can't read.
        """
        line, _, arguments = content.partition(b"\n")
        return cls.model_validate_json(line), arguments


def check_queue(queue: object) -> None:
    """Refuse the name of a queue that the plugin's workers don't claim from.

    Raises:
        DeclarationError: naming it.
    """
    if not isinstance(queue, str) or queue in OTHERS_QUEUES or not GOOD_QUEUE.fullmatch(queue):
        raise DeclarationError(
            f"A queue of tasks is named by 1 to 40 of A-Z, a-z, 0-9 and _ . -, and not {queue!r}; default, unassigned,"
            " report and advance are other claimants'."
        )
