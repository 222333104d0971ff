"""Routing: which function handles an event. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from envoy_plugin.envoy.events import KNOWN_EVENTS, SYNCHRONOUS_HOOKS
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection import Function, Needs, place

ALIKE: Final = 0.85
"""How much alike two names are, by difflib, before one is taken for the other misspelt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A function for an event, and how it is run.

    `timeout` ends an inline handler (None: after HANDLER_TIMEOUT), or one attempt of a background handler. `retries`
    come after the first attempt, in the background only.
    """

    event: str
    function: Function
    background: bool
    timeout: timedelta | None
    retries: int
    needs: Needs

    def __str__(self) -> str:
        """Where the function was written."""
        return place(self.function)


class Router:
    """One handler per event."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.handlers: Mapping[str, Handler] = MappingProxyType(self._handlers)

    def add(self, handler: Handler) -> None:
        """Take a handler.

        Raises:
            DeclarationError: the event has one already.
        """
        other = self._handlers.get(handler.event)
        if other is not None:
            raise DeclarationError(
                f"{handler.event!r} has two handlers, {other} and {handler}; an event has one outcome."
            )
        self._handlers[handler.event] = handler


def check_event(event: object, *, unknown: bool, background: bool) -> None:
    """Refuse the name of an event that can't be meant.

    Raises:
        DeclarationError: not a name, one misspelt (unless `unknown`), or a hook whose answer Envoy waits for, which
            can't go to the background.
    """
    if not isinstance(event, str) or not event:
        raise DeclarationError(
            f'on takes the name of an event, as in @plugin.on("entry_sign_in"), not {_named(event)}.'
        )
    if background and event in SYNCHRONOUS_HOOKS:
        raise DeclarationError(f"Envoy waits for the answer to {event!r}: it can't be handled with background=True.")
    if not unknown and event not in KNOWN_EVENTS:
        for meant in get_close_matches(event.lower().replace("-", "_"), KNOWN_EVENTS, n=1, cutoff=ALIKE):
            raise DeclarationError(
                f"There is no event {event!r}; did you mean {meant!r}? If Envoy does have it: on(…, unknown=True)."
            )


def _named(event: object) -> str:
    return "an empty one" if event == "" else f"a {type(event).__name__}"
