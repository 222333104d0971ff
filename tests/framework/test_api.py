"""Calls to Envoy's API and the job of the customer's document, over real HTTP."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import web

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.attachments import Json, Link, Password, Text
from envoy_plugin.envoy.job import EnvoyPluginJob, JobStatus
from envoy_plugin.envoy.transport import ANSWER_BYTES, read_retry_after
from envoy_plugin.errors import ApiRefused, ApiUnavailable, AuthFailed, EnvoyError
from tests.framework.scripted import Answers, Scripted, drop, hang, raw, scripted, status

Serve: TypeAlias = Callable[..., Awaitable["Platform"]]

JOB_ANSWER = {"data": {"id": "j1", "name": "entry_sign_in", "identifier": "vr:entry:19"}}


class NumberedTokens:
    """Tokens `t0`, `t1`, …, the next one at each renewal."""

    def __init__(self) -> None:
        self.number = 0

    async def get(self) -> str:
        return f"t{self.number}"

    async def renew(self, rejected: str) -> str:
        assert rejected == f"t{self.number}"
        self.number += 1
        return await self.get()


class Platform:
    """A scripted Envoy, and the API of a plugin that asks it."""

    def __init__(self, server: Scripted, *, timeout: float) -> None:
        self.asked, self.bodies = server.asked, server.bodies
        self.api = EnvoyPluginAPI(
            server.session,
            base_url=server.url,
            tokens=NumberedTokens(),
            timeout=timedelta(seconds=timeout),
            backoff=timedelta(milliseconds=1),
        )

    @property
    def job(self) -> EnvoyPluginJob:
        return EnvoyPluginJob(self.api, "j1")


OK = status(200, JOB_ANSWER)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a platform with these answers in order, the last one for ever: `await serve(OK, timeout=…)`."""
    async with AsyncExitStack() as stack:

        async def start(*answers: Answers, timeout: float = 5) -> Platform:
            return Platform(await stack.enter_async_context(scripted(*answers)), timeout=timeout)

        yield start


Act: TypeAlias = Callable[[EnvoyPluginJob], Awaitable[dict[str, Any]]]
BODIES: list[tuple[Act, dict[str, Any]]] = [
    (
        lambda job: job.attach(Text("Door code", "4711"), Password("PIN", "0042")),
        {
            "attachments": [
                {"type": "text", "label": "Door code", "value": "4711"},
                {"type": "password", "label": "PIN", "value": "0042"},
            ]
        },
    ),
    (
        lambda job: job.update("Half way there", Link("Badge", "open", "http://127.0.0.1/b")),
        {
            "attachments": [{"type": "link", "label": "Badge", "value": "open", "url": "http://127.0.0.1/b"}],
            "status_message": "Half way there",
        },
    ),
    (
        lambda job: job.complete("All done", Json("Report", {"ok": True})),
        {
            "attachments": [{"type": "json", "label": "Report", "value": {"ok": True}}],
            "status": "done",
            "status_message": "All done",
        },
    ),
    (
        lambda job: job.ignore("Nothing to do", "Guest has no e-mail"),
        {
            "attachments": [],
            "status": "ignored",
            "status_message": "Nothing to do",
            "failure_reason": "Guest has no e-mail",
        },
    ),
    (
        lambda job: job.fail("Door system down", "connect refused"),
        {
            "attachments": [],
            "status": "failed",
            "status_message": "Door system down",
            "failure_reason": "connect refused",
        },
    ),
    (lambda job: job.execute(JobStatus.DONE, ""), {"attachments": [], "status": "done", "status_message": ""}),
    (lambda job: job.execute(None, None), {"attachments": []}),
]


@pytest.mark.parametrize(("act", "wire"), BODIES)
async def test_the_job_sends_what_envoys_own_sdk_sends(serve: Serve, act: Act, wire: dict[str, Any]) -> None:
    platform = await serve(OK)
    assert await act(platform.job) == JOB_ANSWER["data"]
    (request,) = platform.asked
    assert (request.method, request.path) == ("PATCH", "/api/v2/plugin-services/jobs/j1")
    assert list(json.loads(platform.bodies[0]).items()) == list(wire.items())


