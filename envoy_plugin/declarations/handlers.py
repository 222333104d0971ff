"""Declarations: the decorators that turn functions into handlers. What makes no sense fails when the decorator runs."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from envoy_plugin.declarations.steps import StepDeclarations
from envoy_plugin.declarations.tasks import BACKGROUND_TIMEOUT, RETRIES
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.events import Event
from envoy_plugin.envoy.routes import Route, RouteKind
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import Function, Needs, check_needs, place, read_needs
from envoy_plugin.injection.providing import Provider, provided_type
from envoy_plugin.injection.setup_steps import read_route_needs
from envoy_plugin.outcomes import Outcome
from envoy_plugin.routing import Condition, Handler, RouteHandler, Router, check_event, make_filters
from envoy_plugin.run import Run

HandlerFunction = TypeVar(
    "HandlerFunction", bound=Callable[..., Coroutine[Any, Any, Mapping[str, Any] | Outcome | None]]
)
ProviderFunction = TypeVar("ProviderFunction", bound=Callable[[], AsyncIterator[object] | Coroutine[Any, Any, object]])
RouteFunction = TypeVar("RouteFunction", bound=Callable[..., Coroutine[Any, Any, object]])
Next: TypeAlias = Callable[[], Awaitable[Outcome]]
Middleware: TypeAlias = Callable[[Event, Next], Coroutine[Any, Any, Outcome]]
MiddlewareFunction = TypeVar("MiddlewareFunction", bound=Middleware)
ErrorHook: TypeAlias = Callable[[Exception, Event | Route | Run], Coroutine[Any, Any, Outcome | None]]
ErrorFunction = TypeVar("ErrorFunction", bound=ErrorHook)
Hook: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
HookFunction = TypeVar("HookFunction", bound=Hook)


class Routes(StepDeclarations):
    """Takes handlers, tasks and workflows, in a file of their own: `plugin.include(routes)` makes them the plugin's."""

    def __init__(self, *, config: type[Config] | None = None) -> None:
        """Begin a group; `config` is the plugin's, for handlers that ask for it.

        Raises:
            DeclarationError: `config` is no subclass of `Config`.
        """
        if config is not None and not (isinstance(config, type) and issubclass(config, Config)):
            raise DeclarationError(f"A plugin's config must be a subclass of Config, not {config!r}.")
        super().__init__(config)
        self._router = Router()
        self._providers: dict[type, Provider] = {}
        self._middlewares: list[Middleware] = []
        self._error_hooks: list[ErrorHook] = []
        self._startup: list[Hook] = []
        self._cleanup: list[Hook] = []
        self.handlers: Mapping[str, Handler] = self._router.handlers
        self.routes: Mapping[tuple[RouteKind, str], RouteHandler] = self._router.routes
        self.providers: Mapping[type, Provider] = MappingProxyType(self._providers)
        self.middlewares: Sequence[Middleware] = self._middlewares
        self.error_hooks: Sequence[ErrorHook] = self._error_hooks
        self.startup: Sequence[Hook] = self._startup
        self.cleanup: Sequence[Hook] = self._cleanup

    def find(self, event: str) -> Handler | None:
        """The handler of an event: the one for its name, else the one for a pattern that it fits."""
        return self._router.find(event)

    def close(self) -> None:
        """Take no further declarations: whoever includes these routes would not know of them.

        Raises:
            DeclarationError: they are included already.
        """
        if self._closed:
            raise DeclarationError("Routes can be included once.")
        self._closed = True

    def on(
        self,
        *events: str,
        background: bool = False,
        timeout: timedelta | None = None,
        retries: int | None = None,
        when: Condition | Sequence[Condition] = (),
        unless: Condition | Sequence[Condition] = (),
        unknown: bool = False,
    ) -> Callable[[HandlerFunction], HandlerFunction]:
        """Let the decorated function handle these events; the function itself stays as it is.

        An event is a name, or a pattern such as `invite_*`; a name goes before a pattern. Inline, Envoy waits for the
        outcome. With `background`, it is told at once that the work goes on; the work is durable, and Envoy hears its
        end.

        `timeout` is HANDLER_TIMEOUT (10 s) inline, and 5 min for each attempt in the background. `retries` is how often
        a background handler runs again after it failed, 5. An event is ignored, with the reason, where a condition of
        `when` is false or one of `unless` true. `unknown` allows an event whose name looks like a known one misspelt.

        Raises:
            DeclarationError: an event has a handler, or the options or the function's parameters make no sense.
        """
        for event in events or ("",):
            check_event(event, unknown=unknown, background=background)
        within, again = _limits(events, background=background, timeout=timeout, retries=retries)
        filters = make_filters(when=_several(when), unless=_several(unless))

        def register(function: HandlerFunction) -> HandlerFunction:
            needs = self._read_needs(function, events, background=background)
            for event in events:
                handler = Handler(
                    event=event,
                    function=function,
                    background=background,
                    timeout=within,
                    retries=again,
                    needs=needs,
                    filters=filters,
                )
                self._router.add(handler)
            return function

        return register

    def _read_needs(self, function: Function, events: Sequence[str], *, background: bool) -> Needs:
        self._check_open(function)
        needs = read_needs(function)
        for event in events:
            check_needs(function, needs, event=event, background=background, config=self.config)
        return needs

    def plugin_uninstalled(self, function: HandlerFunction) -> HandlerFunction:
        """Call the decorated function when an install is removed, which may ask for what an event's handler may.

        What is kept of the install's config goes in any case.
        """
        return self.on("plugin_uninstalled")(function)

    def options(self, name: str, *, timeout: timedelta | None = None) -> Callable[[RouteFunction], RouteFunction]:
        """Let the decorated function give the choices of a dropdown: a list of `Option`, or `Options` with a cursor.

        Its URL is `/envoy/routes/options/{name}`; that of the other kinds is made in the same way. By name it is given
        `search: str | None`, `page: int | None`, `cursor: str | None`. `timeout` is HANDLER_TIMEOUT (10 s).

        Raises:
            DeclarationError: the name can't stand in a URL or is had already, or the function's parameters make no
                sense; so do the other kinds.
        """
        return self._route(RouteKind.OPTIONS, name, timeout)

    def selected_values(
        self, name: str, *, timeout: timedelta | None = None
    ) -> Callable[[RouteFunction], RouteFunction]:
        """Let the decorated function label values that were saved before, which it is given as `values`."""
        return self._route(RouteKind.SELECTED_VALUES, name, timeout)

    def remote_value(self, name: str, *, timeout: timedelta | None = None) -> Callable[[RouteFunction], RouteFunction]:
        """Let the decorated function give the text that a field begins with."""
        return self._route(RouteKind.REMOTE_VALUE, name, timeout)

    def validation(self, name: str, *, timeout: timedelta | None = None) -> Callable[[RouteFunction], RouteFunction]:
        """Let the decorated function check what was entered, given as `form`; `Reject` keeps the installer on the step.

        What it returns is merged into the install's config instead of what was entered; None keeps all of that.
        """
        return self._route(RouteKind.VALIDATION, name, timeout)

    def migration(self, name: str, *, timeout: timedelta | None = None) -> Callable[[RouteFunction], RouteFunction]:
        """Let the decorated function make an install's config what this version of the plugin wants."""
        return self._route(RouteKind.MIGRATION, name, timeout)

    def provides(self, function: ProviderFunction) -> ProviderFunction:
        """Let handlers ask for what the decorated function gives, by its type; one value per process.

        An async generator, annotated `AsyncIterator[Doors]`, yields the value once and closes it after the yield when
        the process ends; a coroutine function returns it. Opened in the order of declaration, closed in reverse.

        Raises:
            DeclarationError: the function takes parameters or doesn't say what it gives, or the type is had already.
        """
        self._check_open(function)
        self._provide(Provider(type=provided_type(function), function=function))
        return function

    def middleware(self, function: MiddlewareFunction) -> MiddlewareFunction:
        """Wrap every event handler in the decorated function, which is given the event and a function to go on with.

        The first declared is the outermost. What it returns is the outcome: usually `return await call()`, which gives
        the handler's, returned or raised; what else the handler raises goes through. The handler's time-out is for all
        of it.

        Raises:
            DeclarationError: not an async function of two parameters.
        """
        self._declare(self._middlewares, function, takes=("event", "call"))
        return function

    def on_error(self, function: ErrorFunction) -> ErrorFunction:
        """Call the decorated function with an error that a handler raised, and with the event or the setup step.

        Of an error in a task, it is given the task's `Run`.

        The first outcome that one of them gives goes in the place of the error; what they raise is logged. They are
        called within the handler's time-out. They are not told what is no error of the handler's: an outcome, a payload
        or a config that doesn't fit, Envoy or Redis out of reach, a time-out.

        Raises:
            DeclarationError: not an async function of two parameters.
        """
        self._declare(self._error_hooks, function, takes=("error", "about"))
        return function

    def on_startup(self, function: HookFunction) -> HookFunction:
        """Call the decorated function when a process starts, before it takes work; in the order of declaration.

        What it raises ends the process. What is to be closed again is better made by `provides`.

        Raises:
            DeclarationError: not an async function without parameters.
        """
        self._declare(self._startup, function, takes=())
        return function

    def on_cleanup(self, function: HookFunction) -> HookFunction:
        """Call the decorated function when a process ends, after its last work; the last declared first.

        What it raises is logged, and the others are called. Called also where `on_startup` failed.

        Raises:
            DeclarationError: not an async function without parameters.
        """
        self._declare(self._cleanup, function, takes=())
        return function

    def _route(self, kind: RouteKind, name: str, timeout: timedelta | None) -> Callable[[RouteFunction], RouteFunction]:
        _check_name(kind, name)
        _check_timeout(f"the {kind} route {name!r}", timeout)

        def register(function: RouteFunction) -> RouteFunction:
            self._check_open(function)
            needs = read_route_needs(function, kind, self.config)
            self._router.add_route(RouteHandler(kind=kind, name=name, function=function, timeout=timeout, needs=needs))
            return function

        return register

    def _provide(self, provider: Provider) -> None:
        other = self._providers.get(provider.type)
        if other is not None:
            raise DeclarationError(
                f"{provider.type.__name__} is provided twice, by {other.place} and {provider.place}."
            )
        self._providers[provider.type] = provider

    def _declare(self, declared: list[Any], function: Callable[..., Any], *, takes: Sequence[str]) -> None:
        self._check_open(function)
        parameters = f"of {len(takes)} parameters, {' and '.join(takes)}" if takes else "without parameters"
        if not inspect.iscoroutinefunction(function) or not _can_take(function, len(takes)):
            raise DeclarationError(f"{place(function)} must be an async function {parameters}.")
        declared.append(function)


