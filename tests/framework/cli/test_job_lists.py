"""`envoy-plugin jobs list|show|export`: filters, pages, what a job waits for, and what leaves in the clear."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import Depend, Enqueue, Hold, Policy
from envoy_plugin.errors import BadCursor, SettingsError
from envoy_plugin.sealing import Sealer
from tests.framework.cli.here import PREFIX, Here
from tests.framework.cli.project import CREDENTIALS

CANARY = "Ada Lovelace was here"


async def listed(here: Here, *arguments: str) -> list[str]:
    return [job["id"] for job in (await here.run("jobs", "list", *arguments, "--json")).told["jobs"]]


async def test_every_fact_narrows_the_list_though_no_index_has_it(here: Here) -> None:
    envelope = (await here.engine.enqueue(Enqueue(queue="-", kind="fleet", envelope=True))).id
    (child,) = await here.make(queue="q", kind="k", install="7", parent=envelope)
    await here.make(3)
    for option in (("--queue", "q"), ("--kind", "k"), ("--install", "7"), ("--parent", envelope)):
        assert await listed(here, *option) == [child]
    assert await listed(here, "--queue", "q", "--state", "failed") == []


async def test_a_list_can_begin_and_end_at_a_time(here: Here) -> None:
    (job_id,) = await here.make()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert await listed(here, "--since", "5m") == await listed(here, "--until", tomorrow) == [job_id]
    assert await listed(here, "--until", "5m") == await listed(here, "--since", tomorrow) == []


async def test_a_long_list_goes_on_at_its_cursor(here: Here) -> None:
    ids = await here.make(5)
    first = await here.run("jobs", "list", "--queue", "events", "--limit", "3")
    (cursor,) = re.findall(r"More: --cursor '(.+)'", first.out)
    rest = await here.run("jobs", "list", "--queue", "events", "--limit", "3", "--cursor", cursor, "--json")
    seen = [line.split()[0] for line in first.out.splitlines()[1:4]] + [job["id"] for job in rest.told["jobs"]]
    assert (sorted(seen), rest.told["cursor"]) == (sorted(ids), None)


async def test_few_jobs_among_many_fill_a_page(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envoy_plugin.engine.listings.MOST_LOOKED_AT", 20)
    rare = [(await here.make(50) and await here.make(install="7"))[0] for _ in range(3)]
    assert sorted(await listed(here, "--install", "7", "--limit", "3")) == sorted(rare)


async def test_a_cursor_of_another_list_is_a_failure_in_one_sentence(here: Here) -> None:
    with pytest.raises(BadCursor):
        await here.run("jobs", "list", "--cursor", "nowhere")


async def test_a_blocked_job_says_what_it_waits_for(here: Here) -> None:
    first, job_id = await here.make(2, lane="door:7")
    (upstream,) = await here.make()
    verbs = [Hold(id=job_id, hold="audit"), Hold(id=job_id, hold="path"), Depend(id=job_id, upstream=upstream)]
    await here.engine.call([*verbs, Hold(id=job_id, hold="night", until=datetime(2100, 1, 1, tzinfo=UTC))])
    words = " ".join((await here.run("jobs", "show", job_id)).out.split())
    assert "hold audit until it is opened hold night until 2100-01-01T00:00:00.000Z" in words
    assert f"job {upstream} available; if it fails: hold lane door:7 after {first} workflow - its turn there" in words
    told = (await here.run("jobs", "show", job_id, "--json")).told
    assert [hold["name"] for hold in told["waits_for"]["holds"]] == ["audit", "night"]
    assert (told["waits_for"]["jobs"], told["lane"]) == ([{"id": upstream, "if_it_fails": Policy.HOLD}], "door:7")


async def test_an_envelope_shows_its_children_and_a_child_its_envelope(here: Here) -> None:
    envelope = (await here.engine.enqueue(Enqueue(queue="-", kind="fleet", envelope=True))).id
    first, second, third = await here.make(3, parent=envelope, assignee="user:ada")
    await here.engine.cancel(first, reason="operator")
    shown = " ".join((await here.run("jobs", "show", envelope)).out.split())
    child = (await here.run("jobs", "show", second, "--json")).told
    told = (await here.run("jobs", "show", envelope, "--json")).told["children"]
    assert "envelope yes" in shown
    assert "Children available 2 cancelled 1" in shown
    assert (child["parent"], child["assignee"], child["children"]) == (envelope, "user:ada", [])
    assert told[0] == {"id": first, "state": "cancelled"}
    assert [one["id"] for one in told] == [first, second, third]


async def test_a_running_job_shows_when_its_claim_ends(here: Here) -> None:
    (job_id,) = await here.make()
    await here.engine.claim("events", 1, who="w", lease=timedelta(minutes=1))
    told = (await here.run("jobs", "show", job_id, "--json")).told
    left = datetime.fromisoformat(told["expires"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left < timedelta(seconds=61)


async def test_an_export_has_a_line_for_each_job_without_its_payload(here: Here) -> None:
    ids = await here.make(2, retries=1, payload=CANARY.encode())
    await here.fail()
    exported = await here.run("jobs", "export", "--install", "1001")
    records = {record["id"]: record for record in map(json.loads, exported.out.splitlines())}
    assert (sorted(records), exported.err, CANARY in exported.out) == (sorted(ids), "", False)
    tried = next(record for record in records.values() if record["attempt"] == 2)
    assert [attempt["reason"] for attempt in tried["attempts"]] == ["error"]
    assert [row["event"] for row in tried["history"]] == ["enqueued", "claimed", "attempt_failed"]


async def test_payloads_leave_on_demand_alone_opened_and_with_a_warning(here: Here) -> None:
    sealing = Engine(here.engine.redis, prefix=PREFIX, codec=Sealer([CREDENTIALS["JWT_SECRET"]]))
    (job_id,) = await here.make(payload=sealing.seal(json.dumps({"who": CANARY}).encode()), retries=1)
    (held,) = await sealing.claim("events", 1, who="w", lease=None)
    await sealing.fail(held, reason="error", outcome=b"\xff", delay=timedelta())
    exported = await here.run("jobs", "export", "--payloads", "--json")
    record = json.loads(exported.out)
    assert (record["id"], record["payload"], record["unreadable"]) == (job_id, {"who": CANARY}, False)
    assert (record["outcomes"], "keep it accordingly" in exported.err) == ({"1": {"base64": "/w=="}}, True)


async def test_a_payload_that_no_key_opens_is_said_to_be_unreadable(here: Here) -> None:
    await here.make()
    bare = await here.make(kind="bare", payload=b"")
    exported = await here.run("jobs", "export", "--payloads")
    records = {record["id"]: record for record in map(json.loads, exported.out.splitlines())}
    assert [record["unreadable"] for job_id, record in records.items() if job_id not in bare] == [True]
    assert [records[job_id]["payload"] for job_id in bare] == [None]


async def test_payloads_need_the_secrets_that_sealed_them(here: Here) -> None:
    with pytest.raises(SettingsError, match="ENVOY_CLIENT_SECRET: is not set"):
        await here.run("jobs", "export", "--payloads", ENVOY_CLIENT_SECRET="")
