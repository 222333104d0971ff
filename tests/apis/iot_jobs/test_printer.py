"""The printer in `examples/`: whatever happens to its work, it goes on with the next."""

import asyncio
import importlib.util
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.apis.iot_jobs.site import JOB, THING, Client, Site

SCRIPT = Path(__file__).parents[3] / "examples" / "badge_printer.py"


@pytest.fixture(scope="module")
def printer() -> ModuleType:
    """The script, which isn't in a package."""
    spec = importlib.util.spec_from_file_location("badge_printer", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def prints(printer: ModuleType, site: Site) -> bool:
    found: bool = await asyncio.to_thread(printer.print_if_reached, site.device.client.raw, THING)
    return found


async def test_it_prints_what_there_is_to_print(
    printer: ModuleType, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.create()
    assert [await prints(printer, site), await prints(printer, site)] == [True, False]
    assert "| B-1 |" in capsys.readouterr().out
    ended = await site.execution()
    assert (ended["status"], ended["statusDetails"]["detailsMap"]) == ("SUCCEEDED", {"badge": "B-1"})


@pytest.mark.parametrize("document", ["[]", "1", '{"print": ""}', '{"print": "a\\nb"}', '{"name": "x"}'])
async def test_it_rejects_what_is_no_badge(printer: ModuleType, site: Site, document: str) -> None:
    await site.create(document=document)
    assert await prints(printer, site)
    assert (await site.execution())["status"] == "REJECTED"


async def test_what_was_canceled_while_it_printed_stays_canceled(printer: ModuleType, site: Site) -> None:
    await site.create()
    cancel = partial(site.operator.raw.cancel_job_execution, jobId=JOB, thingName=THING, force=True)

    def cancel_first(**_: Any) -> None:
        cancel()

    site.device.client.raw.meta.events.register("before-call.*.UpdateJobExecution", cancel_first)
    assert [await prints(printer, site), await prints(printer, site)] == [True, False]
    assert (await site.execution())["status"] == "CANCELED"


async def test_it_asks_again_later_where_nobody_answers(
    printer: ModuleType, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = Client("iot-jobs-data", "http://127.0.0.1:9", site.thing_key.id, site.thing_key.secret)
    assert not await asyncio.to_thread(printer.print_if_reached, nobody.raw, THING)
    assert capsys.readouterr().err.startswith("The plugin can't be reached")
