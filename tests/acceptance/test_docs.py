"""What the documentation says is so: its code runs, its links lead somewhere, its tables are complete."""

import json
import tomllib
from pathlib import Path

import pytest

from envoy_plugin import Plugin
from tests.acceptance.pages import LANGUAGES, ROOT, all_pages, blocks_of, links_of, name_of
from tests.acceptance.terminals import terminal

PAGES = all_pages()
WITH_SHELL = [page for page in PAGES if blocks_of(page, "sh")]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is(page: Path) -> None:
    blocks = blocks_of(page)
    assert {block.language for block in blocks} <= LANGUAGES
    assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert [target for target in links_of(page) if not page.parent.joinpath(target).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page, "python")], ids=name_of)
def test_python_blocks_run_from_top_to_bottom(page: Path) -> None:
    names: dict[str, object] = {"__name__": "a_page"}
    for block in blocks_of(page, "python"):
        exec(compile(block.padded, name_of(page), "exec"), names)  # noqa: S102 - the documentation's own code
        for plugin in [value for value in names.values() if isinstance(value, Plugin)]:
            plugin.check()


@pytest.mark.parametrize("page", WITH_SHELL, ids=name_of)
def test_shell_blocks_run_from_top_to_bottom(page: Path, tmp_path: Path, redis_url: str) -> None:
    """Files that the page shows are there when their turn has come."""
    with terminal(tmp_path, redis_url) as shell:
        for block in blocks_of(page):
            if block.title is not None:
                shell.save(block)
            if block.language == "sh":
                shell.run(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_data_blocks_can_be_read(page: Path) -> None:
    for block in blocks_of(page, "toml", "json"):
        assert (tomllib if block.language == "toml" else json).loads(block.text)


def test_the_readme_names_both_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "./scripts/demo" in readme
    assert "./scripts/test" in readme
