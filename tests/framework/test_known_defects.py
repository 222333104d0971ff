"""Behaviours that plugins written with Envoy's Node SDK 2.5.2 have to live with, and that must not be had here.

`docs/known_defects.md` says for each of them which test shows it. Here are those that no other module shows.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from envoy_plugin import Done, Entry, EnvoyPluginJob, Link, Plugin, Text
from envoy_plugin.envoy.job import JobStatus
from envoy_plugin.simulator.faults import Fault
from tests.envoy_server import TOKEN_PATH
from tests.framework.served import Stage, a_webhook

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/known_defects.md"
SHOWN_BY_TESTS = {*range(1, 24), *range(25, 34), 35, 36}
ROW = re.compile(r"\| (\d+) \| [^|]+ \| [^|]+ \| ((?:`tests/[\w/]+\.py::test_\w+`(?:, )?)+) \|")

SPY = """
import os, sys
OURS = ("ENVOY_", "JWT_SECRET", "SECRET_KEY", "REDIS", "PORT", "STORAGE", "DYNO")
asked, opened = [], []
class Watched(type(os.environ)):
    def __getitem__(self, name):
        asked.append(name)
        return super().__getitem__(name)
os.environ.__class__ = Watched
sys.addaudithook(lambda event, about: opened.append(str(about[0])) if event == "open" else None)
before = dict(os.environ)
asked.clear()
from importlib import import_module
from pkgutil import walk_packages
import envoy_plugin
for module in walk_packages(envoy_plugin.__path__, "envoy_plugin."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
print([name for name in asked if name.startswith(OURS)], [name for name in opened if name.endswith(".env")],
      dict(os.environ) == before)
"""


async def test_a_handler_that_asks_for_nothing_is_not_reached_by_a_forged_request(stage: Stage, plugin: Plugin) -> None:
    """2, 3: whoever can't sign is told 401 before any handler runs, also one that reads neither event nor config."""
    calls: list[str] = []

    @plugin.on("entry_sign_in")
    async def reads_nothing() -> None:
        calls.append("called")

    served = await stage.serve(plugin, worker=False)
    reply = await served.post(a_webhook().body, signed=b"something else")
    assert (reply.status, calls) == (401, [])


async def test_a_handler_that_needs_no_token_answers_while_no_token_can_be_had(stage: Stage, plugin: Plugin) -> None:
    """4, 8: a login is made when a call needs one; a token endpoint that is down is no fault of other requests."""

    @plugin.on("entry_sign_in")
    async def reads_the_event(entry: Entry) -> dict[str, str]:
        return {"greeted": entry.id}

    served = await stage.serve(plugin, worker=False)
    served.envoy.fail(Fault(path=TOKEN_PATH, status=503))
    replies = [await served.post(a_webhook(job=f"job-{number}").body) for number in range(3)]
    assert ([reply.status for reply in replies], served.envoy.requests(TOKEN_PATH)) == ([200] * 3, [])


@pytest.mark.parametrize("background", [False, True])
async def test_a_body_of_more_than_100_kb_is_handled(stage: Stage, plugin: Plugin, *, background: bool) -> None:
    """20: how large a body may be is a setting, and 5 MiB by itself; what is kept for later may have 256 KiB."""
    lengths: list[int] = []

    @plugin.on("entry_sign_in", background=background)
    async def measure(entry: Entry) -> None:
        lengths.append(len(entry.full_name or ""))

    served = await stage.serve(plugin)
    delivery = await served.deliver(attributes={"full-name": "x" * 150_000})
    assert delivery.answer is not None
    assert delivery.answer.status == (202 if background else 200)
    if background:
        await served.finishes()
    assert lengths == [150_000]


@pytest.mark.parametrize("status", [JobStatus.DONE, JobStatus.IGNORED, JobStatus.FAILED])
async def test_any_end_goes_with_an_empty_message_and_with_attachments(
    stage: Stage, plugin: Plugin, status: JobStatus
) -> None:
    """26: nothing that Envoy takes about a job is left out of `execute`."""

    @plugin.on("entry_sign_in")
    async def tell(job: EnvoyPluginJob) -> None:
        await job.execute(status, "", "because", [Text("Door", "7"), Link("Badge", "open", "http://127.0.0.1/b")])

    served = await stage.serve(plugin, worker=False)
    await served.deliver()
    (told,) = served.updates()
    assert (told["status"], told["status_message"], told["failure_reason"]) == (status, "", "because")
    assert [each["label"] for each in told["attachments"]] == ["Door", "Badge"]


async def test_work_goes_on_in_another_process_where_its_own_was_lost(stage: Stage, plugin: Plugin) -> None:
    """35: background work is kept in Redis, so a process that ends in the middle of it leaves nothing unfinished."""
    calls: list[int] = []

    @plugin.on("entry_sign_in", background=True, timeout=timedelta(minutes=1))
    async def slow() -> Done:
        calls.append(len(calls))
        return Done("Door open")

    async with stage.apart() as first:
        await (await first.serve(plugin, worker=False)).deliver()
    assert calls == []
    second = await stage.serve(plugin)
    assert (await second.settled())["status_message"] == "Door open"


def test_importing_everything_reads_no_settings_and_no_env_file(tmp_path: Path) -> None:
    """36: settings are read when a process starts, by who starts it; a file of variables only where one is named."""
    (tmp_path / ".env").write_text("ENVOY_CLIENT_ID=canary\n")
    environ = {"PATH": "", "PYTHONPATH": str(ROOT), "ENVOY_CLIENT_SECRET": "canary-0123456789", "PORT": "1"}
    command = [sys.executable, "-c", SPY]
    told = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[] [] True"


def rows() -> Iterator[tuple[int, list[str]]]:
    """The number of each row of the page, and the tests that it names."""
    for number, tests in ROW.findall(PAGE.read_text(encoding="utf-8")):
        yield int(number), re.findall(r"`([^`]+)`", tests)


def test_the_page_has_a_row_for_every_behaviour() -> None:
    numbers = [number for number, _ in rows()]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= SHOWN_BY_TESTS


def test_every_test_that_the_page_names_is_there() -> None:
    named = {name for _, tests in rows() for name in tests}
    assert len(named) >= len(SHOWN_BY_TESTS) // 2
    assert [name for name in sorted(named) if name.partition("::")[2] not in functions(name.partition("::")[0])] == []


def functions(path: str) -> set[str]:
    """The names of the functions of a module."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
