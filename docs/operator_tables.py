"""Writes the tables in operators.md: the calls from the API's operations, the guesses from its table of them.

`python docs/operator_tables.py`
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from envoy_plugin.apis.workflow_manager.guesses import GUESSES
from envoy_plugin.apis.workflow_manager.operation import HEALTH, Operation, Source
from envoy_plugin.apis.workflow_manager.operations import OPERATIONS
from envoy_plugin.workflows.operating.privileges import Privilege

PAGE: Final = Path(__file__).parent / "operators.md"
END: Final = "<!-- end -->\n"
ABOUT: Final[Mapping[Privilege, str]] = {
    Privilege.ASSIGN_ANY: "make a step anybody's",
    Privilege.ASSIGN_GROUP: "make a step their groups', their own or nobody's",
    Privilege.ASSIGN_INDIVIDUAL: "make a step their own",
    Privilege.CLOSE: "close jobs",
    Privilege.CREATE: "make jobs",
    Privilege.DELETE: "delete jobs",
    Privilege.FORCE_STOP: "stop steps of others",
    Privilege.REOPEN: "reopen jobs",
    Privilege.UPGRADE: "upgrade jobs to the newest diagram",
    Privilege.SET_CURRENT: "set a step current",
    Privilege.ATTACHMENTS: "add, change and delete attachments",
    Privilege.DATES: "change the planned dates",
    Privilege.DESCRIPTION: "change the description",
    Privilege.NAME: "change the name",
    Privilege.EXTENDED: "change extended properties",
    Privilege.HOLDS: "add and release holds and dependencies",
    Privilege.LOCATION: "change the location",
    Privilege.NOTES: "change the notes",
    Privilege.OWNER: "change the owner",
    Privilege.PARENT: "change the parent",
    Privilege.PRIORITY: "change the priority",
    Privilege.RELATED: "change related properties",
    Privilege.STATUS: "change the status",
    Privilege.ADMIN_ADVANCED: "make, change and delete diagrams and job templates",
    Privilege.ADMIN_BASIC: "make, change and delete job templates",
}


def calls() -> str:
    """A row for each operation: the original's name, method and path, what it takes, what it does."""
    rows = [_row(operation) for operation in OPERATIONS]
    health = f"| | `GET /{{org}}/{HEALTH}` | | Whether the server answers, and Redis with it. |"
    return "\n".join(["| JobsManager | call | takes | |", "|---|---|---|---|", *rows, health, ""])


def privileges() -> str:
    """A row for each privilege."""
    rows = [f"| `{privilege}` | {ABOUT[privilege]} |" for privilege in sorted(Privilege)]
    return "\n".join(["| privilege | to |", "|---|---|", *rows, ""])


def guesses() -> str:
    """A row for each guess."""
    rows = [f"| {guess.subject} | {guess.choice} | {guess.reason} |" for guess in GUESSES]
    return "\n".join(["| question | here | why |", "|---|---|---|", *rows, ""])


TABLES: Final[Mapping[str, Callable[[], str]]] = {"calls": calls, "privileges": privileges, "guesses": guesses}


def filled(page: str) -> str:
    """The page with the tables of this release between the markers."""
    for name, table in TABLES.items():
        begin = f"<!-- begin: docs/operator_tables.py {name} -->\n"
        head, _, rest = page.partition(begin)
        page = f"{head}{begin}{table()}{END}{rest.partition(END)[2]}"
    return page


def _row(operation: Operation[Any]) -> str:
    name = f"`{operation.name}`" if operation.name else ""
    return f"| {name} | `{operation.method} {operation.path}` | {_takes(operation)} | {operation.about} |"


def _takes(operation: Operation[Any]) -> str:
    """What is sent: where, and the members by name, but for those that are there to be refused."""
    if operation.source is Source.NOWHERE:
        return ""
    members = [f"`{field.alias}`" for field in operation.takes.model_fields.values() if not field.exclude]
    if operation.type:
        members = [f'`type: "{operation.type}"`', *members]
    if operation.takes.model_config.get("extra") == "allow":
        members.append("…")
    return f"{operation.source}: {', '.join(members)}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE} is up to date.\n")
