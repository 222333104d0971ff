"""What the page of the websocket says is so: its programs run, and it has every type of message."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envoy_plugin.apis.workflow_manager.frames import SENT
from envoy_plugin.workflows.definitions.diagrams import Step
from tests.acceptance.pages import ROOT, blocks_of
from tests.apis.workflow_manager.site import BASE, Site
from tests.apis.workflow_manager.socket_site import define

PAGE = ROOT / "docs/websocket.md"
NODE = shutil.which("node")
PATIENCE = 30


def has_websockets() -> bool:
    """Whether there is a Node with websockets of its own, as an option or without one."""
    if NODE is None:
        return False
    found = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    return int(found.lstrip("v").partition(".")[0]) >= 20


async def run(site: Site, tmp_path: Path, language: str, *command: str) -> list[str]:
    """The lines that the page's program writes, of a job whose step is begun once the program listens."""
    define(site, "one", Step.manual("a", proceeds=False))
    job_id = await site.job("one")
    (block,) = blocks_of(PAGE, language)
    program = tmp_path / str(block.title)
    program.write_text(block.text, encoding="utf-8")
    arguments = (*command, str(program), site.url + BASE, site.token(), job_id)
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        lines = [(await process.stdout.readline()).decode().strip()]
        await site.act(job_id, "Run")
        lines += (await process.stdout.read()).decode().splitlines()
        assert await process.wait() == 0
    return [line.split()[0] for line in lines]


async def test_the_program_in_python_runs(site: Site, tmp_path: Path) -> None:
    told = await run(site, tmp_path, "python", sys.executable, "-u")
    assert told == ["JobState", "StepStarted", "StepInfoRequired", "StepFinished"]


@pytest.mark.skipif(not has_websockets(), reason="there is no Node with websockets here")
async def test_the_program_in_javascript_runs(site: Site, tmp_path: Path) -> None:
    told = await run(site, tmp_path, "javascript", str(NODE), "--experimental-websocket")
    assert told == ["JobState", "StepStarted", "StepInfoRequired", "StepFinished"]


def test_the_page_has_every_type_of_message() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [kind for kind in sorted(SENT) if f"`{kind}`" not in page] == []