async def test_the_job_knows_its_api_and_id(serve: Serve) -> None:
    platform = await serve(OK)
    job = EnvoyPluginJob(platform.api, "j1")
    assert (job.api, job.id, repr(job)) == (platform.api, "j1", "EnvoyPluginJob('j1')")


async def test_a_call_carries_the_headers_that_envoy_expects(serve: Serve) -> None:
    platform = await serve(OK)
    await platform.job.attach()
    headers = platform.asked[0].headers
    assert headers["Accept"] == headers["Content-Type"] == "application/vnd.api+json"
    assert headers["Authorization"] == "Bearer t0"
    assert headers["User-Agent"].startswith("envoy_plugin/")


async def test_config_is_read(serve: Serve) -> None:
    platform = await serve(status(200, {"data": {"greeting": "Hola", "level": 3}}))
    assert await platform.api.get_config("1001") == {"greeting": "Hola", "level": 3}
    assert platform.asked[0].path == "/api/v2/plugin-services/installs/1001/config"
    assert platform.bodies[0] == b""


@pytest.mark.parametrize(
    ("job_id", "segment"), [("../installs/1/config?", "..%2Finstalls%2F1%2Fconfig%3F"), ("a b#%2e", "a%20b%23%252e")]
)
async def test_an_id_stays_one_segment_of_the_path(serve: Serve, job_id: str, segment: str) -> None:
    platform = await serve(OK)
    await platform.api.update_job(job_id, message="x")
    assert platform.asked[0].raw_path == f"/api/v2/plugin-services/jobs/{segment}"


@pytest.mark.parametrize("job_id", ["", ".", ".."])
async def test_an_id_that_would_climb_is_refused(serve: Serve, job_id: str) -> None:
    platform = await serve(OK)
    with pytest.raises(ApiRefused, match="job_id can't be part of a path"):
        await platform.api.update_job(job_id, message="x")
    assert platform.asked == []


@pytest.mark.parametrize("answer", [status(204), status(200, {}), status(200, []), status(200, {"data": None})])
async def test_an_answer_without_data_is_fine(serve: Serve, answer: Answers) -> None:
    platform = await serve(answer)
    assert await platform.job.complete("Done") == {}


async def test_a_rejected_token_is_renewed_once(serve: Serve) -> None:
    platform = await serve(status(401), OK)
    await platform.job.complete("Done", Text("a", "b"))
    assert [request.headers["Authorization"] for request in platform.asked] == ["Bearer t0", "Bearer t1"]


async def test_a_rejected_new_token_ends_the_call(serve: Serve) -> None:
    platform = await serve(status(401))
    with pytest.raises(AuthFailed) as caught:
        await platform.job.complete("Done")
    assert (caught.value.status, len(platform.asked)) == (401, 2)


@pytest.mark.parametrize("code", [429, 500, 502, 503])
async def test_a_busy_envoy_is_asked_three_times(serve: Serve, code: int) -> None:
    platform = await serve(status(code), status(code), OK)
    await platform.job.complete("Done", Text("a", "b"))
    assert len(platform.asked) == 3


async def test_an_envoy_that_stays_busy_is_unavailable(serve: Serve) -> None:
    platform = await serve(status(503))
    with pytest.raises(ApiUnavailable) as caught:
        await platform.job.complete("Done")
    assert (caught.value.status, len(platform.asked)) == (503, 3)


@pytest.mark.parametrize("code", [400, 403, 404, 409, 422])
async def test_a_refusal_is_not_repeated(serve: Serve, code: int) -> None:
    platform = await serve(status(code, {"errors": [{"detail": "canary"}]}))
    with pytest.raises(ApiRefused) as caught:
        await platform.job.complete("canary", Text("canary", "canary"))
    assert (caught.value.status, len(platform.asked)) == (code, 1)
    assert str(caught.value) == f"PATCH /api/v2/plugin-services/jobs/{{job_id}}: Envoy answered {code}."


@pytest.mark.parametrize("broken", [drop, raw(b'{"data": {"id"'), raw(b"<html>"), status(504), status(408)])
async def test_after_an_undecided_try_only_what_does_not_append_is_repeated(serve: Serve, broken: Answers) -> None:
    platform = await serve(broken, OK)
    assert await platform.job.complete("Done") == JOB_ANSWER["data"]
    assert len(platform.asked) == 2
    platform = await serve(broken, OK)
    with pytest.raises(ApiUnavailable):
        await platform.job.complete("Done", Text("a", "b"))
    assert len(platform.asked) == 1


