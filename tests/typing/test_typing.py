"""What a user's type checker sees of `api` and `mistakes`: it finds the faults that are marked there, and no other."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted(str(path.relative_to(ROOT)) for path in Path(__file__).parent.glob("*.py"))


def test_mypy_finds_the_mistakes_that_are_marked_and_no_other() -> None:
    mypy = subprocess.run([sys.executable, "-m", "mypy", *FILES], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (mypy.stdout + mypy.stderr).splitlines() == [f"Success: no issues found in {len(FILES)} source files"]
