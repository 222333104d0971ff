"""Providing: what a process makes once and handlers ask for by type."""

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, get_args, get_origin

from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import can_be_provided, is_framework, place, read_hints

GENERATORS: Final = frozenset({AsyncIterator, AsyncGenerator, AsyncIterable})


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


@asynccontextmanager
async def open_providers(providers: Iterable[Provider]) -> AsyncIterator[Mapping[type, object]]:
    """What these make, by type, while the context is open.

    Whatever fails, on the way in or out, all that was opened is closed.
    """
    async with AsyncExitStack() as stack:
        provided: dict[type, object] = {}
        for provider in providers:
            provided[provider.type] = await provider.open(stack)
        yield MappingProxyType(provided)


def provided_type(function: Callable[[], object]) -> type:
    """The class that a provider says it gives.

    Raises:
        DeclarationError: it takes parameters, or doesn't say what it gives, or the type is had already.
    """
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