async def test_an_envoy_that_cannot_be_reached_is_tried_again_even_with_attachments(
    serve: Serve, unused_tcp_port: int
) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{unused_tcp_port}"
        api = EnvoyPluginAPI(session, base_url=url, tokens=NumberedTokens(), backoff=timedelta(milliseconds=1))
        with pytest.raises(ApiUnavailable, match="no connection to Envoy"):
            await EnvoyPluginJob(api, "j1").attach(Text("a", "b"))


async def test_a_hanging_envoy_costs_no_more_than_the_time_out(serve: Serve) -> None:
    platform = await serve(hang, timeout=0.2)
    started = time.monotonic()
    with pytest.raises(ApiUnavailable, match=r"no answer within 0\.2 s"):
        await platform.job.complete("Done")
    assert time.monotonic() - started < 2


async def test_retry_after_is_obeyed_where_it_fits(serve: Serve) -> None:
    platform = await serve(status(429, Retry_After="1"), OK)
    started = time.monotonic()
    await platform.job.complete("Done")
    assert time.monotonic() - started >= 1


async def test_retry_after_beyond_the_time_out_is_handed_on(serve: Serve) -> None:
    platform = await serve(status(429, Retry_After="120"), OK)
    with pytest.raises(ApiUnavailable) as caught:
        await platform.job.complete("Done")
    assert (caught.value.retry_after, len(platform.asked)) == (120, 1)


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 7 ", 7),
        ("soon", None),
        ("-1", None),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60),
        ("Sat, 21 Nov 2026 12:01:00", 60),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("9" * 400, 86_400),
        ("Sat, 21 Nov 9999 11:00:00 GMT", 86_400),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(header: str | None, seconds: float | None) -> None:
    assert read_retry_after(header, now=NOON) == seconds


async def test_a_redirect_within_the_origin_is_followed(serve: Serve) -> None:
    platform = await serve(status(307, Location="/elsewhere"), OK)
    await platform.job.complete("Done")
    assert [request.path for request in platform.asked][1:] == ["/elsewhere"]
    assert platform.bodies[0] == platform.bodies[1]


async def test_a_redirect_that_brings_credentials_is_not_followed(serve: Serve) -> None:
    async def redirect(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"http://user:pass@{request.host}/x"})

    platform = await serve(redirect)
    with pytest.raises(ApiRefused):
        await platform.job.complete("Done")
    assert len(platform.asked) == 1


@pytest.mark.parametrize("location", ["http://127.0.0.2:1/x", "https://evil.example/x", "ftp://x", "http://[x"])
async def test_a_redirect_to_another_origin_is_not_followed(serve: Serve, location: str) -> None:
    platform = await serve(status(307, Location=location))
    with pytest.raises(ApiRefused) as caught:
        await platform.job.complete("Done")
    assert (caught.value.status, len(platform.asked)) == (307, 1)


async def test_a_redirect_that_would_turn_an_update_into_a_read_is_not_followed(serve: Serve) -> None:
    platform = await serve(status(302, Location="/elsewhere"))
    with pytest.raises(ApiRefused):
        await platform.job.complete("Done")
    assert len(platform.asked) == 1


async def test_redirects_in_a_circle_end(serve: Serve) -> None:
    platform = await serve(status(302, Location="/round"))
    with pytest.raises(ApiUnavailable, match="redirected"):
        await platform.api.get_config("1")
    assert len(platform.asked) == 9


async def test_an_endless_answer_is_cut_off(serve: Serve) -> None:
    platform = await serve(raw(b" " * (ANSWER_BYTES + 1)))
    with pytest.raises(ApiUnavailable, match="over"):
        await platform.job.attach(Text("a", "b"))


async def test_config_is_merged_and_none_removes_a_key(serve: Serve) -> None:
    platform = await serve(status(503), status(200, {"data": {"level": 4}}))
    assert await platform.api.set_config("1001", {"level": 4, "drop": None}) == {"level": 4}
    assert (platform.asked[1].method, platform.asked[1].path) == (
        "PUT",
        "/api/v2/plugin-services/installs/1001/config",
    )
    assert platform.bodies[1] == b'{"level":4,"drop":null}'


