"""Bytes of their own, logs and attachments, before a verb keeps them: many at once, in one round trip."""

import secrets
from collections.abc import Sequence

from envoy_plugin.engine.engine import BLOB_LIFE, MOST_BLOB, Engine
from envoy_plugin.errors import TooLarge


async def store_blobs(engine: Engine, contents: Sequence[bytes]) -> list[str]:
    """As `Engine.store_blob`, for each; answers what names them, in the same order.

    Raises:
        TooLarge: one has more than 10 MiB, and none is stored.
    """
    for content in contents:
        if len(content) > MOST_BLOB:
            raise TooLarge("A blob", size=len(content), limit=MOST_BLOB)
    refs = [secrets.token_hex(8) for _ in contents]
    async with engine.redis.pipeline(transaction=False) as pipe:
        for ref, content in zip(refs, contents, strict=True):
            pipe.set(engine.keys.blob(ref), engine.seal(content), ex=BLOB_LIFE)
        await pipe.execute()
    return refs
