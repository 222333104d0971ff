"""Joins the Lua files that a call needs into one script, and runs it by its digest."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from envoy_plugin.engine.states import FROM, OF_ENVELOPES, SKIPPABLE

BEFORE: Final = ("_unit", "_gates", "_moves")
"""What every verb stands on."""
SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "_hand_out": ("claim", "claim_job", "resume"),
    "_lease": ("resume", "touch"),
    "_end": ("cancel", "fail", "succeed"),
    "_forget": ("delete", "retire"),
}
"""What some verbs share, joined where one of them is."""


@cache
def _lua(name: str) -> str:
    return (resources.files("envoy_plugin.engine") / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def _table(verbs: frozenset[str]) -> str:
    """The rows of the state table that these verbs need, as Lua."""
    rows = (
        f"{verb} = {{{', '.join(f'{name} = true' for name in _names(verb))}}}" for verb in sorted(verbs & FROM.keys())
    )
    return f"local FROM = {{{', '.join(rows)}}}\n"


def _names(verb: str) -> list[str]:
    rare = ["envelope"] * (verb in OF_ENVELOPES) + ["skippable"] * (verb in SKIPPABLE)
    return [*sorted(FROM[verb]), *rare]


@cache
def script_of(verbs: frozenset[str]) -> tuple[str, str]:
    """The script for a call of these verbs, and its SHA-1. Only these are joined: each costs, used or not."""
    shared = [name for name, users in SHARED.items() if verbs.intersection(users)]
    parts = [*map(_lua, BEFORE), _table(verbs), *map(_lua, [*shared, *sorted(verbs), "_commit"])]
    text = "".join(parts)
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def run_script(redis: Redis, verbs: frozenset[str], namespace: str, arguments: Sequence[object]) -> Any:
    """Run the script for `verbs`; a server that doesn't know it (a restart, a failover) is given it."""
    text, digest = script_of(verbs)
    try:
        return await redis.execute_command("EVALSHA", digest, 1, namespace, *arguments)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
    except NoScriptError:
        return await redis.execute_command("EVAL", text, 1, namespace, *arguments)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
