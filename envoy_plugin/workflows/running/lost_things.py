"""Whether an item has the things that its workflows send work to: a thing belongs to one install, or to all."""

from collections.abc import Collection

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import text_of
from envoy_plugin.workflows.definitions.templates import OF_PLUGIN


async def find_lost(engine: Engine, things: Collection[str], item: str) -> frozenset[str]:
    """Those of these things that the item hasn't."""
    names = sorted(set(things))
    async with engine.redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hget(engine.keys.thing(name), "install")
        owners = await pipe.execute() if names else []
    had = {item, OF_PLUGIN}
    return frozenset(
        name for name, owner in zip(names, owners, strict=True) if owner is None or text_of(owner) not in had
    )
