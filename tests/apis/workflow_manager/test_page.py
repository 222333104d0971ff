"""What the operators' page says is so: its tables are of this release, and its program in JavaScript runs."""

import asyncio
import runpy
import shutil
from pathlib import Path

import pytest

from tests.acceptance.pages import ROOT, blocks_of
from tests.apis.workflow_manager.site import BASE, Site

PAGE = ROOT / "docs/operators.md"
NODE = shutil.which("node")
PATIENCE = 30


def test_the_page_has_the_tables_of_this_release() -> None:
    """`python docs/operator_tables.py` writes them."""
    page = PAGE.read_text(encoding="utf-8")
    assert runpy.run_path(str(ROOT / "docs/operator_tables.py"))["filled"](page) == page
    assert page.count("<!-- begin") == 3


@pytest.mark.skipif(NODE is None, reason="there is no Node here")
async def test_the_program_in_javascript_runs(site: Site, tmp_path: Path) -> None:
    (block,) = blocks_of(PAGE, "javascript")
    program = tmp_path / str(block.title)
    program.write_text(block.text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        program,
        site.url + BASE,
        site.token(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, out, err) == (0, b"nda.txt\n", b"")
