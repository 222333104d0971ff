"""Installs, the request log, faults, and answers to what isn't there."""

import asyncio
import json

import aiohttp
import pytest

from envoy_plugin.simulator import installs as installs_module
from envoy_plugin.simulator import platform
from envoy_plugin.simulator.installs import Installs
from envoy_plugin.simulator.platform import REQUESTS
from tests.unit.simulator.conftest import CREDENTIALS, Envoy, ServeApplication

CONFIG = "/api/v2/plugin-services/installs/1001/config"
JOB = "/api/v2/plugin-services/jobs/j1"


async def test_the_api_reads_the_config_that_was_put(envoy: Envoy) -> None:
    config = {"greeting": "Olá", "level": 3, "nested": {"empty": []}, "none": None}
    await envoy.client.put("/_sim/installs/1001/config", json=config)
    answer = await envoy.client.get(CONFIG, headers=envoy.bearer)
    assert await answer.json() == {"data": config}


async def test_the_config_needs_a_token_and_a_known_install(envoy: Envoy) -> None:
    without = await envoy.client.get(CONFIG)
    unknown = await envoy.client.get(CONFIG.replace("1001", "9"), headers=envoy.bearer)
    assert (without.status, unknown.status) == (401, 404)


async def test_a_config_must_be_an_object(envoy: Envoy) -> None:
    assert (await envoy.client.put("/_sim/installs/1001/config", json=[1])).status == 422


def test_the_oldest_installs_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installs_module, "MAX_INSTALLS", 1)
    installs = Installs()
    installs.put("a", {})
    installs.put("b", {})
    assert (installs.config("a"), installs.config("b")) == (None, {})


async def test_the_log_has_each_request_without_credentials(envoy: Envoy) -> None:
    await envoy.update("j1", status="done", status_message="木村")
    login, update = await (await envoy.client.get("/_sim/requests")).json()
    assert (login["method"], login["path"], login["status"]) == ("POST", "/a/auth/v0/token", 200)
    assert login["body"] == {"grant_type": "client_credentials", **CREDENTIALS, "client_secret": "[hidden]"}
    assert (update["method"], update["path"], update["status"]) == ("PATCH", JOB, 200)
    assert update["headers"]["authorization"] == "Bearer [hidden]"
    assert update["body"] == {"status": "done", "status_message": "木村"}
    secrets = (CREDENTIALS["client_secret"], envoy.bearer["Authorization"].split()[1])
    assert not any(secret in json.dumps([login, update]) for secret in secrets)


async def test_the_log_leaves_out_the_query_and_hides_cookies(envoy: Envoy) -> None:
    await envoy.client.get("/unknown?token=abc", headers={"Cookie": "session=abc", "X-Api-Key": "abc"})
    row = envoy.app[REQUESTS].rows()[-1].as_json()
    assert (row["path"], row["status"], "abc" in json.dumps(row)) == ("/unknown", 404, False)


@pytest.mark.parametrize(("body", "shown"), [(b"{", None), (b"[1]", [1]), (b'"' + b"x" * 20_000 + b'"', None)])
async def test_the_log_shows_small_json_bodies_alone(envoy: Envoy, body: bytes, shown: object) -> None:
    await envoy.client.patch(JOB, data=body, headers={"Content-Type": "application/json"})
    assert envoy.app[REQUESTS].rows()[-1].body == shown


async def test_a_body_beyond_the_limit_is_refused_and_logged_without_it(
    aiohttp_client: ServeApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "MAX_BODY_BYTES", 10)
    app = platform.create_platform()
    answer = await (await aiohttp_client(app)).post("/oauth2/token", json={"grant_type": "client_credentials"})
    assert (answer.status, app[REQUESTS].rows()[0].body) == (413, None)


async def test_the_log_is_emptied(envoy: Envoy) -> None:
    assert (await envoy.client.delete("/_sim/requests")).status == 204
    assert envoy.app[REQUESTS].rows() == ()


async def test_a_status_is_answered_so_many_times(envoy: Envoy) -> None:
    await envoy.break_with({"method": "patch", "path": "/api/v2/plugin-services/jobs", "status": 503, "times": 2})
    assert [(await envoy.update("j1", status="done")).status for _ in range(3)] == [503, 503, 200]
    assert [row.status for row in envoy.app[REQUESTS].rows()[1:]] == [503, 503, 200]


async def test_a_fault_is_for_its_method_and_path_alone(envoy: Envoy) -> None:
    await envoy.break_with({"method": "GET", "status": 500}, {"path": "/oauth2", "status": 500})
    assert (await envoy.update("j1")).status == 200


async def test_a_fault_lasts_so_long(envoy: Envoy) -> None:
    await envoy.break_with({"status": 500, "seconds": 30})
    during = await envoy.update("j1")
    envoy.clock.move(seconds=30)
    assert (during.status, (await envoy.update("j1")).status) == (500, 200)
    assert await (await envoy.client.get("/_sim/faults")).json() == []


async def test_retry_after_is_a_429(envoy: Envoy) -> None:
    await envoy.break_with({"retry_after": 7})
    answer = await envoy.update("j1")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


async def test_retry_after_may_come_with_another_status(envoy: Envoy) -> None:
    await envoy.break_with({"retry_after": 0, "status": 503})
    answer = await envoy.update("j1")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "0")


async def test_a_malformed_answer_is_cut_off_json(envoy: Envoy) -> None:
    await envoy.break_with({"malformed": True})
    answer = await envoy.update("j1", status="done")
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        await answer.json()
    assert (await envoy.shown("j1"))["status"] == "in_progress"


