"""Envoy's record of a job at the simulated Envoy."""

import pytest

from envoy_plugin.simulator import jobs as jobs_module
from envoy_plugin.simulator.jobs import Jobs
from envoy_plugin.simulator.platform import JOBS, create_platform
from tests.unit.simulator.conftest import Envoy, MovableClock, ServeApplication

UNTOUCHED: dict[str, object] = {
    "status": "in_progress",
    "status_message": None,
    "failure_reason": None,
    "attachments": [],
}
TEXT = {"type": "text", "label": "Door code", "value": "4711"}
PASSWORD = {"type": "password", "label": "PIN", "value": "0042"}
LINK = {"type": "link", "label": "Badge", "value": "open", "url": "http://127.0.0.1/b"}


async def test_a_job_is_in_progress_and_empty_at_first(envoy: Envoy) -> None:
    assert await envoy.shown("j1") == UNTOUCHED


@pytest.mark.parametrize("status", ["done", "ignored", "failed"])
async def test_an_update_sets_what_it_names(envoy: Envoy, status: str) -> None:
    answer = await envoy.update("j1", attachments=[], status=status, status_message="Said", failure_reason="Why")
    assert answer.status == 200
    assert await envoy.shown("j1") == {
        "status": status,
        "status_message": "Said",
        "failure_reason": "Why",
        "attachments": [],
    }


async def test_the_answer_is_the_resource_without_its_status(envoy: Envoy) -> None:
    envoy.app[JOBS].know("j9", name="entry_sign_in", identifier="vr:entry:19")
    answer = await envoy.update("j9", status="done")
    assert await answer.json() == {"data": {"id": "j9", "name": "entry_sign_in", "identifier": "vr:entry:19"}}


async def test_attachments_add_up_and_leave_the_status(envoy: Envoy) -> None:
    await envoy.update("j1", attachments=[TEXT])
    await envoy.update("j1", attachments=[PASSWORD, LINK], status_message="Half way")
    shown = await envoy.shown("j1")
    assert shown == UNTOUCHED | {"attachments": [TEXT, PASSWORD, LINK], "status_message": "Half way"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("kind", ["application/json", "application/vnd.api+json; charset=utf-8"])
async def test_put_and_patch_take_both_kinds_of_json(envoy: Envoy, method: str, kind: str) -> None:
    answer = await envoy.client.request(
        method,
        "/api/v2/plugin-services/jobs/j1",
        data='{"status":"done","status_message":"Grüße, 木村"}'.encode(),
        headers={**envoy.bearer, "Content-Type": kind},
    )
    assert answer.status == 200
    assert (await envoy.shown("j1"))["status_message"] == "Grüße, 木村"


async def test_an_unknown_job_is_not_found(envoy: Envoy) -> None:
    assert (await envoy.update("nobody", status="done")).status == 404
    assert (await envoy.client.get("/_sim/jobs/nobody")).status == 404
    assert (await envoy.client.get("/_sim/jobs/nobody/timeline")).status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"status":"in_progress"}',
        b'{"status":"finished"}',
        b'{"status_message":7}',
        b'{"attachments":{}}',
        b'{"attachments":[{"label":"no type","value":"x"}]}',
        b'{"attachments":[{"type":"text","label":""}]}',
        b'{"attachments":[{"type":"text","label":"no value"}]}',
        b'{"attachments":[{"type":"link","label":"no url","value":"x"}]}',
        b'{"attachments":[{"type":"json","label":"x","value":NaN}]}',
    ],
)
async def test_a_bad_body_is_refused_and_changes_nothing(envoy: Envoy, body: bytes) -> None:
    headers = {**envoy.bearer, "Content-Type": "application/json"}
    answer = await envoy.client.patch("/api/v2/plugin-services/jobs/j1", data=body, headers=headers)
    assert answer.status == 422
    assert "errors" in await answer.json()
    assert await envoy.shown("j1") == UNTOUCHED


async def test_a_refusal_does_not_repeat_what_was_sent(envoy: Envoy) -> None:
    answer = await envoy.update("j1", status="canary-4711")
    assert "canary-4711" not in await answer.text()


async def test_another_content_type_is_refused(envoy: Envoy) -> None:
    headers = {**envoy.bearer, "Content-Type": "text/plain"}
    answer = await envoy.client.patch("/api/v2/plugin-services/jobs/j1", data=b"{}", headers=headers)
    assert answer.status == 415


async def test_an_attachment_of_an_unknown_type_needs_a_label_alone(envoy: Envoy) -> None:
    assert (await envoy.update("j1", attachments=[{"type": "video", "label": "Tour"}])).status == 200


