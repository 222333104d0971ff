"""Writes the table in settings.md from `Settings`, whose docstrings say what each variable means.

`python docs/settings_table.py`
"""

import ast
import inspect
import sys
from pathlib import Path
from typing import Final

from envoy_plugin import Settings
from envoy_plugin import settings as module

PAGE: Final = Path(__file__).parent / "settings.md"
BEGIN: Final = "<!-- begin: docs/settings_table.py -->\n"
END: Final = "<!-- end -->\n"


def table() -> str:
    """A row for each variable: its name, what it means with its default, an example."""
    docs = _docstrings()
    rows = [
        f"| `{info.alias}` | {docs[name]} | `{(info.examples or [''])[0]}` |"
        for name, info in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | meaning and default | example |", "|---|---|---|", *rows, ""])


def filled(page: str) -> str:
    """The page with the table of this release between the markers."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def _docstrings() -> dict[str, str]:
    """The text under each field in the source of `Settings`, on one line."""
    (settings,) = [
        node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    ]
    texts = {}
    for field, below in zip(settings.body, settings.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            texts[field.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return texts


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE} is up to date.\n")
