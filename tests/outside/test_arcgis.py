"""The real Python client of ArcGIS Workflow Manager drives the API, as it is published and unchanged.

It is proprietary, so no dependency: install it elsewhere, and name its interpreter (CONTRIBUTING.md says how).
"""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin.apis.workflow_manager.tokens import OperatorTokens
from envoy_plugin.engine.engine import Engine
from envoy_plugin.sealing import Sealer
from tests.apis.workflow_manager.site import SETTINGS, make_store, serving

SCRIPT = Path(__file__).parent / "arcgis_client.py"
PATIENCE = 110
CONFIGURED = {
    "diagrams": ["visit"],
    "version": 1,
    "initial": "s-signin",
    "updated": True,
    "template": ["Visit", "High", "Active"],
    "changed": True,
    "templates": True,
}
USED = {
    "job": ["visit-1", "A visit", "High", False, "s-signin"],
    "location": "Multipoint",
    "set_location": True,
    "update": True,
    "described": ["changed", "Low"],
    "extended": True,
    "extended_properties": [{"tableName": "visit", "properties": [{"propertyName": "badge", "value": "B-17"}]}],
    "diagram": "visit",
    "search": [["visit-1", "A visit"]],
    "words": -1,
    "statistics": {
        "total": 3,
        "group_by": "priority",
        "grouped_values": [{"value": "High", "count": 2}, {"value": "Low", "count": 1}],
    },
    **dict.fromkeys(("assign", "assign_current", "hold", "release", "depend", "undepend", "set_current"), True),
    "comment": True,
    "comments": ["hello"],
    "history": ["Created", "Activated"],
    "attachment": "nda.txt",
    "renamed": True,
    "linked": "nda",
    "attachments": ["Badge 2", "nda"],
    "body": "signed",
    "deleted_attachment": True,
    **dict.fromkeys(("close", "reopen", "upgrade", "delete"), True),
    "version": 2,
    "refused": "There is no job 'visit-1'.\n(Error Code: 404)",
}


EXECUTED = ["STEP_INFO_REQUIRED", "STEP_PAUSED", "STEP_INFO_REQUIRED", "STEP_FINISHED", "STEP_FINISHED"]


@pytest.fixture
def python(pytestconfig: pytest.Config) -> str:
    """An interpreter that has the client."""
    given = pytestconfig.getoption("arcgis")
    if given is None and importlib.util.find_spec("arcgis") is None:
        pytest.skip("the arcgis client isn't installed here; give --arcgis=PYTHON, see CONTRIBUTING.md")
    return str(given or sys.executable)


async def test_the_real_client_drives_the_api(redis: Redis, python: str) -> None:
    engine = Engine(redis, prefix="doors", codec=Sealer(SETTINGS.root_secrets))
    tokens = OperatorTokens(SETTINGS.root_secrets)
    _, token = tokens.mint("ada", items=["default"], groups=["front-desk"], privileges=["all"])
    async with serving(engine, make_store(engine)) as url:
        told = await run(python, url, token)
    assert told["configure"] == CONFIGURED
    assert told["use"] == USED
    assert told["execute"] == EXECUTED
    assert told["remove"] == [True, True]


async def run(python: str, *arguments: str) -> Any:
    """What the client tells."""
    process = await asyncio.create_subprocess_exec(python, SCRIPT, *arguments, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    return json.loads(out)
