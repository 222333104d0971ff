"""How much is attached in an item, so that no item fills a Redis that all share.

A hash has the job and the size of each attachment. Who adds writes there first and then counts, so that two at once may
both be refused, but never both be one too many. What has gone with its job is only looked for when the item is full.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import text_of
from envoy_plugin.errors import JobRefused

MOST_ATTACHMENTS: Final = 10_000
MOST_BYTES: Final = 1024 * 1024 * 1024
"""Of all attachments of one item."""


async def reserve(engine: Engine, item: str, job_id: str, sizes: Mapping[str, int]) -> None:
    """Take room for new attachments of a job, by their ids.

    Raises:
        JobRefused: the item is full; nothing is taken then.
    """
    key = engine.keys.attached(item)
    mapping: dict[Any, Any] = {attachment_id: f"{job_id} {size}" for attachment_id, size in sizes.items()}
    async with engine.redis.pipeline(transaction=True) as pipe:
        pipe.hset(key, mapping=mapping)
        pipe.hvals(key)
        _, held = await pipe.execute()
    if _fits(held) or _fits(await _left(engine, key)):
        return
    await release(engine, item, sizes)
    raise JobRefused(job_id, f"its item has at most {MOST_ATTACHMENTS} attachments of {MOST_BYTES} bytes together")


async def release(engine: Engine, item: str, attachment_ids: Collection[str]) -> None:
    """Give the room of attachments back."""
    if attachment_ids:
        await engine.redis.hdel(engine.keys.attached(item), *attachment_ids)


def _fits(held: Iterable[Any]) -> bool:
    sizes = [int(text_of(one).partition(" ")[2]) for one in held]
    return len(sizes) <= MOST_ATTACHMENTS and sum(sizes) <= MOST_BYTES


async def _left(engine: Engine, key: str) -> list[Any]:
    """What is held of jobs that there still are; the rest is forgotten."""
    held = await engine.redis.hgetall(key)
    jobs = {name: text_of(value).partition(" ")[0] for name, value in held.items()}
    named = sorted(set(jobs.values()))
    async with engine.redis.pipeline(transaction=False) as pipe:
        for job_id in named:
            pipe.exists(engine.keys.job(job_id))
        there = {job_id for job_id, is_there in zip(named, await pipe.execute(), strict=True) if is_there}
    gone = [name for name, job_id in jobs.items() if job_id not in there]
    if gone:
        await engine.redis.hdel(key, *gone)
    return [value for name, value in held.items() if name not in gone]
