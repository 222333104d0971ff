"""The time of a test: the real one, moved ahead."""

import time
from datetime import UTC, datetime, timedelta


class MovableClock:
    """Called, it gives seconds since 1970; it goes on like any clock, and jumps when it is told to."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead

    def now(self) -> datetime:
        """The same as an aware moment in UTC."""
        return datetime.fromtimestamp(self(), UTC)

    def tick(self, span: timedelta) -> None:
        """Move ahead.

        Raises:
            ValueError: `span` is negative; what was due can't be undone.
        """
        if span < timedelta(0):
            raise ValueError(f"Time goes forward, not by {span}.")
        self._ahead += span.total_seconds()
