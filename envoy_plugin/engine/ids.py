"""Ids of jobs: a shard letter and 15 characters [a-z0-9] that sort by time, monotone within a process."""

import secrets
import time
from datetime import datetime
from typing import Final

from envoy_plugin.engine.clock import moment, stamp_of

SHARD: Final = "a"
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
PAIRS: Final = tuple(high + low for high in DIGITS for low in DIGITS)
"""Two digits at a time: each job takes an id."""
EPOCH: Final = 1_577_836_800_000
"""2020-01-01 in ms: eight characters of milliseconds since then last until 2109."""
TIME_WIDTH: Final = 8
TAIL_WIDTH: Final = 7
TAIL_SPAN: Final = 36**TAIL_WIDTH


def base36(number: int, width: int) -> str:
    """`number` in base 36, padded with zeros to `width`."""
    text = ""
    for _ in range(0, width, 2):
        number, pair = divmod(number, len(PAIRS))
        text = PAIRS[pair] + text
    return text[-width:]


def first_id_at(instant: datetime) -> str:
    """What no id made before `instant` reaches, and every later one does."""
    return SHARD + base36(max(0, stamp_of(instant) - EPOCH), TIME_WIDTH)


def made_at(job_id: str) -> datetime:
    """When an id was made, to the millisecond.

    Raises:
        ValueError: it is none of ours.
    """
    return moment(int(job_id[1 : 1 + TIME_WIDTH], 36) + EPOCH)


class Ids:
    """Makes ids. Two processes collide only on the same millisecond and the same 35 random bits."""

    def __init__(self) -> None:
        self._millisecond = -1
        self._head = ""
        self._tail = 0

    def next(self) -> str:
        """A new id, later in order than every one before it."""
        now = time.time_ns() // 1_000_000 - EPOCH
        if now > self._millisecond or self._tail == TAIL_SPAN - 1:
            self._millisecond = max(now, self._millisecond + 1)
            self._head = SHARD + base36(self._millisecond, TIME_WIDTH)
            self._tail = secrets.randbelow(TAIL_SPAN // 2)
        else:
            self._tail += 1
        return self._head + base36(self._tail, TAIL_WIDTH)
