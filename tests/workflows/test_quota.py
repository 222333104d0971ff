"""No item has more attachments than it may; what has gone with its job leaves room."""

import pytest

from envoy_plugin.errors import JobRefused, TooLarge
from envoy_plugin.workflows.models import JobAttachmentDetails
from envoy_plugin.workflows.operating import quota
from tests.workflows.office import Office
from tests.workflows.stage import ITEM


async def held(office: Office) -> int:
    """How many attachments the item is known to have."""
    engine = office.stage.engine
    return int(await engine.redis.hlen(engine.keys.attached(ITEM)))


async def attach(office: Office, job_id: str, content: bytes = b"x") -> str:
    """A new attachment."""
    details = JobAttachmentDetails(job_id=job_id, attachment=content, file_name="x")
    return (await office.plugin.add_attachment(details)).attachment_id


async def test_room_is_given_back_with_an_attachment_and_with_its_job(office: Office) -> None:
    job_id, other = await office.job(), await office.job()
    first = await attach(office, job_id)
    await attach(office, job_id)
    await attach(office, other)
    await office.plugin.delete_attachment(job_id, first)
    assert await held(office) == 2
    await office.plugin.delete_jobs([job_id])
    assert await held(office) == 1


async def test_a_refused_attachment_takes_no_room(office: Office) -> None:
    job_id = await office.job()
    await office.plugin.close_jobs([job_id])
    with pytest.raises(JobRefused):
        await attach(office, job_id)
    with pytest.raises(TooLarge):
        await attach(office, await office.job(), bytes(10 * 1024 * 1024 + 1))
    assert await held(office) == 0


async def test_a_full_item_takes_no_more_until_something_has_gone(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "MOST_BYTES", 3)
    job_id, other = await office.job(), await office.job()
    await attach(office, job_id, b"xx")
    with pytest.raises(JobRefused, match="its item has at most"):
        await attach(office, other, b"xx")
    assert await held(office) == 1
    await attach(office, other)
    await office.stage.engine.redis.delete(office.stage.engine.keys.job(job_id))  # as when it is no longer kept
    await attach(office, other, b"xx")
    assert await held(office) == 2


async def test_each_item_has_its_own_room(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MOST_ATTACHMENTS", 1)
    engine, job_id = office.stage.engine, await office.job()
    await quota.reserve(engine, "another", job_id, {"a": 1})
    await attach(office, job_id)
    with pytest.raises(JobRefused):
        await quota.reserve(engine, "another", job_id, {"b": 0})
    assert await engine.redis.hkeys(engine.keys.attached("another")) == [b"a"]
    await quota.release(engine, "another", [])
