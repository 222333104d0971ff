"""What the pages show, and what their forms do."""

import html
import json
import sys

import pytest

from envoy_plugin.inspector import pages
from envoy_plugin.simulator.jobs import JobStatus
from envoy_plugin.simulator.payloads import build_webhook
from tests.framework.inspector.conftest import MOST_BODY
from tests.framework.inspector.inspected import Inspected, Page
from tests.framework.served import eventually

HOSTILE = "<script>alert('é')</script>"


async def shown(inspected: Inspected, path: str, *words: str) -> Page:
    """A page, once all of the words are on it."""

    async def look() -> Page | None:
        page = await inspected.get(path)
        return page if all(word in page.text for word in words) else None

    return await eventually(look)


async def test_deliveries_are_listed_the_newest_first_with_answer_and_job(inspected: Inspected) -> None:
    await inspected.deliver()
    await inspected.deliver("entry_sign_out")
    page = await shown(inspected, "/_envoy/", "202 ongoing", "200 done")
    assert page.text.index("entry_sign_out") < page.text.index("entry_sign_in")


async def test_a_delivery_shows_both_sides_its_log_its_jobs_and_envoys_dashboard(inspected: Inspected) -> None:
    await inspected.deliver()
    page = await shown(inspected, "/_envoy/deliveries/1", "succeeded", "door.opened", "report", "Door open")
    assert page.text.count("[hidden]") >= 2
    assert "&#34;full-name&#34;" in page.text
    assert "application/json" in page.text


@pytest.mark.parametrize("path", ["/_envoy/deliveries/1", "/_envoy/dashboard"])
async def test_attachments_are_shown_and_passwords_are_not(inspected: Inspected, path: str) -> None:
    await inspected.deliver()
    page = await shown(inspected, path, "north", "Ground floor", "https://map.example/1", "••••")
    assert "s3cret" not in page.text


async def test_log_lines_of_an_inline_handler_are_shown(inspected: Inspected) -> None:
    await inspected.deliver("entry_sign_out")
    page = await shown(inspected, "/_envoy/deliveries/1", "door.closed", "door=north")
    assert "it was answered at once" in page.text


async def test_no_value_of_a_credential_is_on_a_page(inspected: Inspected) -> None:
    webhook = build_webhook("entry_sign_in", seed=1)
    await inspected.deliver(webhook=webhook)
    text = (await inspected.get("/_envoy/deliveries/1")).text + json.dumps(await inspected.api("/deliveries/1"))
    signature = dict(inspected.newest.headers)["X-Envoy-Signature"]
    assert webhook.user_token is not None
    assert webhook.user_token[0] not in text
    assert signature not in text


async def test_what_a_visitor_calls_himself_stays_text(inspected: Inspected) -> None:
    webhook = build_webhook("entry_sign_in", seed=1)
    webhook.document["meta"]["event"] = HOSTILE
    webhook.document["payload"]["attributes"]["full-name"] = HOSTILE
    await inspected.deliver(webhook=webhook)
    for path in ("/_envoy/", "/_envoy/dashboard", "/_envoy/deliveries/1", "/_envoy/deliveries/1/edit"):
        page = await inspected.get(path)
        assert page.status == 200
        assert HOSTILE not in page.text
        assert "&lt;script&gt;" in page.text


async def test_a_page_follows_a_job_to_its_end(inspected: Inspected) -> None:
    await inspected.deliver()
    said = b""
    async with inspected.browser.get(f"{inspected.url}/_envoy/live/deliveries/1") as answer:
        assert answer.content_type == "text/event-stream"
        async for line in answer.content:
            said += line
            if b"Door open" in said:
                break
    assert said.startswith(b"data: ")


@pytest.mark.parametrize("name", ["deliveries", "dashboard"])
async def test_the_other_pages_follow_too(inspected: Inspected, name: str) -> None:
    await inspected.deliver()
    async with inspected.browser.get(f"{inspected.url}/_envoy/live/{name}") as answer:
        async for line in answer.content:
            if b"done" in line:
                break


@pytest.mark.parametrize("path", ["/_envoy/", "/_envoy/dashboard"])
async def test_an_empty_page_says_what_to_type_next(inspected: Inspected, path: str) -> None:
    assert "envoy-plugin trigger entry_sign_in" in (await inspected.get(path)).text


