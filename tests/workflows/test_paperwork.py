"""What is kept with a job beside its properties: comments, attachments, its history, its place."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from envoy_plugin.engine.engine import MOST_BLOB
from envoy_plugin.engine.verbs import Succeed
from envoy_plugin.errors import BadLocation, BadProperty, JobRefused, NoAttachment, NotAllowed, TooLarge, WorkflowError
from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.links import LIFE, Links
from envoy_plugin.workflows.location import Location
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import JobAttachmentDetails, JobHistory, JobHistoryAction
from envoy_plugin.workflows.operating import attachments, comments
from envoy_plugin.workflows.running.advance import end_step
from envoy_plugin.workflows.running.history import MOST_CHANGES
from tests.engine.clock import Clock
from tests.workflows.office import Office
from tests.workflows.stage import ITEM

KEYS = (b"n" * 32, b"o" * 32)
PLACE = (ITEM, "visit-7", "a1")


def of(job_id: str, content: bytes | None = b"%PDF", **facts: Any) -> JobAttachmentDetails:
    """An attachment of a job."""
    return JobAttachmentDetails(job_id=job_id, attachment=content, **facts)


def link(job_id: str, url: str, **facts: Any) -> JobAttachmentDetails:
    """A linked one."""
    return JobAttachmentDetails(job_id=job_id, url=url, **facts)


async def actions(office: Office, job_id: str) -> list[str]:
    """The history after the job was made."""
    return [row.action for row in (await office.plugin.get_job_history(job_id))[2:]]


async def test_comments_are_kept_in_order_even_when_the_job_is_closed(office: Office) -> None:
    job_id = await office.job()
    first = await office.by("ada").add_job_comment(job_id, "She is late.")
    await office.plugin.close_jobs([job_id])
    await office.plugin.add_job_comment(job_id, "She was here.")
    one, two = await office.plugin.get_job_comments(job_id)
    assert (one.comment_id, one.comment, one.last_modified_by) == (first, "She is late.", "ada")
    assert (two.comment, two.last_modified_by, two.job_id) == ("She was here.", "", job_id)


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001])
async def test_a_comment_that_is_none_is_refused(office: Office, text: str) -> None:
    with pytest.raises(BadProperty):
        await office.plugin.add_job_comment(await office.job(), text)


async def test_a_job_takes_so_many_comments(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments, "MOST_COMMENTS", 1)
    job_id = await office.job()
    await office.plugin.add_job_comment(job_id, "one")
    with pytest.raises(JobRefused, match="no more"):
        await office.plugin.add_job_comment(job_id, "two")


async def test_bytes_are_attached_named_read_and_deleted(office: Office) -> None:
    ada, job_id = office.chief(), await office.job()
    made = await ada.add_attachment(of(job_id, file_name="nda.pdf", folder="signed", step_id="only"))
    [one] = await ada.get_attachments(job_id)
    assert (one.id, one.alias, one.folder, one.url) == (made.attachment_id, "nda.pdf", "signed", None)
    assert (one.step_id, one.size, one.last_modified_by) == ("only", 4, "ada")
    assert await ada.get_attachment_body(job_id, one.id) == b"%PDF"
    await ada.update_attachment(of(job_id, None, attachment_id=one.id, alias="NDA"))
    await ada.update_attachment(of(job_id, None, attachment_id=one.id, alias="NDA"))
    [after] = await ada.get_attachments(job_id)
    assert (after.alias, after.folder) == ("NDA", "signed")
    assert await ada.delete_attachment(job_id, one.id)
    assert await ada.get_attachments(job_id) == []
    assert await office.stage.engine.redis.keys("*blob:*") == []
    assert await actions(office, job_id) == ["Added", "Updated", "Deleted"]


async def test_a_link_is_kept_and_never_followed(office: Office) -> None:
    job_id = await office.job()
    url = "https://example.com/doc?x=1"
    made = await office.plugin.add_attachment_linked(link(job_id, url))
    assert made.url == url == await office.plugin.get_attachment_url(job_id, made.attachment_id)
    [one] = await office.plugin.get_attachments(job_id)
    assert (one.alias, one.url, one.size) == (url, url, None)
    with pytest.raises(JobRefused, match="link"):
        await office.plugin.get_attachment_body(job_id, made.attachment_id)


LINKS = (
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "https://ada:secret@example.com/",
    "https://ada@example.com/",
    "https://",
    "//example.com/x",
    "file:///etc/passwd",
    "https://[x",
    "https://example.com:x",
    "https://example.com:99999",
    "https://example.com/a b",
    "java\nscript:x",
    "",
    "https://example.com/" + "x" * 2048,
)


@pytest.mark.parametrize("url", LINKS)
async def test_a_link_that_could_do_harm_is_refused(office: Office, url: str) -> None:
    with pytest.raises(BadProperty) as refused:
        await office.plugin.add_attachment_linked(link(await office.job(), url))
    assert "secret" not in str(refused.value)


BAD: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "no bytes": ({"content": None}, BadProperty),
    "bytes and a link": ({"url": "https://example.com"}, BadProperty),
    "too large": ({"content": bytes(MOST_BLOB + 1)}, TooLarge),
    "no such step": ({"step_id": "x"}, JobRefused),
    "a path for a name": ({"file_name": "../x"}, BadProperty),
    "a long name": ({"alias": "x" * 257}, BadProperty),
    "a name of two lines": ({"alias": "a\nb"}, BadProperty),
    "a folder of two lines": ({"folder": "a\nb"}, BadProperty),
}


@pytest.mark.parametrize("why", BAD)
async def test_an_attachment_that_can_not_be_is_not_kept(office: Office, why: str) -> None:
    facts, error = BAD[why]
    job_id = await office.job()
    with pytest.raises(error):
        await office.plugin.add_attachment(of(job_id, **facts))
    assert await office.plugin.get_attachments(job_id) == []


async def test_links_of_one_call_are_of_one_job(office: Office) -> None:
    one, two = link(await office.job(), "https://a.example"), link(await office.job(), "https://b.example")
    for links in ([], [one, two]):
        with pytest.raises(BadProperty, match="of one job"):
            await office.plugin.add_attachment_linked(links)
    assert len(await office.plugin.add_attachment_linked([one, one])) == 2
    assert await office.plugin.get_attachments(two.job_id) == []


async def test_what_an_attachment_is_stays_when_it_is_named_anew(office: Office) -> None:
    job_id, url = await office.job(), "https://a.example/b"
    bytes_, linked = await office.plugin.add_attachment(of(job_id)), await office.plugin.add_attachment_linked(
        link(job_id, url)
    )  # fmt: skip
    changes: tuple[dict[str, Any], ...] = ({"content": b"new"}, {"url": url}, {"step_id": "only"}, {"file_name": "x"})
    for change in changes:
        details = of(job_id, **{"content": None, "attachment_id": bytes_.attachment_id, **change})
        with pytest.raises(BadProperty, match="stays as it is"):
            await office.plugin.update_attachment(details)
    with pytest.raises(BadProperty, match="without slashes"):
        await office.plugin.update_attachment(of(job_id, None, attachment_id=bytes_.attachment_id, alias="a/b"))
    assert await office.plugin.update_attachment(of(job_id, None, attachment_id=linked.attachment_id, alias="a/b"))


async def test_a_link_with_bytes_is_refused(office: Office) -> None:
    with pytest.raises(BadProperty):
        await office.plugin.add_attachment_linked(of(await office.job(), url="https://example.com"))


@pytest.mark.parametrize("bound", ["MOST_ATTACHMENTS", "MOST_BYTES"])
async def test_a_job_takes_so_many_attachments(office: Office, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(attachments, bound, {"MOST_ATTACHMENTS": 1, "MOST_BYTES": 5}[bound])
    job_id = await office.job()
    await office.plugin.add_attachment(of(job_id))
    with pytest.raises(JobRefused, match="at most"):
        await office.plugin.add_attachment(of(job_id))


async def test_attachments_of_a_closed_job_stay_as_they_are(office: Office) -> None:
    job_id = await office.job()
    made = await office.plugin.add_attachment(of(job_id))
    await office.plugin.close_jobs([job_id])
    assert await office.plugin.get_attachment_body(job_id, made.attachment_id) == b"%PDF"
    for refused in (
        office.plugin.add_attachment(of(job_id)),
        office.plugin.add_attachment_linked(link(job_id, "https://example.com")),
        office.plugin.update_attachment(of(job_id, None, attachment_id=made.attachment_id, alias="x")),
        office.plugin.delete_attachment(job_id, made.attachment_id),
    ):
        with pytest.raises(JobRefused, match="closed"):
            await refused


async def test_attachments_that_are_not_there_are_not_found(office: Office) -> None:
    job_id = await office.job()
    made = await office.plugin.add_attachment(of(job_id))
    keys = await office.stage.engine.redis.keys("*blob:*")
    await office.stage.engine.redis.delete(*keys)
    for refused in (
        office.plugin.get_attachment_body(job_id, "x"),
        office.plugin.get_attachment_body(job_id, made.attachment_id),
        office.plugin.get_attachment_url(job_id, "x"),
        office.plugin.delete_attachment(job_id, "x"),
        office.plugin.update_attachment(of(job_id, None, attachment_id="x", alias="x")),
    ):
        with pytest.raises(NoAttachment):
            await refused


async def test_the_url_of_an_attachment_opens_it_for_five_minutes(office: Office) -> None:
    now = [1_900_000_000.0]
    links = Links(keys=KEYS[1:], base_url="https://plugin.example", clock=lambda: now[0])
    store = Store(office.stage.engine, office.stage.store.digest, own=office.stage.templates, links=links)
    ada, job_id = JobsManager(store, item=ITEM), await office.job(job_id="visit-7")
    made = await ada.add_attachment(of(job_id))
    url = await ada.get_attachment_url(job_id, made.attachment_id)
    plain, _, token = url.partition("?token=")
    path = f"/workflow/{ITEM}/jobs/visit-7/attachments/{made.attachment_id}"
    assert plain == made.url == "https://plugin.example" + path
    assert await ada.get_attachment_url(job_id, made.attachment_id, include_token=False) == plain
    rotated = Links(keys=KEYS, base_url="https://new.example", clock=lambda: now[0])
    assert rotated.opens(token, ITEM, "visit-7", made.attachment_id)
    now[0] -= 2
    assert rotated.opens(token, ITEM, "visit-7", made.attachment_id)  # for one whose clock is slow
    now[0] += LIFE + 2
    assert not rotated.opens(token, ITEM, "visit-7", made.attachment_id)


def test_a_token_opens_nothing_else() -> None:
    links = Links(keys=KEYS, clock=lambda: 1_900_000_000.0)
    token = links.token(*PLACE)
    assert links.opens(token, *PLACE)
    for other in ((ITEM, "visit-7", "a2"), (ITEM, "visit-8", "a1"), ("other", "visit-7", "a1")):
        assert not links.opens(token, *other)
    assert not Links(keys=[b"x" * 32], clock=links.clock).opens(token, *PLACE)
    for other_text in ("none", "", "é.é.é", "\ud800"):
        assert not links.opens(other_text, *PLACE)
    assert "nnn" not in repr(links)


async def test_urls_need_keys(office: Office) -> None:
    job_id = await office.job()
    made = await office.plugin.add_attachment(of(job_id))
    assert made.url == ""
    with pytest.raises(WorkflowError, match="keys"):
        await office.plugin.get_attachment_url(job_id, made.attachment_id)


async def test_the_history_tells_how_long_a_step_took(office: Office, clock: Clock) -> None:
    job_id = await office.job("visit", by=office.chief())
    await office.chief().start_steps(job_id)
    held = await office.stage.claim("steps")
    clock.move(timedelta(seconds=90))
    await end_step(office.stage.store, Succeed.of(held), {})
    rows = await office.plugin.get_job_history(job_id)
    told = [(row.action, row.step_id, row.username) for row in rows]
    assert told == [
        ("Created", None, "ada"),
        ("Activated", "sign", "ada"),
        ("Finished", "sign", "ada"),
        ("Activated", "badge", "ada"),
        ("Finished", "badge", ""),
        ("Activated", "host", ""),
    ]
    assert (rows[4].duration_seconds, rows[4].result, rows[0].duration_seconds) == (90, "succeeded", None)


def test_what_two_clocks_have_told_took_no_less_than_nothing() -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    row = JobHistory(job_id="j", action=JobHistoryAction.FINISHED, date=at, username="", start_date=at)
    assert row.duration_seconds is None
    assert replace(row, end_date=at - timedelta(seconds=1)).duration_seconds == 0


async def test_the_history_tells_how_long_a_question_was_open(office: Office, clock: Clock) -> None:
    asks = [Step.question(name, "Well?", answers=["Yes"], then=then) for name, then in (("a", "b"), ("b", "sign"))]
    office.define("asks", Step.manual("sign", then="a"), *asks)
    job_id = await office.job("asks")
    for step_id, seconds in (("sign", 5), ("a", 30), ("b", 60), ("sign", 5), ("a", 90)):
        clock.move(timedelta(seconds=seconds))
        if step_id == "sign":
            await office.plugin.start_steps(job_id)
        else:
            assert await office.stage.answer(job_id, step_id, "Yes") == "Success"
    rows = [row for row in await office.plugin.get_job_history(job_id) if row.action is JobHistoryAction.FINISHED]
    assert [row.duration_seconds for row in rows] == [None, 30, 60, None, 90]


async def test_every_end_of_running_is_told(office: Office) -> None:
    job_id = await office.job()
    for action in ("start_steps", "stop_steps", "start_steps", "finish_steps"):
        assert (await getattr(office.plugin, action)(job_id)).success
    assert await actions(office, job_id) == ["Started", "Paused", "Started", "Finished"]
    visit = await office.job("visit")
    await office.plugin.start_steps(visit)
    await office.plugin.assign_current_step(visit, "front-desk", "Group")
    await office.stage.claim("steps")
    await office.plugin.stop_steps(visit)
    await office.plugin.set_current_step(visit, "sign")
    assert await actions(office, visit) == [
        *["Finished", "Activated", "Reassigned", "Cancelled", "Deactivated", "Activated"]
    ]


async def test_the_history_is_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envoy_plugin.workflows.running.history.MOST_CHANGES", 3)
    job_id = await office.job()
    for number in range(5):
        await office.update(job_id, notes=f"{number}")
    rows = await office.plugin.get_job_history(job_id)
    assert ([row.action for row in rows], MOST_CHANGES) == (["Updated"] * 3, 200)


async def test_a_job_has_a_place_and_may_lose_it(office: Office) -> None:
    job_id = await office.job()
    assert await office.plugin.get_job_location(job_id) is None
    home = Location.from_degrees(52.68, -111.3)
    assert await office.plugin.set_job_location(job_id, {"type": "Point", "coordinates": [-111.3, 52.68]})
    await office.plugin.set_job_location(job_id, home)
    assert await office.plugin.get_job_location(job_id) == home
    await office.plugin.set_job_location(job_id, None)
    assert not (await office.plugin.get_job(job_id)).has_location
    assert await actions(office, job_id) == ["Updated", "Updated"]
    with pytest.raises(BadLocation):
        await office.plugin.set_job_location(job_id, {"type": "Circle"})
    with pytest.raises(NotAllowed, match="jobUpdateLocation"):
        await office.by().set_job_location(job_id, home)


async def test_the_diagram_of_a_job_is_the_version_that_it_runs_on(office: Office) -> None:
    diagram = await office.plugin.get_job_diagram(await office.job("visit"))
    assert ([step.id for step in diagram.steps], diagram.version) == (["sign", "badge", "host"], 1)


async def test_nothing_that_was_said_can_be_read_in_redis(office: Office) -> None:
    secret = "Lovelace"
    job_id = await office.job("visit", job_name=secret, notes=secret, owned_by=secret, priority=secret)
    await office.plugin.add_job_comment(job_id, secret)
    await office.plugin.add_attachment(of(job_id, secret.encode(), file_name=secret))
    await office.plugin.start_steps(job_id)
    redis = office.stage.engine.redis
    for key in await redis.keys():
        assert secret.encode() not in (await redis.dump(key) or b"")
        assert secret.encode() not in key
    assert secret not in repr(await office.plugin.get_job_comments(job_id))
