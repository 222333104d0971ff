"""Jobs by their tags: pages of those that have a tag of each of several groups, put together where the tags are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import text_of
from envoy_plugin.engine.side_scripts import run_side_script

MOST_PASSED: Final = 4_000
"""How many jobs Redis looks at in one go, which takes it some milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What a job needs one of: tags that it has, ids that it may be."""

    tags: Sequence[str] = ()
    ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Jobs, the newest first. `before`: the job before which to go on; none, where there are no more.

    `kept` has for each what it keeps in the field that was asked for, as it was given; None: nothing. `passed` jobs
    were looked at, `skipped` of those that fit left out.
    """

    ids: list[str]
    kept: list[bytes | None] = field(repr=False)
    before: str
    passed: int
    skipped: int


async def find_tagged(
    engine: Engine, groups: Sequence[Group], *, before: str = "", skip: int = 0, limit: int = 50, kept: str = ""
) -> Page:
    """The jobs that fulfil every group, of those made before `before`, without the first `skip`; in one round trip.

    It has at most `limit`, and fewer where it has passed some thousand jobs: there are more as long as it says before
    which. `kept` names a field that `Describe` keeps.
    """
    arguments: list[str | int] = [before, MOST_PASSED, skip, limit, kept]
    for group in groups:
        arguments += [len(group.tags), *group.tags, len(group.ids), *group.ids]
    found: Any = await run_side_script(engine.redis, "find_tagged", [engine.keys.namespace], arguments)
    last, passed, skipped, ids, contents = found
    return Page(
        ids=[text_of(job_id) for job_id in ids],
        kept=contents,
        before=text_of(last),
        passed=passed,
        skipped=skipped,
    )


async def count_tagged(engine: Engine, tags: Sequence[str]) -> list[int]:
    """How many jobs have each of these tags."""
    async with engine.redis.pipeline(transaction=False) as pipe:
        for tag in tags:
            pipe.zcard(engine.keys.tag(tag))
        return list(await pipe.execute())
