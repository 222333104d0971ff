"""The example is a plugin of its own: its folder alone, copied anywhere, is tested and served."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.framework.cli.project import CREDENTIALS, Project

ROOT = Path(__file__).parents[2]
AT_MOST = 90
OWN_TEST = """\
from example_plugin.plugin import plugin


def test_it_is_the_copy_that_is_tested():
    assert plugin.name == "copied-doors"
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The copy; its plugin has another name, so that nobody takes the original for it."""
    directory = tmp_path / "example_plugin"
    shutil.copytree(ROOT / "example_plugin", directory, ignore=shutil.ignore_patterns("__pycache__"))
    plugin = directory / "plugin.py"
    plugin.write_text(plugin.read_text(encoding="utf-8").replace("example-doors", "copied-doors"), encoding="utf-8")
    directory.joinpath("tests/test_copy.py").write_text(OWN_TEST, encoding="utf-8")
    return directory


def test_its_tests_pass_in_the_copy(copied: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=copied,
        env={"HOME": str(tmp_path), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=AT_MOST,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/test_copy.py" in done.stdout


async def test_its_web_answers_in_the_copy(copied: Path) -> None:
    project = Project(copied, CREDENTIALS)
    code, listed, _ = await project.run("routes", "--json")
    assert (code, '"copied-doors"' in listed) == (0, True)
    async with project.running("web", HOST="127.0.0.1", PORT="0") as web, ClientSession() as session:
        port = (await web.line(r'"port": (\d+), "event": "web.started"'))[1]
        async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
        assert await web.stop() == 0


def test_what_the_copy_needs_is_named_in_its_own_project_file(copied: Path) -> None:
    project = copied.joinpath("pyproject.toml").read_text(encoding="utf-8")
    assert 'app = "example_plugin.plugin:plugin"' in project
    assert 'dev = ["envoy_plugin[dev,testing]"]' in project
