"""Joins the Lua files that a call needs into one script, and runs it by its digest."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from envoy_plugin.engine.states import FROM, OF_ENVELOPES, SKIPPABLE

BEFORE: Final = ("_unit", "_moves")
"""What every verb stands on."""
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "debts": ("_debts",),
    "fair": ("_fair",),
    "rare": ("_parts", "_gates", "_families", "_attempts"),
}
"""What few jobs need: joined to every script, but its functions aren't made before the first of them is called."""
SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "_due": ("claim", "claim_job", "promote", "resume"),
    "_hand_out": ("claim", "claim_job", "resume"),
    "_lease": ("resume", "touch"),
    "_blobs": ("cancel", "claim_job", "delete", "fail", "note", "resume", "succeed"),
    "_end": ("cancel", "fail", "succeed"),
    "_forget": ("delete", "retire"),
}
"""What some verbs share, joined where one of them is."""


@cache
def _lua(name: str) -> str:
    return (resources.files("envoy_plugin.engine") / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def _group(name: str, files: tuple[str, ...]) -> str:
    """A table that has the functions of these files once one of them is wanted."""
    return f"{name} = setmetatable({{function({name})\n{''.join(map(_lua, files))}end}}, LAZY)\n"


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
    groups = [_group(name, files) for name, files in GROUPS.items()]
    within = [_lua("_moves"), *groups, _table(verbs), *map(_lua, [*shared, *sorted(verbs), "_commit"])]
    text = f"{_lua('_unit')}return (function()\n{''.join(within)}end)()\n"
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def run_script(redis: Redis, verbs: frozenset[str], namespace: str, arguments: Sequence[object]) -> Any:
    """Run the script for `verbs`; a server that doesn't know it (a restart, a failover) is given it."""
    text, digest = script_of(verbs)
    try:
        return await redis.execute_command("EVALSHA", digest, 1, namespace, *arguments)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
    except NoScriptError:
        return await redis.execute_command("EVAL", text, 1, namespace, *arguments)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
