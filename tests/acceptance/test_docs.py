"""What the documentation says is so: its code runs, its links lead somewhere, its tables are complete."""

import inspect
import json
import re
import tomllib
from collections.abc import AsyncIterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from redis.asyncio import Redis
from typer.main import get_command

from envoy_plugin import Plugin
from envoy_plugin.cli import COMMANDS
from envoy_plugin.engine import keys
from envoy_plugin.engine.states import State
from envoy_plugin.simulator.platform import create_platform
from tests.acceptance.pages import LANGUAGES, ROOT, all_pages, blocks_of, links_of, name_of
from tests.acceptance.terminals import terminal

PAGES = all_pages()
TYPED = "tutorial.md"
"""The page that `test_tutorial` types as a reader does."""
WITH_SHELL = [page for page in PAGES if blocks_of(page, "sh")]


def test_the_page_of_the_simulator_has_every_path_of_its_own() -> None:
    page = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
    paths = {resource.canonical for resource in create_platform().router.resources()}
    assert [path for path in sorted(paths) if path.startswith("/_sim") and f"{path}`" not in page] == []


@pytest.fixture
async def own_user(redis: Redis, redis_url: str) -> AsyncIterator[str]:
    """The URL of a Redis for the user that the deploy page makes, who can do nothing else."""
    (rule,) = [block.text for block in blocks_of(ROOT / "docs/deploy.md", "text") if "ACL" in block.text]
    await redis.execute_command(*rule.split())  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    await redis.acl_log_reset()
    yield redis_url.replace("://", "://visitor-doors:a-long-password@")
    await redis.acl_deluser("visitor-doors")


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


@pytest.mark.parametrize("page", [page for page in WITH_SHELL if page.name != TYPED], ids=name_of)
async def test_shell_blocks_run_from_top_to_bottom(page: Path, tmp_path: Path, own_user: str, redis: Redis) -> None:
    """Files that the page shows are there when their turn has come; nothing needs more of Redis than the docs say."""
    with terminal(tmp_path, own_user, REDIS_PREFIX="visitor-doors") as shell:
        for block in blocks_of(page):
            if block.title is not None:
                shell.save(block)
            if block.language == "sh":
                shell.run(block)
    assert await redis.acl_log() == []
    assert {key.partition(b":")[0] for key in await redis.keys() if isinstance(key, bytes)} <= {b"{visitor-doors}"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_data_blocks_can_be_read(page: Path) -> None:
    for block in blocks_of(page, "toml", "json"):
        assert (tomllib if block.language == "toml" else json).loads(block.text)


def test_decisions_are_numbered_short_and_listed() -> None:
    directory = ROOT / "docs/decisions"
    decisions = sorted(directory.glob("[0-9]*.md"))
    assert [page.name[:4] for page in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    assert [page.name for page in decisions if len(page.read_text(encoding="utf-8").splitlines()) > 40] == []
    assert sorted(links_of(directory / "README.md")) == [page.name for page in decisions]


def test_the_readme_names_both_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "./scripts/demo" in readme
    assert "./scripts/test" in readme


def test_the_settings_page_has_the_table_of_this_release() -> None:
    """`python docs/settings_table.py` writes it."""
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert settings_table().filled(page) == page


def test_the_page_of_the_command_line_has_every_command_and_option() -> None:
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.M | re.S))
    titles = {command: title for title in sections for command in title.split(", ")}
    assert COMMANDS.keys() - titles.keys() == set()
    missing = {(command, option) for command in COMMANDS for option in options_of(command)
               if f"`{option}" not in sections[titles[command]]}  # fmt: skip
    assert missing == set()


def test_the_page_of_redis_has_every_key() -> None:
    page = (ROOT / "docs/redis_keys.md").read_text(encoding="utf-8")
    lua = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "envoy_plugin/engine/lua").glob("*.lua"))
    kinds = set(re.findall(r"(?:P \.\. |key\()'(\w+):?'", lua)) | set(
        re.findall(r'self\.of\("(\w+)"', inspect.getsource(keys))
    )
    assert len(kinds) > 10
    assert [kind for kind in sorted(kinds | set(State)) if not re.search(rf"`{kind}[:`]", page)] == []


def settings_table() -> ModuleType:
    """The script beside the page; it is no part of a package."""
    path = ROOT / "docs/settings_table.py"
    spec = spec_from_file_location("settings_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options_of(command: str) -> list[str]:
    """Every long option of a command and of its own commands, but for --help."""
    found = get_command(import_module(f"envoy_plugin.cli.commands.{command}").app)
    commands = [found, *getattr(found, "commands", {}).values()]
    names = [
        name
        for one in commands
        for parameter in one.params
        if not parameter.hidden
        for name in (*parameter.opts, *parameter.secondary_opts)
    ]
    return [name for name in names if name.startswith("--") and name != "--help"]
