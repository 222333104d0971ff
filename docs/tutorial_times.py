"""Types the tutorial as a newcomer would, from a clean clone, and says how long each step took.

`./scripts/tutorial` runs it, with any Python. With `--venv DIRECTORY` nothing is installed: the clone is used with what
is installed there.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.acceptance.pages import Block, blocks_of  # noqa: E402  # beside us in the repository, and not installed
from tests.acceptance.terminals import Terminal, terminal  # noqa: E402

NO_REDIS: Final = "redis://127.0.0.1:9/0"
"""Nothing listens there: `dev` brings its own."""
PLUGIN: Final = "plugin.py"
TRIGGER: Final = "envoy-plugin trigger"


@dataclass(slots=True)
class Watch:
    """Writes each step with the seconds that it took, and remembers when two of them were."""

    started: float = field(default_factory=time.perf_counter)
    handled: float | None = None
    edited: float | None = None
    seen: float | None = None

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a step that is about to begin."""
        began = time.perf_counter()
        yield
        say(f"{time.perf_counter() - began:7.1f} s  {what}")

    def saved(self, title: str, began: float) -> None:
        """Note when the plugin was changed."""
        if title == PLUGIN and self.handled is not None:
            self.edited = began

    def ran(self, command: str) -> None:
        """Note when the first event was handled, and when the change was seen."""
        now = time.perf_counter()
        if self.edited is not None and self.seen is None:
            self.seen = now
        elif self.handled is None and command.startswith(TRIGGER):
            self.handled = now

    def sum_up(self) -> None:
        """Write what a newcomer waits for.

        Raises:
            TypeError: the page lacks an event, a change of the plugin, or a command after it.
        """
        say(f"{self.handled - self.started:7.1f} s  from clone to the first handled event")  # type: ignore[operator]  # see above
        say(f"{self.seen - self.edited:7.1f} s  from edit to seen")  # type: ignore[operator]  # likewise


def main() -> None:
    """Do all of it; a command that fails ends it with an error that shows what the command said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, help="use what is installed there, and install nothing")
    venv: Path | None = parser.parse_args().venv
    with tempfile.TemporaryDirectory() as directory:
        clone, project = Path(directory, "clone"), Path(directory, "hello_visitors")
        project.mkdir()
        watch = Watch()
        with watch.step("git clone"):
            subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)  # noqa: S603, S607 - git of the PATH
        if venv is None:
            with watch.step("./scripts/setup"):
                subprocess.run(["./scripts/setup"], cwd=clone, check=True)
        type_all(clone, project, venv or clone / ".venv", watch)
        watch.sum_up()


def type_all(clone: Path, project: Path, venv: Path, watch: Watch) -> None:
    """Save the files and run the commands of the clone's page, in order."""
    programs = {"PATH": f"{venv / 'bin'}:{os.defpath}", "PYTHONPATH": str(clone)}
    with terminal(project, NO_REDIS, **programs) as shell:
        for block in blocks_of(clone / "docs/tutorial.md"):
            if block.title is not None:
                save(shell, block, watch)
            elif block.language == "sh":
                run(shell, block, watch)


def save(shell: Terminal, block: Block, watch: Watch) -> None:
    """Save a file that the page shows."""
    began = time.perf_counter()
    with watch.step(f"save {block.title}"):
        shell.save(block)
    watch.saved(str(block.title), began)


def run(shell: Terminal, block: Block, watch: Watch) -> None:
    """Run the commands of a block, each by itself."""
    for command in block.commands:
        with watch.step(command):
            shell.run(replace(block, text=command))
        watch.ran(command)


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
