"""A plugin: its name, its config, its handlers, and what it provides to them."""

import re
from typing import Final

from envoy_plugin.declarations.handlers import Routes
from envoy_plugin.declarations.steps import StepHandler
from envoy_plugin.declarations.tasks import check_schedule
from envoy_plugin.envoy.config import Config
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import find_missing
from envoy_plugin.routing import Handler, RouteHandler
from envoy_plugin.tasks.task import ReadyTask

NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME: Final = 40


class Plugin(Routes):
    """What is served: `@plugin.on` takes the functions that handle events, `@plugin.provides` what they share."""

    def __init__(self, name: str, *, config: type[Config] | None = None) -> None:
        """Name the plugin, and the type of the configuration that each install has.

        `name` is in front of every key in Redis unless REDIS_PREFIX is set: at most 40 of a-z and 0-9, with single
        dashes between them.

        Raises:
            DeclarationError: the name has another form, or `config` is no subclass of `Config`.
        """
        if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
            raise DeclarationError(
                f"A plugin's name is at most {LONGEST_NAME} of a-z and 0-9, with single dashes between, not {name!r}."
            )
        super().__init__(config=config)
        self.name = name
        self.home.plugin = name

    def __repr__(self) -> str:
        return f"Plugin({self.name!r})"

    def include(self, routes: Routes) -> None:
        """Make the handlers of `routes`, and all else that was declared there, this plugin's.

        Its middleware and hooks come after those that the plugin has already, and are for all of the plugin's handlers.
        Once included, `routes` takes no further declarations.

        Raises:
            DeclarationError: something is declared in both, or `routes` was made for another config or is included
                already.
        """
        if isinstance(routes, Plugin):
            raise DeclarationError(f"Plugin {self.name!r} can't include another plugin, {routes.name!r}.")
        if routes.config not in {None, self.config}:
            wanted = routes.config.__name__ if routes.config else "none"
            raise DeclarationError(f"Plugin {self.name!r} has another config than the included routes, {wanted}.")
        routes.close()
        for handler in routes.handlers.values():
            self._router.add(handler)
        for route in routes.routes.values():
            self._router.add_route(route)
        for provider in routes.providers.values():
            self._provide(provider)
        self._include_tasks(routes)
        self._include_steps(routes)
        self._middlewares += routes.middlewares
        self._error_hooks += routes.error_hooks
        self._startup += routes.startup
        self._cleanup += routes.cleanup

    def find_task(self, name: str) -> ReadyTask | None:
        """The task of this name, once the plugin was checked."""
        return self.home.ready.get(name)

    def check(self) -> None:
        """Make sure that everything the handlers ask for is provided; called once the plugin is imported.

        Raises:
            DeclarationError: with a line for each parameter that nothing can be given for, and for each fault of a
                workflow.
        """
        missing: list[str] = []
        declared: list[Handler | RouteHandler | StepHandler] = [
            *self.handlers.values(),
            *self.routes.values(),
            *self.steps.values(),
        ]
        for handler in declared:
            missing += find_missing(handler.function, handler.needs, self._providers)
        missing += self.check_workflows()
        if missing:
            raise DeclarationError("\n".join(missing))
        self.home.ready = {name: ReadyTask.of(task, self._providers) for name, task in self.tasks.items()}
        for schedule in self.schedules.values():
            check_schedule(self.home.ready[schedule.task])
