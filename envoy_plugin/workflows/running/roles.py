"""Who is meant by a role, where a step is assigned to one."""

from collections.abc import Mapping
from typing import Any

from envoy_plugin.workflows.definitions.diagrams import CREATOR, LAST_RUN_BY, MAINTAIN, OWNER, UNASSIGNED


def whose(word: str, properties: Mapping[str, Any], *, before: str, last: str) -> str:
    """As `user:ada`, for a role or what is that already; where nobody is meant, `unassigned`.

    `before` is who did the step before, or has it, `last` the same of this one when it was done last.
    """
    if ":" in word:
        return word
    people: Mapping[str, str] = {
        MAINTAIN: before,
        LAST_RUN_BY: last,
        CREATOR: _user(properties.get("created_by")),
        OWNER: _user(properties.get("owned_by")),
    }
    return people.get(word) or UNASSIGNED


def _user(name: Any) -> str:
    return f"user:{name}" if name else ""
