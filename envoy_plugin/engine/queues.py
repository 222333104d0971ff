"""Queues: their names say who may claim from them."""

from functools import lru_cache
from typing import Final

FAIR: Final = frozenset({"events", "tasks"})
"""Queues that serve installs in turn: after one job of an install, one of each other that waits."""


def is_fair(queue: str) -> bool:
    """Whether the jobs of this queue get their place by turns of their installs."""
    return queue in FAIR


def is_owned(queue: str) -> bool:
    """Whether this queue is one claimant's own: `thing:door-7`, `user:ada`, `group:front-desk`.

    What runs of such a queue is listed, and its attempts count revisions.
    """
    return ":" in queue


@lru_cache(maxsize=256)
def letters_of(queue: str) -> str:
    """What its queue gives a job, as the scripts name it (see `_unit.lua`)."""
    return "q" * is_owned(queue) + "f" * is_fair(queue)
