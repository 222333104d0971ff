"""The script that types the tutorial from a clean clone and says how long each step took."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.pages import ROOT, blocks_of

TUTORIAL = ROOT / "docs/tutorial.md"
AT_MOST = 110
LINE = re.compile(r" *(\d+\.\d) s  (.+)")
LAST = ["from clone to the first handled event", "from edit to seen"]


def steps_of_the_page() -> list[str]:
    """What a reader does, in order."""
    steps = []
    for block in blocks_of(TUTORIAL):
        if block.title is not None:
            steps.append(f"save {block.title}")
        elif block.language == "sh":
            steps += block.commands
    return steps


@pytest.mark.long
def test_the_tutorial_is_typed_from_a_clean_clone_and_each_step_timed(tmp_path: Path) -> None:
    done = subprocess.run(
        ["./scripts/tutorial", "--venv", sys.prefix],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=AT_MOST,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = [LINE.fullmatch(line) for line in done.stdout.splitlines()]
    assert [step[2] for step in found if step] == ["git clone", *steps_of_the_page(), *LAST]
    took = {step[2]: float(step[1]) for step in found if step}
    assert 0 < took[LAST[1]] < sum(float(step[1]) for step in found[:-2] if step)
    assert list(tmp_path.iterdir()) == []


def test_the_tutorial_has_an_event_a_change_a_replay_and_a_test() -> None:
    steps = steps_of_the_page()
    assert steps.count("save plugin.py") == 2
    change = len(steps) - steps[::-1].index("save plugin.py")
    assert any(step.startswith("envoy-plugin trigger") for step in steps[:change])
    assert steps[change] == "envoy-plugin replay --last"
    assert "pytest" in steps[change:]
