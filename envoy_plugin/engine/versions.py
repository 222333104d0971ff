"""Whether jobs have changed since somebody read them: many at once, in a round trip for each thousand."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.side_scripts import run_side_script

AT_ONCE: Final = 1_000
"""How many jobs Redis looks at in one go, which takes it well under a millisecond."""


def known_line(jobs: Iterable[Job]) -> str:
    """Jobs as they were read, for `find_changed`."""
    return " ".join(f"{job.id} {job.version}" for job in jobs)


async def find_changed(engine: Engine, known: Sequence[str]) -> list[int]:
    """The places, from 0, of those lines in which a job has changed or is gone since it was read."""
    changed: list[int] = []
    start = size = 0
    for end, line in enumerate(known, 1):
        size += line.count(" ")
        if size >= 2 * AT_ONCE or end == len(known):
            found: Any = await run_side_script(engine.redis, "versions", [engine.keys.namespace], known[start:end])
            changed += [start + number - 1 for number in found]
            start, size = end, 0
    return changed
