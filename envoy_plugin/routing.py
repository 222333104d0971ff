"""Routing: which function handles an event, and which answers a setup step. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from envoy_plugin.envoy.events import KNOWN_EVENTS, SYNCHRONOUS_HOOKS, Event
from envoy_plugin.envoy.filters import Filter
from envoy_plugin.envoy.routes import RouteKind
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection import Function, Needs, place

ALIKE: Final = 0.85
"""How much alike two names are, by difflib, before one is taken for the other misspelt."""
WILDCARDS: Final = frozenset("*?[")

Condition: TypeAlias = Callable[[Event, Mapping[str, Any]], object]
"""What `when` and `unless` take: given an event and its install's config, true or false. A text is true, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A function for an event or for a pattern of events, and how it is run.

    `timeout` ends an inline handler (None: after HANDLER_TIMEOUT), or one attempt of a background handler. `retries`
    come after the first attempt, in the background only. `filters` say before it runs why it need not.
    """

    event: str
    function: Function
    background: bool
    timeout: timedelta | None
    retries: int
    needs: Needs
    filters: tuple[Filter, ...] = ()

    def __str__(self) -> str:
        """Where the function was written."""
        return place(self.function)

    def asks_for(self, wanted: type) -> bool:
        """Whether the function is given this."""
        return any(need is wanted for _, need in self.needs)

    def why_not(self, event: Event) -> str | None:
        """Why this event is ignored; None: it isn't."""
        for refuses in self.filters:
            reason = refuses(event, event.meta.config)
            if reason is not None:
                return reason
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHandler:
    """A function that answers a setup step. `timeout` None: HANDLER_TIMEOUT."""

    kind: RouteKind
    name: str
    function: Function
    timeout: timedelta | None
    needs: Needs

    def __str__(self) -> str:
        """Where the function was written."""
        return place(self.function)


RouteKey: TypeAlias = tuple[RouteKind, str]


class Router:
    """One handler per event, and one per setup step. A name goes before a pattern."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._routes: dict[RouteKey, RouteHandler] = {}
        self.handlers: Mapping[str, Handler] = MappingProxyType(self._handlers)
        self.routes: Mapping[RouteKey, RouteHandler] = MappingProxyType(self._routes)

    def find(self, event: str) -> Handler | None:
        """The handler of an event."""
        handler = self._handlers.get(event)
        if handler is not None:
            return handler
        return next((handler for name, handler in self._handlers.items() if fnmatchcase(event, name)), None)

    def add(self, handler: Handler) -> None:
        """Take a handler.

        Raises:
            DeclarationError: the event has one already, or two patterns both mean an event.
        """
        for event in (handler.event, *matching(handler.event)):
            other = self._handlers.get(event) if event == handler.event else self._pattern_for(event, handler)
            if other is not None:
                raise DeclarationError(f"{event!r} has two handlers, {other} and {handler}; an event has one outcome.")
        self._handlers[handler.event] = handler

    def add_route(self, route: RouteHandler) -> None:
        """Take a function for a setup step.

        Raises:
            DeclarationError: the step has one already.
        """
        key = (route.kind, route.name)
        other = self._routes.get(key)
        if other is not None:
            raise DeclarationError(f"The {route.kind} route {route.name!r} has two functions, {other} and {route}.")
        self._routes[key] = route

    def _pattern_for(self, event: str, new: Handler) -> Handler | None:
        """Another pattern that means this event, where the new handler is a pattern, too."""
        if not is_pattern(new.event):
            return None
        others = (handler for name, handler in self._handlers.items() if is_pattern(name) and fnmatchcase(event, name))
        return next(others, None)


def is_pattern(event: str) -> bool:
    """Whether a name stands for several events, as `invite_*`."""
    return not WILDCARDS.isdisjoint(event)


def matching(event: str) -> Collection[str]:
    """The known events that a pattern means; none for a plain name."""
    return [known for known in sorted(KNOWN_EVENTS) if fnmatchcase(known, event)] if is_pattern(event) else []


def check_event(event: object, *, unknown: bool, background: bool) -> None:
    """Refuse the name of an event that can't be meant.

    Raises:
        DeclarationError: not a name, one misspelt (unless `unknown`), a pattern that means no known event, or a hook
            whose answer Envoy waits for, which can't go to the background.
    """
    if not isinstance(event, str) or not event:
        raise DeclarationError(
            f'on takes the name of an event, as in @plugin.on("entry_sign_in"), not {_named(event)}.'
        )
    meant = matching(event)
    hooks = SYNCHRONOUS_HOOKS.intersection(meant or [event])
    if background and hooks:
        raise DeclarationError(
            f"Envoy waits for the answer to {min(hooks)!r}: it can't be handled with background=True."
        )
    if unknown or event in KNOWN_EVENTS or meant:
        return
    if is_pattern(event):
        raise DeclarationError(f"No known event fits the pattern {event!r}. If Envoy has some: on(…, unknown=True).")
    _check_spelling(event)


def _check_spelling(event: str) -> None:
    for meant in get_close_matches(event.lower().replace("-", "_"), KNOWN_EVENTS, n=1, cutoff=ALIKE):
        raise DeclarationError(
            f"There is no event {event!r}; did you mean {meant!r}? If Envoy does have it: on(…, unknown=True)."
        )


def _named(event: object) -> str:
    return "an empty one" if event == "" else f"a {type(event).__name__}"


def make_filters(*, when: Sequence[Condition], unless: Sequence[Condition]) -> tuple[Filter, ...]:
    """Filters of conditions that must hold, and of others that must not."""
    return (*(_required(condition) for condition in when), *(_excluded(condition) for condition in unless))


def _required(condition: Condition) -> Filter:
    return lambda event, config: None if condition(event, config) else f"Only handled when {_words(condition)}."


def _excluded(condition: Condition) -> Filter:
    def refuse(event: Event, config: Mapping[str, Any]) -> str | None:
        why = condition(event, config)
        if not why:
            return None
        return why if isinstance(why, str) else f"Not handled when {_words(condition)}."

    return refuse


def _words(condition: Condition) -> str:
    """What a condition is called, for people: `is_delivery` as `is delivery`."""
    return getattr(condition, "__name__", type(condition).__name__).strip("_<>").replace("_", " ")
