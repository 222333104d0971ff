"""Declarations of tasks and schedules, and the home of tasks: the plugin through which they are enqueued."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, cast

from envoy_plugin.context import Context, current_context
from envoy_plugin.engine.model import Enqueued
from envoy_plugin.envoy.config import Config
from envoy_plugin.errors import DeclarationError, NotRunning
from envoy_plugin.injection.handlers import place
from envoy_plugin.injection.tasks import read_parameters
from envoy_plugin.tasks.options import OPTIONS, Options
from envoy_plugin.tasks.schedules import Cron, Every, Schedule
from envoy_plugin.tasks.task import GOOD_NAME, QUEUE, Called, ReadyTask, Result_co, Task, TaskHandler, check_queue

BACKGROUND_TIMEOUT: Final = timedelta(minutes=5)
RETRIES: Final = 5
EXAMPLES: Final = {"every": '@plugin.every("10m")', "cron": '@plugin.cron("0 6 * * 1-5")'}


@dataclass(slots=True, eq=False)
class Home:
    """Where tasks belong: a plugin, or routes that wait to be included in one, which then have the plugin's home.

    `ready` are the tasks of a plugin that was checked, `running` its processes that are open here.
    """

    plugin: str | None = None
    ready: Mapping[str, ReadyTask] = field(default_factory=dict)
    running: list[Context] = field(default_factory=list)

    def find(self, task: TaskHandler) -> tuple[Context, ReadyTask]:
        """In which context a task is enqueued: that of the code that runs, else of the process opened last.

        Raises:
            NotRunning: there is none.
        """
        current = current_context()
        if current is None or current.owner is not self:
            current = self.running[-1] if self.running else None
        ready = self.ready.get(task.name)
        if current is None or ready is None:
            raise NotRunning(f"{task.name} can't be enqueued: {self._why_not(task)}.")
        return current, ready

    def _why_not(self, task: TaskHandler) -> str:
        if self.plugin is None:
            return "no plugin includes the routes that it belongs to"
        if self.running:
            return f"it was declared after a process of {self.plugin} had been opened"
        return f"no process of {self.plugin} runs here. In a script: async with open_plugin(plugin)"


class TaskDeclarations:
    """What `Routes` knows of tasks."""

    def __init__(self, config: type[Config] | None) -> None:
        """Begin without any."""
        self.config = config
        self._closed = False
        self.home = Home()
        self._tasks: dict[str, TaskHandler] = {}
        self._schedules: dict[str, Schedule] = {}
        self.tasks: Mapping[str, TaskHandler] = MappingProxyType(self._tasks)
        self.schedules: Mapping[str, Schedule] = MappingProxyType(self._schedules)

    @property
    def queues(self) -> list[str]:
        """The queues that tasks are enqueued to, sorted."""
        return sorted({task.queue for task in self.tasks.values()})

    def task(
        self,
        *,
        retries: int = RETRIES,
        timeout: timedelta = BACKGROUND_TIMEOUT,
        lane: str | None = None,
        queue: str = QUEUE,
        name: str | None = None,
    ) -> Callable[[Callable[Called, Coroutine[Any, Any, Result_co]]], Task[Called, Result_co]]:
        """Let the decorated function be enqueued, `await function.enqueue(…)`; it stays callable as it is.

        Parameters of a type that the framework or `@plugin.provides` gives are given when it runs. The others are its
        arguments: they are checked when it is enqueued, and kept as JSON.

        `retries` is how often it runs again after it failed, 5. `timeout` ends one attempt, after 5 min. Jobs of one
        `lane` and install run one after the other, as they were enqueued; `door:{door_id}` is a lane for each value of
        the argument. `queue` is one that the plugin's workers claim from. `name`, else the function's, is what its jobs
        are known by.

        Raises:
            DeclarationError: the name is had already, or the options or the function's parameters make no sense.
        """

        def register(function: Callable[Called, Coroutine[Any, Any, Result_co]]) -> Task[Called, Result_co]:
            self._check_open(function)
            handler = TaskHandler(
                name=_checked_name(function, name),
                function=function,
                queue=queue,
                retries=retries,
                timeout=timeout,
                lane=lane,
                parameters=read_parameters(function, self.config, taken=OPTIONS),
            )
            _check_options(handler)
            self._add_task(handler)
            return self._enqueueable(handler, function)

        return register

    def every(
        self, interval: str | timedelta
    ) -> Callable[[Callable[Called, Coroutine[Any, Any, Result_co]]], Task[Called, Result_co]]:
        """Let the decorated function run each full `10m` (or `30s`, `24h`, a timedelta), counted from 1970 in UTC.

        It runs once, whatever the number of processes, as a task that is enqueued without arguments; `@plugin.task(…)`
        below this decorator says how. Of the ticks that were missed while no worker ran, the first is made up for.

        Raises:
            DeclarationError: no duration from 1 second to 366 days, or the function asks for what a schedule lacks.
        """
        return self._schedule("every", interval, lambda: Every.parse(interval))

    def cron(
        self, expression: str, *, tz: str = "UTC"
    ) -> Callable[[Callable[Called, Coroutine[Any, Any, Result_co]]], Task[Called, Result_co]]:
        """Let the decorated function run at times such as `0 6 * * 1-5`, on the clocks of `tz`; otherwise as `every`.

        The five fields are minute, hour, day of month, month and day of week. A time that the clocks skip in spring is
        run once they have; one that comes twice in autumn is run the first time.

        Raises:
            DeclarationError: the expression can't be read or never comes, or there is no such time zone.
        """
        return self._schedule("cron", expression, lambda: Cron.parse(expression, tz))

    def _schedule(
        self, what: str, when: object, parse: Callable[[], Every | Cron]
    ) -> Callable[[Callable[Called, Coroutine[Any, Any, Result_co]]], Task[Called, Result_co]]:
        if callable(when):
            raise DeclarationError(f"{what} takes a time, as in {EXAMPLES[what]}, not a function.")

        def register(function: Callable[Called, Coroutine[Any, Any, Result_co]]) -> Task[Called, Result_co]:
            self._check_open(function)
            try:
                rule = parse()
            except ValueError as error:
                raise DeclarationError(f"{place(function)}: @plugin.{what}: {error}.") from None
            known = [task for task in self._tasks.values() if task.function is function]
            task = cast("Task[Called, Result_co]", function) if known else self.task()(function)
            [handler] = [task for task in self._tasks.values() if task.function is function]
            self._add_schedule(Schedule(task=handler.name, rule=rule))
            return task

        return register

    def _add_task(self, handler: TaskHandler) -> None:
        other = self._tasks.get(handler.name)
        if other is not None and other.function is handler.function:
            raise DeclarationError(
                f"{handler} is a task already; @plugin.every and @plugin.cron stand above @plugin.task."
            )
        if other is not None:
            raise DeclarationError(
                f"There are two tasks {handler.name!r}, {other} and {handler}: give one another name, task(name=…)."
            )
        self._tasks[handler.name] = handler

    def _add_schedule(self, schedule: Schedule) -> None:
        if schedule.name in self._schedules:
            raise DeclarationError(f"{self._tasks[schedule.task]} has the schedule {str(schedule.rule)!r} twice.")
        self._schedules[schedule.name] = schedule

    def _include_tasks(self, others: "TaskDeclarations") -> None:
        for task in others.tasks.values():
            self._add_task(task)
        for schedule in others.schedules.values():
            self._add_schedule(schedule)
        others.home = self.home

    def _enqueueable(
        self, handler: TaskHandler, function: Callable[Called, Coroutine[Any, Any, Result_co]]
    ) -> Task[Called, Result_co]:
        """The function itself, with its `enqueue`."""

        async def enqueue(*args: object, **given: Any) -> Enqueued:
            context, task = self.home.find(handler)
            options = Options(**{name: value for name, value in given.items() if name in OPTIONS})
            named = {name: value for name, value in given.items() if name not in OPTIONS}
            return await context.batcher.run(task.job(context, args, named, options))

        setattr(function, "enqueue", enqueue)  # noqa: B010 - a type checker knows functions without attributes
        return cast("Task[Called, Result_co]", function)

    def _check_open(self, function: Callable[..., object]) -> None:
        if self._closed:
            raise DeclarationError(f"{place(function)} is declared after its routes were included in a plugin.")


def _checked_name(function: Callable[..., object], name: str | None) -> str:
    found = getattr(function, "__name__", "") if name is None else name
    if not isinstance(found, str) or not GOOD_NAME.fullmatch(found):
        raise DeclarationError(
            f"{place(function)}: a task's name is 1 to 64 of A-Z, a-z, 0-9 and _ . -, not {found!r}."
        )
    return found


def _check_options(task: TaskHandler) -> None:
    if isinstance(task.retries, bool) or not isinstance(task.retries, int) or task.retries < 0:
        raise DeclarationError(f"{task}: retries must be a whole number from 0, not {task.retries!r}.")
    if not isinstance(task.timeout, timedelta) or task.timeout <= timedelta(0):
        raise DeclarationError(f"{task}: timeout must be a timedelta above zero, not {task.timeout!r}.")
    check_queue(task.queue)


def check_schedule(task: ReadyTask) -> None:
    """Refuse to run a task by itself that needs what no schedule has.

    Raises:
        DeclarationError: it has arguments without defaults, or asks for what belongs to an install or an event.
    """
    needs = [name for name, one in task.arguments.signature.parameters.items() if one.default is one.empty]
    needs += [task.of_install or "EnvoyPluginJob"] if task.of_install or task.of_event else []
    if needs:
        raise DeclarationError(
            f"{task.task} needs {needs[0]}, and a schedule gives neither arguments nor what belongs to an install."
        )
