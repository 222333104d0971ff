"""A clock that stands until somebody moves it."""

from datetime import datetime, timedelta
from typing import Final

from envoy_plugin.engine.clock import milliseconds, moment

START: Final = 2_000_000_000_000
"""Far in the future, so that no key expires by Redis' own clock while a test runs."""


class Clock:
    """What an `Engine` takes as `clock`."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def move(self, span: timedelta) -> None:
        """Let `span` pass."""
        self.now += milliseconds(span)

    def after(self, span: timedelta) -> datetime:
        """The moment `span` from now."""
        return moment(self.now) + span
