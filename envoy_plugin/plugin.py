"""A plugin: its name, its config, its handlers, and what it provides to them."""

import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args, get_origin

from envoy_plugin.envoy.config import Config
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection import (
    can_be_provided,
    check_needs,
    find_missing,
    is_framework,
    place,
    read_hints,
    read_needs,
)
from envoy_plugin.outcomes import Outcome
from envoy_plugin.routing import Handler, Router, check_event

BACKGROUND_TIMEOUT: Final = timedelta(minutes=5)
RETRIES: Final = 5
NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME: Final = 40
GENERATORS: Final = frozenset({AsyncIterator, AsyncGenerator, AsyncIterable})

HandlerFunction = TypeVar(
    "HandlerFunction", bound=Callable[..., Coroutine[Any, Any, Mapping[str, Any] | Outcome | None]]
)
ProviderFunction = TypeVar("ProviderFunction", bound=Callable[[], AsyncIterator[object] | Coroutine[Any, Any, object]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A function that makes the one value of a type that a process has."""

    type: type
    function: Callable[[], Any]

    @property
    def place(self) -> str:
        """Where the function was written."""
        return place(self.function)

    async def open(self, stack: AsyncExitStack) -> object:
        """The value; what ends it is left on `stack`."""
        if inspect.isasyncgenfunction(self.function):
            return await stack.enter_async_context(asynccontextmanager(self.function)())
        return await self.function()


class Plugin:
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
        if config is not None and not (isinstance(config, type) and issubclass(config, Config)):
            raise DeclarationError(f"The config of plugin {name!r} must be a subclass of Config, not {config!r}.")
        self.name = name
        self.config = config
        self._router = Router()
        self._providers: dict[type, Provider] = {}
        self.handlers: Mapping[str, Handler] = self._router.handlers
        self.providers: Mapping[type, Provider] = MappingProxyType(self._providers)

    def __repr__(self) -> str:
        return f"Plugin({self.name!r})"

    def on(
        self,
        event: str,
        *,
        background: bool = False,
        timeout: timedelta | None = None,
        retries: int | None = None,
        unknown: bool = False,
    ) -> Callable[[HandlerFunction], HandlerFunction]:
        """Let the decorated function handle `event`; the function itself stays as it is.

        Inline, Envoy waits for the outcome. With `background`, it is told at once that the work goes on; the work is
        durable, and Envoy hears its end.

        `timeout` is HANDLER_TIMEOUT (10 s) inline, and 5 min for each attempt in the background. `retries` is how often
        a background handler runs again after it failed, 5. `unknown` allows an event whose name
        looks like a known one misspelt.

        Raises:
            DeclarationError: the event has a handler, or the options or the function's parameters make no sense.
        """
        check_event(event, unknown=unknown, background=background)
        limits = _limits(event, background=background, timeout=timeout, retries=retries)

        def register(function: HandlerFunction) -> HandlerFunction:
            needs = read_needs(function)
            check_needs(function, needs, event=event, background=background, config=self.config)
            handler = Handler(
                event=event, function=function, background=background, timeout=limits[0], retries=limits[1], needs=needs
            )
            self._router.add(handler)
            return function

        return register

    def provides(self, function: ProviderFunction) -> ProviderFunction:
        """Let handlers ask for what the decorated function gives, by its type; one value per process.

        An async generator, annotated `AsyncIterator[Doors]`, yields the value once and closes it after the yield when
        the process ends; a coroutine function returns it. Opened in the order of declaration, closed in reverse.

        Raises:
            DeclarationError: the function takes parameters or doesn't say what it gives, or the type is had already.
        """
        provider = Provider(type=_provided_type(function), function=function)
        other = self._providers.get(provider.type)
        if other is not None:
            raise DeclarationError(
                f"{provider.type.__name__} is provided twice, by {other.place} and {provider.place}."
            )
        self._providers[provider.type] = provider
        return function

    def check(self) -> None:
        """Make sure that everything the handlers ask for is provided; called once the plugin is imported.

        Raises:
            DeclarationError: with a line for each parameter that nothing can be given for.
        """
        missing: list[str] = []
        for handler in self.handlers.values():
            missing += find_missing(handler.function, handler.needs, self._providers)
        if missing:
            raise DeclarationError("\n".join(missing))


@asynccontextmanager
async def open_providers(plugin: Plugin) -> AsyncIterator[Mapping[type, object]]:
    """Everything the plugin provides, by type, while the context is open.

    Whatever fails, on the way in or out, all that was opened is closed.
    """
    async with AsyncExitStack() as stack:
        provided: dict[type, object] = {}
        for provider in plugin.providers.values():
            provided[provider.type] = await provider.open(stack)
        yield MappingProxyType(provided)


def _limits(
    event: str, *, background: bool, timeout: timedelta | None, retries: int | None
) -> tuple[timedelta | None, int]:
    if timeout is None and background:
        timeout = BACKGROUND_TIMEOUT
    if timeout is not None and (not isinstance(timeout, timedelta) or timeout <= timedelta(0)):
        raise DeclarationError(f"The timeout for {event!r} must be a timedelta above zero, not {timeout!r}.")
    if not background:
        if retries is not None:
            raise DeclarationError(f"An inline handler is not retried: leave out retries for {event!r}.")
        return timeout, 0
    retries = RETRIES if retries is None else retries
    if not isinstance(retries, int) or retries < 0:
        raise DeclarationError(f"The retries for {event!r} must be a whole number from 0, not {retries!r}.")
    return timeout, retries


def _provided_type(function: Callable[[], object]) -> type:
    where = place(function)
    generator = inspect.isasyncgenfunction(function)
    if not generator and not inspect.iscoroutinefunction(function):
        raise DeclarationError(
            f"{where} must be an async function that yields or returns a value, without a decorator."
        )
    if inspect.signature(function).parameters:
        raise DeclarationError(f"{where} is a provider, and a provider takes no parameters.")
    given = read_hints(function).get("return")
    if generator:
        given = next(iter(get_args(given)), None) if get_origin(given) in GENERATORS else None
    if not can_be_provided(given):
        raise DeclarationError(
            f"{where} must say which class it gives: -> {'AsyncIterator[Doors]' if generator else 'Doors'}."
        )
    if is_framework(given):
        raise DeclarationError(f"{where} gives {given.__name__}, which handlers are given already.")
    return given
