"""Scripts beside the verbs: they read jobs, or store bytes, and change no job."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError


@cache
def _script(name: str) -> tuple[str, str]:
    """The script of this name, and its SHA-1."""
    text = (resources.files("envoy_plugin.engine") / f"{name}.lua").read_text(encoding="utf-8")
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def run_side_script(redis: Redis, name: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
    """Run the script of this name; a server that doesn't know it (a restart, a failover) is given it."""
    text, digest = _script(name)
    rest = (len(keys), *keys, *arguments)
    try:
        return await redis.execute_command("EVALSHA", digest, *rest)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
    except NoScriptError:
        return await redis.execute_command("EVAL", text, *rest)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
