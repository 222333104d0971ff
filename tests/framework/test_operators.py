"""The operator API as `web` serves it, and that nothing that operators say or hold gets where it shouldn't."""

import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import FormData
from redis.asyncio import Redis

from envoy_plugin import Plugin, Step, Template
from envoy_plugin.apis.workflow_manager.tokens import OperatorTokens
from envoy_plugin.app import serve_runtime
from envoy_plugin.runtime import open_runtime
from envoy_plugin.variables import TAKEN
from tests.framework.served import Served, Stage, redis_values, settings_for

CANARY = "canary"
BASE = "/workflow/default"
Ask = Callable[..., Awaitable[tuple[int, str]]]
SAID: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/jobTemplates/visit/job", {"jobName": CANARY, "notes": CANARY, "assignedType": CANARY}),
    ("POST", "/jobTemplates/visit/job", {"jobName": CANARY * 100}),
    ("POST", "/jobTemplates/visit/job", {"startDate": CANARY, "description": [CANARY], CANARY: CANARY}),
    ("POST", "/jobs/{}/update", {"notes": CANARY * 1000, "extendedProperties": [{"identifier": CANARY}]}),
    ("POST", "/jobs/{}/comments", {"comment": CANARY * 1000}),
    ("POST", "/jobs/{}/comments", {"comment": {CANARY: CANARY}}),
    ("POST", "/jobs/search", {"search": [CANARY], "q": {CANARY: 1}}),
    ("POST", "/jobs/{}/action", {"type": CANARY}),
    ("POST", "/jobs/{}/attachmentslinked", {"attachments": [{"url": "javascript:canary", "alias": CANARY}]}),
    ("PUT", "/jobs/{}/location", {"location": {"geometryType": "Polygon", "geometry": f'{{"rings": "{CANARY}"}}'}}),
    ("POST", "/jobTemplates", {"state": CANARY, "defaultJobName": CANARY}),
]


@pytest.fixture
async def served(stage: Stage, logged: io.StringIO) -> Served:
    """A plugin with a workflow, whose root secret is a canary, served from before its first log line."""
    plugin = Plugin("visitor-doors")
    plugin.workflow(Template.of("visit", Step.manual("sign"), closes=False))
    return await stage.serve(plugin, SECRET_KEY="canary-root-secret-4711-of-many-characters")


@pytest.fixture
def token(served: Served) -> str:
    """The token of somebody who may do everything."""
    tokens = OperatorTokens(served.runtime.settings.root_secrets)
    return tokens.mint("ada", items=["default"], privileges=["all"])[1]


@pytest.fixture
def ask(served: Served, token: str) -> Ask:
    """Ask with the token in the query, where it is most easily told to somebody."""

    async def send(method: str, path: str, body: object = None) -> tuple[int, str]:
        url = f"{served.url}{BASE}{path}?token={token}"
        sent = {"data": body} if isinstance(body, FormData) else {"json": body}
        async with served.http.request(method, url, **sent) as response:
            return response.status, f"{await response.text()} {dict(response.headers)}"

    return send


async def test_what_operators_say_and_hold_is_in_no_log_no_error_and_no_key(
    ask: Ask, served: Served, token: str, logged: io.StringIO, redis: Redis
) -> None:
    status, _ = await ask("POST", "/jobTemplates/visit/job", {"jobId": "job-1", "jobName": CANARY, "notes": CANARY})
    assert status == 200
    assert (await ask("POST", "/jobs/job-1/comments", {"comment": CANARY}))[0] == 200
    form = FormData({"alias": CANARY, "folder": CANARY})
    form.add_field("attachment", b"canary", filename="canary.txt")
    assert (await ask("POST", "/jobs/job-1/attachments", form))[0] == 200
    refused = [await ask(method, path.format("job-1"), body) for method, path, body in SAID]
    assert {status for status, _ in refused} == {400}
    values = {key.decode(): value.decode(errors="replace") for key, value in (await redis_values(redis)).items()}
    told = [logged.getvalue(), *(text for _, text in refused), *values, *values.values()]
    assert [text for text in told if CANARY in text or token in text] == []
    assert logged.getvalue().count("operator.refused") == len(SAID)


async def test_a_failure_inside_tells_neither_the_client_nor_the_log_what_was_said(
    ask: Ask, served: Served, logged: io.StringIO, redis: Redis
) -> None:
    await ask("POST", "/jobTemplates/visit/job", {"jobId": "job-1"})
    (key,) = await redis.keys("*:described:*")
    await redis.hset(key, "comment:x", served.engine.seal(b"canary"))  # what nobody can have foreseen
    status, text = await ask("GET", "/jobs/job-1/comments")
    assert (status, "The server failed unexpectedly." in text) == (500, True)
    assert "operator.failed" in logged.getvalue()
    assert CANARY not in text + logged.getvalue()


async def test_other_paths_are_the_applications_own(served: Served) -> None:
    async with served.http.get(f"{served.url}/workflows/default/jobs") as response:
        assert (response.status, await response.json()) == (404, {"message": "Not Found"})
    async with served.http.get(f"{served.url}/workflow/checkStatus") as response:
        assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_no_path_of_the_application_can_be_the_orgs(stage: Stage) -> None:
    settings = settings_for(stage.redis_url, stage.envoy, TITAN_ACCESS="open")
    async with open_runtime(Plugin("visitor-doors"), settings) as runtime:
        paths = {resource.canonical for resource in serve_runtime(runtime).router.resources()}
    first = {path.split("/")[1] for path in paths} - {settings.workflow_org, "{path}"}
    assert first == TAKEN