def _several(conditions: Condition | Sequence[Condition]) -> Sequence[Condition]:
    return conditions if isinstance(conditions, Sequence) else [conditions]


def _can_take(function: Callable[..., Any], count: int) -> bool:
    """Whether so many positional arguments are what it needs."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


def _check_name(kind: RouteKind, name: object) -> None:
    if not isinstance(name, str) or not name or "/" in name:
        shown = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
        raise DeclarationError(f"The name of a {kind} route is part of its URL, so it can't be {shown}.")


def _check_timeout(whose: str, timeout: timedelta | None) -> None:
    if timeout is not None and (not isinstance(timeout, timedelta) or timeout <= timedelta(0)):
        raise DeclarationError(f"The timeout for {whose} must be a timedelta above zero, not {timeout!r}.")


def _limits(
    events: Sequence[str], *, background: bool, timeout: timedelta | None, retries: int | None
) -> tuple[timedelta | None, int]:
    named = ", ".join(map(repr, events))
    _check_timeout(named, timeout)
    if not background:
        if retries is not None:
            raise DeclarationError(f"An inline handler is not retried: leave out retries for {named}.")
        return timeout, 0
    retries = RETRIES if retries is None else retries
    if not isinstance(retries, int) or retries < 0:
        raise DeclarationError(f"The retries for {named} must be a whole number from 0, not {retries!r}.")
    return timeout or BACKGROUND_TIMEOUT, retries