STORED = {"key": "door", "value": {"id": 7}}


async def test_storage_commands_are_sent_as_by_envoys_own_sdk(serve: Serve) -> None:
    platform = await serve(status(200, {"data": [STORED, None, [STORED]]}))
    commands: list[Any] = [
        {"action": "set", "key": "door", "value": {"id": 7}},
        {"action": "get", "key": "pin"},
        {"action": "list", "page": 1},
    ]
    assert await platform.api.storage(commands, "1001") == [STORED, None, [STORED]]
    assert (platform.asked[0].method, platform.asked[0].path) == ("POST", "/api/v2/plugin-services/storage")
    assert list(json.loads(platform.bodies[0]).items()) == [("commands", commands), ("install_id", "1001")]


async def test_a_missing_storage_key_is_a_value_and_spoils_no_other_result(serve: Serve) -> None:
    platform = await serve(status(200, {"data": [None, STORED]}))
    results = await platform.api.storage([{"action": "unset", "key": "a"}, {"action": "get", "key": "door"}])
    assert results == [None, STORED]
    assert "install_id" not in json.loads(platform.bodies[0])


async def test_no_command_asks_nothing(serve: Serve) -> None:
    platform = await serve(OK)
    assert await platform.api.storage([]) == []
    assert platform.asked == []


async def test_storage_sends_a_hundred_and_thirty_commands_at_once(serve: Serve) -> None:
    platform = await serve(status(200, {"data": [None] * 130}))
    assert await platform.api.storage([{"action": "get", "key": str(n)} for n in range(130)]) == [None] * 130
    assert len(platform.asked) == 1


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {}}, {"data": []}, {"data": [1, 2]}, [1]])
async def test_storage_results_that_do_not_match_the_commands_are_refused(serve: Serve, answer: object) -> None:
    platform = await serve(status(200, answer))
    with pytest.raises(ApiUnavailable, match="not one result for each of 1 commands"):
        await platform.api.storage([{"action": "get", "key": "canary"}])


@pytest.mark.parametrize(
    ("action", "tries"),
    [("get", 2), ("set", 2), ("list", 2), ("unset", 1), ("set_unique", 1), ("set_unique_num", 1), ("update", 1)],
)
async def test_after_an_undecided_try_only_commands_that_answer_the_same_are_repeated(
    serve: Serve, action: str, tries: int
) -> None:
    platform = await serve(drop, status(200, {"data": [None]}))
    try:
        await platform.api.storage([{"action": action, "key": "k"}])
    except ApiUnavailable:
        assert tries == 1
    assert len(platform.asked) == tries


async def test_a_notification_is_passed_on_and_never_sent_twice(serve: Serve) -> None:
    platform = await serve(status(201, {"data": {"id": "1"}}), drop)
    wish: dict[str, Any] = {"message": "Your guest is here", "recipient": {"employee_id": 7}}
    assert await platform.api.create_notification("1001", wish) == {"id": "1"}
    assert (platform.asked[0].method, platform.asked[0].path, json.loads(platform.bodies[0])) == (
        "POST",
        "/api/v2/plugin-services/installs/1001/notifications",
        wish,
    )
    with pytest.raises(ApiUnavailable):
        await platform.api.create_notification("1001", wish)
    assert len(platform.asked) == 2


@pytest.mark.parametrize("answer", [status(204), status(200, {})])
async def test_a_config_or_notification_without_answer_is_fine(serve: Serve, answer: Answers) -> None:
    platform = await serve(answer)
    assert await platform.api.set_config("1", {"a": 1}) == {}
    assert await platform.api.create_notification("1", {}) == {}


async def test_errors_hold_no_ids_bodies_or_tokens(serve: Serve) -> None:
    for answer in (status(500, "canary"), status(404, "canary"), raw(b"canary"), drop, status(401, "canary")):
        platform = await serve(answer)
        with pytest.raises(EnvoyError) as caught:
            await platform.api.update_job("canary", status="canary", message="canary", reason="canary")
        assert "canary" not in str(caught.value)
        assert "t0" not in str(caught.value)
