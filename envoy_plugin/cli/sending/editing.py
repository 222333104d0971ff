"""A text in the editor of whoever sits at the terminal."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path


class NoEditor(Exception):
    """The editor can't be run, or ended badly."""


def edit(text: str) -> str:
    """The text as it was left in $VISUAL, or $EDITOR, or vi.

    Raises:
        NoEditor: it can't be run, or ended badly.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="envoy-plugin-") as directory:
        path = Path(directory) / "event.json"
        path.write_text(f"{text}\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - their own editor
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError):
            raise NoEditor(f"The editor {editor!r} can't be run, or ended badly.") from None
