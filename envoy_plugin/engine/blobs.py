"""Bytes of their own, logs and attachments, before a verb keeps them: many at once, in one round trip."""

import secrets
from collections.abc import Sequence

from envoy_plugin.engine.engine import BLOB_LIFE, MOST_BLOB, Engine
from envoy_plugin.engine.side_scripts import run_side_script
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
    keys, sealed = [engine.keys.blob(ref) for ref in refs], [engine.seal(content) for content in contents]
    seconds = int(BLOB_LIFE.total_seconds())
    await run_side_script(engine.redis, "store_blobs", keys, [seconds, *sealed])
    return refs
