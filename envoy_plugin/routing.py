"""Routing: which function handles an event, and which answers a setup step. Pure."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from envoy_plugin.envoy.events import KNOWN_EVENTS, SYNCHRONOUS_HOOKS, Event
from envoy_plugin.envoy.filters import Filter, Place, ReadyMade
from envoy_plugin.envoy.routes import RouteKind
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import Function, Needs, place

ALIKE: Final = 0.85
"""How much alike two names are, by difflib, before one is taken for the other misspelt."""
WILDCARDS: Final = frozenset("*?[")

Condition: TypeAlias = Callable[[Event, Mapping[str, Any]], object]
"""What `when` and `unless` take: given an event and its install's config as it came, whether something is so.

Of `unless`, a text is true, and is why the event is ignored.
"""


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
        self._named: dict[str, Handler] = {}
        self._patterns: dict[str, Handler] = {}
        self._routes: dict[RouteKey, RouteHandler] = {}
        self.handlers: Mapping[str, Handler] = MappingProxyType(self._handlers)
        self.routes: Mapping[RouteKey, RouteHandler] = MappingProxyType(self._routes)

    def find(self, event: str) -> Handler | None:
        """The handler of an event; of patterns that nobody knows to overlap, the first declared."""
        return self._named.get(event) or next(self._fitting(event), None)

    def add(self, handler: Handler) -> None:
        """Take a handler.

        Raises:
            DeclarationError: the event has one already, or two patterns both mean an event.
        """
        same = ((handler.event, other) for name, other in self._handlers.items() if name == handler.event)
        shared = ((event, other) for event in matching(handler.event) for other in self._fitting(event))
        for event, other in (*same, *shared):
            raise DeclarationError(f"{event!r} has two handlers, {other} and {handler}; an event has one outcome.")
        self._handlers[handler.event] = handler
        (self._patterns if is_pattern(handler.event) else self._named)[handler.event] = handler

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

    def _fitting(self, event: str) -> Iterator[Handler]:
        """The handlers of the patterns that mean this event."""
        return (handler for pattern, handler in self._patterns.items() if fnmatchcase(event, pattern))


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
    """Filters of conditions that must hold, and of others that must not.

    Raises:
        DeclarationError: a condition that can't be called at once, or a ready-made one in the other's place.
    """
    return (
        *(_filter(condition, Place.WHEN, _required) for condition in when),
        *(_filter(condition, Place.UNLESS, _excluded) for condition in unless),
    )


def _filter(condition: Condition, given_as: Place, make: Callable[[Condition], Filter]) -> Filter:
    if isinstance(condition, ReadyMade):
        if condition.place is not given_as:
            raise DeclarationError(f"{condition.name} goes to {condition.place}=, not to {given_as}=.")
        return condition.check
    if not callable(condition) or inspect.iscoroutinefunction(condition):
        raise DeclarationError(
            f"{given_as}= takes functions of an event and its install's config that aren't async, not {condition!r}."
        )
    return make(condition)


def _required(condition: Condition) -> Filter:
    reason = f"Only handled if: {_words(condition)}."
    return lambda event, config: None if condition(event, config) else reason


def _excluded(condition: Condition) -> Filter:
    reason = f"Not handled if: {_words(condition)}."

    def refuse(event: Event, config: Mapping[str, Any]) -> str | None:
        why = condition(event, config)
        return (why if isinstance(why, str) else reason) if why else None

    return refuse


def _words(condition: Condition) -> str:
    """What a condition is called, for people: `is_delivery` as `is delivery`."""
    name = getattr(condition, "__name__", type(condition).__name__)
    return "a condition of the plugin's" if name == "<lambda>" else name.strip("_").replace("_", " ")