@pytest.mark.parametrize(("applied", "status"), [(False, "in_progress"), (True, "done")])
async def test_a_dropped_connection_has_no_answer(envoy: Envoy, *, applied: bool, status: str) -> None:
    await envoy.break_with({"drop": True, "applied": applied})
    with pytest.raises(aiohttp.ClientError):
        await envoy.update("j1", status="done")
    assert (await envoy.shown("j1"))["status"] == status
    assert envoy.app[REQUESTS].rows()[-1].status is None


async def test_a_delay_comes_before_the_true_answer(envoy: Envoy) -> None:
    await envoy.break_with({"delay": 0.2})
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await envoy.update("j1", status="done")).status == 200
    assert loop.time() - started >= 0.2


async def test_faults_are_shown_with_what_is_left_and_deleted(envoy: Envoy) -> None:
    await envoy.break_with({"status": 500, "times": 2})
    await envoy.update("j1")
    (left,) = await (await envoy.client.get("/_sim/faults")).json()
    assert (left["status"], left["times"]) == (500, 1)
    assert (await envoy.client.delete("/_sim/faults")).status == 204
    assert (await envoy.update("j1")).status == 200


@pytest.mark.parametrize(
    "fault", [{}, {"path": "/api"}, {"status": 7}, {"delay": -1}, {"times": 0}, {"statsu": 500}, {"applied": True}]
)
async def test_a_fault_that_says_nothing_is_refused_and_changes_nothing(envoy: Envoy, fault: dict[str, object]) -> None:
    await envoy.break_with({"status": 503})
    assert (await envoy.break_with(fault)).status == 422
    assert (await envoy.update("j1")).status == 503


async def test_the_control_surface_has_no_faults_and_no_log(envoy: Envoy) -> None:
    await envoy.break_with({"status": 500})
    assert (await envoy.client.get("/_sim/jobs/j1")).status == 200
    assert len(envoy.app[REQUESTS].rows()) == 1


async def test_what_is_not_there_is_answered_in_json(envoy: Envoy) -> None:
    missing = await envoy.client.get("/nowhere")
    wrong = await envoy.client.get("/oauth2/token")
    assert (missing.status, wrong.status, wrong.headers["Allow"]) == (404, 405, "POST")
    assert (await missing.json())["errors"][0]["status"] == "404"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_the_control_surface_is_hidden_from_others(envoy: Envoy, headers: dict[str, str]) -> None:
    hidden = await envoy.client.get("/_sim/requests", headers=headers)
    missing = await envoy.client.get("/_sim/nothing")
    assert hidden.status == 404
    assert list((await hidden.json())["errors"][0]) == list((await missing.json())["errors"][0])


async def test_the_api_itself_is_open_to_any_host_name(envoy: Envoy) -> None:
    answer = await envoy.client.get(CONFIG, headers={**envoy.bearer, "Host": "envoy.test"})
    assert answer.status == 200


async def test_a_merge_changes_what_it_names_and_null_removes(envoy: Envoy) -> None:
    await envoy.client.put(
        "/_sim/installs/1001/config", json={"greeting": "Hola", "level": 3, "drop": 1, "n": {"a": 1}}
    )
    answer = await envoy.client.put(
        CONFIG, json={"level": 4, "drop": None, "new": [], "never": None}, headers=envoy.bearer
    )
    expected = {"greeting": "Hola", "level": 4, "n": {"a": 1}, "new": []}
    assert (answer.status, await answer.json()) == (200, {"data": expected})
    assert await (await envoy.client.get("/_sim/installs/1001/config")).json() == {"data": expected}


@pytest.mark.parametrize(("path", "body", "status"), [("1001", [1], 422), ("9", {}, 404)])
async def test_a_merge_that_makes_no_sense_is_refused(envoy: Envoy, path: str, body: object, status: int) -> None:
    answer = await envoy.client.put(CONFIG.replace("1001", path), json=body, headers=envoy.bearer)
    assert answer.status == status


async def test_a_purpose_is_taken(envoy: Envoy) -> None:
    path = CONFIG.replace("config", "purpose")
    taken = await envoy.client.put(path, json={"purpose": "identity-verification"}, headers=envoy.bearer)
    refused = await envoy.client.put(path, json={"purpose": ""}, headers=envoy.bearer)
    assert (taken.status, bool((await taken.json())["data"]), refused.status) == (200, True, 422)


async def test_installs_are_listed(envoy: Envoy) -> None:
    assert await (await envoy.client.get("/_sim/installs")).json() == ["1001"]


async def test_notifications_are_kept_and_shown_as_an_array(envoy: Envoy) -> None:
    path = CONFIG.replace("config", "notifications")
    body = {"message": "Your guest is here", "recipient": {"employee_id": 7}}
    answer = await envoy.client.post(path, json=body, headers=envoy.bearer)
    assert (answer.status, (await answer.json())["data"]["id"]) == (201, "1")
    shown = await (await envoy.client.get("/_sim/notifications")).json()
    assert shown == [body | {"id": "1", "install_id": "1001", "time": "2026-11-21T09:00:00.000Z"}]
    assert (await envoy.client.delete("/_sim/notifications")).status == 204
    assert await (await envoy.client.get("/_sim/notifications")).json() == []


@pytest.mark.parametrize(("install", "body", "status"), [("9", {}, 404), ("1001", [], 422)])
async def test_a_notification_for_nobody_or_of_another_shape_is_refused(
    envoy: Envoy, install: str, body: object, status: int
) -> None:
    path = CONFIG.replace("config", "notifications").replace("1001", install)
    assert (await envoy.client.post(path, json=body, headers=envoy.bearer)).status == status