async def test_older_deliveries_are_a_page_away(inspected: Inspected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "A_PAGE", 2)
    for _ in range(3):
        await inspected.post(b"{}")
    assert 'href="/_envoy/?below=2"' in (await inspected.get("/_envoy/")).text
    older = (await inspected.get("/_envoy/?below=2")).text
    assert ("delivery-1" in older, "delivery-2" in older) == (True, False)
    assert "Nothing older is kept" in (await inspected.get("/_envoy/?below=1")).text


async def test_a_replay_is_another_event_whose_handler_runs_again(inspected: Inspected) -> None:
    await inspected.deliver()
    page = await inspected.submit("/_envoy/deliveries/1/replay", {"as": "new"})
    assert page.url.path == "/_envoy/deliveries/2"
    first, second = [row.webhook for row in sorted(inspected.recorder.newest_first(), key=lambda row: row.number)]
    assert first.job_id != second.job_id
    await shown(inspected, "/_envoy/deliveries/2", "door.opened", "A replay of", "Door open")


async def test_delivered_again_it_is_the_same_event_and_the_same_job(inspected: Inspected) -> None:
    await inspected.deliver()
    await inspected.submit("/_envoy/deliveries/1/replay", {"as": "same"})
    first, second = await inspected.api("/deliveries/1"), await inspected.api("/deliveries/2")
    assert inspected.newest.body == build_webhook("entry_sign_in", seed=1).body
    assert [job["id"] for job in first["jobs"]][:1] == [job["id"] for job in second["jobs"]][:1]


async def test_an_edited_body_is_signed_and_sent(inspected: Inspected) -> None:
    await inspected.deliver("entry_sign_out")
    text = json.dumps(inspected.newest.webhook.document).replace("entry_sign_out", "entry_sign_in")
    page = await inspected.submit("/_envoy/deliveries/1/replay", {"body": text})
    assert page.url.path == "/_envoy/deliveries/2"
    assert (inspected.newest.webhook.event, inspected.newest.outcome) == ("entry_sign_in", "ongoing")


@pytest.mark.parametrize("text", ["{", "[]", "", HOSTILE])
async def test_what_isnt_a_json_object_isnt_sent_and_isnt_lost(inspected: Inspected, text: str) -> None:
    await inspected.deliver()
    page = await inspected.submit("/_envoy/deliveries/1/replay", {"body": text})
    assert (page.status, inspected.newest.number) == (422, 1)
    assert 'aria-invalid="true"' in page.text
    assert str(html.escape(text)).replace("&#x27;", "&#39;") in page.text


async def test_a_downloaded_body_is_the_very_bytes(inspected: Inspected) -> None:
    body = b'{"meta" : {"event":"x"}}'
    await inspected.post(body)
    page = await inspected.get("/_envoy/deliveries/1/body.json")
    assert (page.text.encode(), page.headers["Content-Disposition"]) == (body, 'attachment; filename="delivery-1.json"')


async def test_the_dashboard_has_each_job_once_with_its_deliveries(inspected: Inspected) -> None:
    await inspected.deliver()
    await inspected.deliver()
    page = await shown(inspected, "/_envoy/dashboard", "Door open")
    assert page.text.count("<section") == 1
    assert page.text.index('href="/_envoy/deliveries/2"') < page.text.index('href="/_envoy/deliveries/1"')
    assert JobStatus.DONE in page.text


async def test_a_body_that_isnt_kept_whole_is_not_sent_again(inspected: Inspected) -> None:
    await inspected.post(b"x" * (2 * MOST_BODY))
    page = await inspected.get("/_envoy/deliveries/1")
    assert "can’t be sent again" in page.text
    assert "<form" not in page.text


async def test_following_ends_when_a_delivery_is_forgotten(inspected: Inspected) -> None:
    await inspected.deliver()
    async with inspected.browser.get(f"{inspected.url}/_envoy/live/deliveries/1") as answer:
        await answer.content.readline()
        inspected.recorder._rows.clear()
        await answer.read()
        assert answer.content.at_eof()


async def test_a_delivery_that_is_forgotten_is_said(inspected: Inspected) -> None:
    for path in ("/_envoy/deliveries/9", "/_envoy/deliveries/9/edit", "/_envoy/live/deliveries/9"):
        page = await inspected.get(path)
        assert (page.status, "forgotten" in page.text) == (404, True)


async def test_without_its_library_a_page_says_how_to_get_it(
    inspected: Inspected, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages._templates.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(pages, "find_spec", lambda _: None)
    page = await inspected.get("/_envoy/")
    assert (page.status, "pip install 'envoy_plugin[dev]'" in page.text) == (501, True)