async def test_attachments_are_bounded(envoy: Envoy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envoy_plugin.simulator.job_routes.MAX_ATTACHMENTS", 1)
    first, second = await envoy.update("j1", attachments=[TEXT]), await envoy.update("j1", attachments=[TEXT])
    assert (first.status, second.status) == (200, 422)
    assert (await envoy.shown("j1"))["attachments"] == [TEXT]


async def test_an_id_may_hold_any_character(envoy: Envoy) -> None:
    await envoy.client.put("/_sim/jobs/a%2Fb%3Fc")
    assert (await envoy.update("a%2Fb%3Fc", status="done")).status == 200
    assert envoy.app[JOBS].get("a/b?c") is not None


async def test_a_job_that_is_made_known_again_keeps_its_state(envoy: Envoy) -> None:
    await envoy.update("j1", status="done")
    answer = await envoy.client.put("/_sim/jobs/j1", json={"name": "entry_sign_in"})
    assert (await answer.json())["status"] == "done"


async def test_many_jobs_are_made_known_at_once(envoy: Envoy) -> None:
    answer = await envoy.client.put("/_sim/jobs", json=["k1", "k2", "k3"])
    assert await answer.json() == {"known": 3}
    assert await envoy.shown("k3") == UNTOUCHED


@pytest.mark.parametrize("body", [{}, [7], [""]])
async def test_ids_that_are_none_make_no_job_known(envoy: Envoy, body: object) -> None:
    assert (await envoy.client.put("/_sim/jobs", json=body)).status == 422


@pytest.mark.parametrize(
    ("status", "state", "message"),
    [
        (200, "done", None),
        (201, "done", None),
        (202, "in_progress", "Said"),
        (400, "ignored", "Said"),
        (412, "failed", "Said"),
        (500, "failed", "Said"),
        (204, "failed", "Said"),
        (None, "in_progress", None),
    ],
)
async def test_an_answer_is_read_as_envoy_reads_it(
    envoy: Envoy, status: int | None, state: str, message: str | None
) -> None:
    body = None if status is None else {"message": "Said"}
    assert await envoy.answered("j1", status, body) == UNTOUCHED | {"status": state, "status_message": message}


@pytest.mark.parametrize(("status", "kept"), [(400, [TEXT]), (412, [TEXT]), (200, []), (500, [])])
async def test_attachments_of_an_ignored_or_failed_answer_are_kept(
    envoy: Envoy, status: int, kept: list[object]
) -> None:
    shown = await envoy.answered("j1", status, {"attachments": [TEXT, "rubbish"]})
    assert shown["attachments"] == kept


@pytest.mark.parametrize("body", [None, "text", ["message"], {"message": 7}, {"attachments": "none"}])
async def test_an_answer_without_a_message_leaves_the_message(envoy: Envoy, body: object) -> None:
    assert (await envoy.answered("j1", 412, body))["status_message"] is None


@pytest.mark.parametrize("status", [200, 202, 400, 412, 500])
async def test_a_state_set_through_the_api_stays_whatever_is_answered(envoy: Envoy, status: int) -> None:
    await envoy.update("j1", status="done", status_message="Badge ready")
    before = await envoy.shown("j1")
    assert await envoy.answered("j1", status, {"message": "Said later"}) == before


async def test_a_message_set_through_the_api_stays_when_the_answer_comes_later(envoy: Envoy) -> None:
    await envoy.update("j1", status_message="Half way")
    assert (await envoy.answered("j1", 202, {"message": "Started"}))["status_message"] == "Half way"


async def test_an_answer_for_an_unknown_job_or_with_a_bad_status_is_refused(envoy: Envoy) -> None:
    unknown = await envoy.client.post("/_sim/jobs/nobody/answer", json={"status": 200})
    bad = await envoy.client.post("/_sim/jobs/j1/answer", json={"status": "done"})
    assert (unknown.status, bad.status) == (404, 422)


async def test_the_timeline_tells_what_happened_and_when(envoy: Envoy) -> None:
    await envoy.answered("j1", 202, {"message": "Started"})
    envoy.clock.move(seconds=90)
    await envoy.update("j1", status="failed", failure_reason="Door", attachments=[PASSWORD])
    moments = await (await envoy.client.get("/_sim/jobs/j1/timeline")).json()
    assert [(moment["what"], moment["status"]) for moment in moments] == [
        ("created", "in_progress"),
        ("answered", "in_progress"),
        ("updated", "failed"),
    ]
    assert moments[1] | {"http_status": 202, "message": "Started"} == moments[1]
    assert moments[2]["time"] == "2026-11-21T09:01:30.000Z"
    assert (moments[2]["set_status"], moments[2]["failure_reason"]) == ("failed", "Door")
    assert moments[2]["attachments"] == ["PIN"]


def test_the_oldest_jobs_are_forgotten(clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "MAX_JOBS", 2)
    jobs = Jobs(clock)
    jobs.know_all(["a", "b", "c"])
    assert [jobs.get(job_id) is not None for job_id in "abc"] == [False, True, True]
    assert jobs.timeline("a") == ()


async def test_a_job_that_is_over_may_refuse_another_word(
    aiohttp_client: ServeApplication, clock: MovableClock
) -> None:
    app = create_platform(job_ids=["j1"], final_jobs=True, clock=clock)
    envoy = Envoy(app, await aiohttp_client(app), clock)
    await envoy.log_in()
    statuses = [(await envoy.update("j1", status=status)).status for status in ("done", "failed")]
    assert (statuses, (await envoy.shown("j1"))["status"]) == ([200, 409], "done")
