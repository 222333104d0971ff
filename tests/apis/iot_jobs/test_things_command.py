"""`envoy-plugin things` in a real Redis: what it registers, boto3 can use."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin.apis.iot_jobs.client import Things
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import ThingRefused
from envoy_plugin.sealing import Sealer
from tests.apis.iot_jobs.site import Client, Device, Site, open_site
from tests.engine.clock import Clock
from tests.framework.cli.project import CREDENTIALS, Project
from tests.framework.recording_plugin import Ended, invoke

NAME = "front-door-printer"
DOCUMENT = '{"print": "B-17"}'
STRANGE = "\udcff"
"""What a terminal's byte becomes that is no UTF-8."""


@pytest.fixture
def environment(redis_url: str) -> dict[str, str]:
    return {**CREDENTIALS, "REDIS_URL": redis_url, "REDIS_PREFIX": "test"}


@pytest.fixture
async def served(redis_url: str) -> AsyncIterator[Site]:
    """The API as `web` serves it: by Redis' own time, sealed with the environment's secret."""
    async with Redis.from_url(redis_url, protocol=2) as client:
        engine = Engine(client, prefix="test", codec=Sealer([CREDENTIALS["JWT_SECRET"]]))
        async with open_site(engine, Clock()) as site:
            yield site


async def things(environment: dict[str, str], *arguments: str) -> Ended:
    """A command of `things`, in a thread of this process."""
    return await asyncio.to_thread(invoke, "things", arguments, b"", environment)


async def told(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """What a command prints as JSON."""
    ended = await things(environment, *arguments, "--json")
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, Any] = ended.told
    return found


def device_of(site: Site, made: dict[str, str], name: str = NAME) -> Device:
    """A device with a key that a command has printed."""
    return Device(Client("iot-jobs-data", site.url, made["accessKeyId"], made["secretAccessKey"]), name)


async def test_a_device_that_was_added_does_the_work_that_it_was_sent(
    served: Site, environment: dict[str, str]
) -> None:
    made = await told(environment, "add", NAME, "--install", "1001", "--location", "777")
    assert (await things(environment, "key", "--all")).out.startswith("AWS_ACCESS_KEY_ID=EPTK")
    assert set(made) == {"thing", "accessKeyId", "secretAccessKey"}
    sent = await told(environment, "send", NAME, "--job-id", "badge-17", "--document", DOCUMENT,
                      "--in-progress-timeout", "5", "--retries", "1")  # fmt: skip
    assert (sent["jobId"], sent["status"], sent["executionNumber"]) == ("badge-17", "QUEUED", 1)
    device = device_of(served, made)
    started = await device.start()
    assert (started["jobDocument"], started["approximateSecondsBeforeTimedOut"] > 290) == (DOCUMENT, True)
    await device.update("FAILED", "badge-17")
    assert (await device.start())["executionNumber"] == 2


@pytest.mark.parametrize("holder", [("--thing", NAME), ("--location", "777"), ("--all",)])
async def test_a_key_is_made_for_a_thing_a_location_or_all(
    served: Site, environment: dict[str, str], holder: tuple[str, ...]
) -> None:
    await told(environment, "add", NAME, "--location", "777")
    made = await told(environment, "key", *holder)
    assert set(made) == {"accessKeyId", "secretAccessKey"}
    assert await device_of(served, made).pending()
    control = Client("iot", served.url, made["accessKeyId"], made["secretAccessKey"])
    if holder == ("--all",):
        assert len((await control("list_things"))["things"]) == 2
    else:
        assert (await control.refused("list_things")).code == "AccessDeniedException"


async def test_a_revoked_key_ends_at_once_and_its_replacement_goes_on(
    served: Site, environment: dict[str, str]
) -> None:
    old = await told(environment, "add", NAME)
    new = await told(environment, "key", "--thing", NAME)
    assert await device_of(served, old).pending()
    ended = await things(environment, "revoke", old["accessKeyId"])
    assert (ended.code, ended.out) == (0, f"Revoked: {old['accessKeyId']}.\n")
    assert (await device_of(served, old).refused("describe_job_execution")).code == "UnrecognizedClientException"
    assert await device_of(served, new).pending()
    assert (await things(environment, "revoke", old["accessKeyId"])).code == 1
    assert await told(environment, "revoke", "--thing", NAME) == {"revoked": [new["accessKeyId"]]}


async def test_earlier_keys_end_after_the_overlap(environment: dict[str, str]) -> None:
    await told(environment, "add", NAME)
    await told(environment, "key", "--thing", NAME, "--overlap", "24h")
    await told(environment, "key", "--thing", NAME, "--valid-for", "30d")
    keys = json.loads((await things(environment, "show", NAME, "--json")).out)["keys"]
    assert [(key["generation"], key["until"] is None) for key in keys] == [(1, False), (2, True), (3, False)]


async def test_a_list_tells_who_was_heard_what_is_to_do_and_who_fails(
    served: Site, environment: dict[str, str]
) -> None:
    device = device_of(served, await told(environment, "add", NAME, "--install", "1001", "--location", "777"))
    for number, end in enumerate(("SUCCEEDED", "FAILED", "REJECTED", "IN_PROGRESS")):
        await told(environment, "send", NAME, "--job-id", str(number), "--document", "{}")
        await device.update(end, str(number))
    await told(environment, "send", NAME, "--job-id", "9", "--document", "{}")
    [row, other] = json.loads((await things(environment, "list", "--json")).out)["things"]
    assert (row["thing"], row["install"], other["heardAt"]) == (NAME, "1001", None)
    assert (row["pending"], row["running"], row["failureStreak"]) == (1, 1, 2)
    assert row["heardAt"] >= row["createdAt"]
    shown = json.loads((await things(environment, "show", NAME)).out)
    assert [(work["jobId"], work["status"]) for work in shown["work"]] == [("3", "IN_PROGRESS"), ("9", "QUEUED")]
    ended = [(work["jobId"], work["status"]) for work in shown["ended"]]
    assert ended == [("2", "REJECTED"), ("1", "FAILED"), ("0", "SUCCEEDED")]
    words = (await things(environment, "list")).out.splitlines()[1].split()
    assert (words[:3], words[-3:]) == ([NAME, "1001", "777"], ["1", "1", "2"])


async def test_what_operators_keep_with_a_thing_is_sealed(served: Site) -> None:
    attributes = {"owner": "canary"}
    await served.operator("create_thing", thingName=NAME, attributePayload={"attributes": attributes})
    kept = await served.engine.redis.hvals(served.engine.keys.thing(NAME))
    assert "canary" not in str(kept)
    assert (await served.operator("describe_thing", thingName=NAME))["attributes"] == attributes


async def test_what_is_taken_back_ends_no_row_of_failures(served: Site, environment: dict[str, str]) -> None:
    device = device_of(served, await told(environment, "add", NAME))
    for job in ("a", "b", "c"):
        await told(environment, "send", NAME, "--job-id", job, "--document", "{}")
    for job in ("b", "c"):
        await device.update("FAILED", job)
    await told(environment, "cancel", NAME, "a")
    shown = await told(environment, "show", NAME)
    assert (shown["failureStreak"], shown["ended"][0]["status"]) == (2, "CANCELED")
    await told(environment, "send", NAME, "--job-id", "d", "--document", "{}")
    await device.update("SUCCEEDED", "d")
    assert (await told(environment, "show", NAME))["failureStreak"] == 0


async def test_work_that_waits_is_shown_behind_what_the_device_sees(served: Site, environment: dict[str, str]) -> None:
    await told(environment, "add", NAME)
    things_of_all = Things.for_install(served.engine, "-")
    first = await things_of_all[NAME].send({}, key="first")
    await things_of_all[NAME].send({}, key="second", after=[first])
    shown = await told(environment, "show", NAME)
    assert shown["pending"] == 2
    assert [(work["jobId"], work["status"], work["seen"]) for work in shown["work"]] == [
        ("first", "QUEUED", True),
        ("second", "QUEUED", False),
    ]


async def test_a_list_goes_on_after_a_name(environment: dict[str, str]) -> None:
    assert (await things(environment, "list")).out == "No things.\n"
    for name in ("c", "a", "b"):
        await told(environment, "add", name)
    page = json.loads((await things(environment, "list", "--limit", "2", "--json")).out)
    assert ([row["thing"] for row in page["things"]], page["next"]) == (["a", "b"], "b")
    assert (await things(environment, "list", "--limit", "2")).out.endswith("\nMore: --after b\n")
    assert "More" not in (await things(environment, "list", "--limit", "3")).out
    page = json.loads((await things(environment, "list", "--after", "b", "--json")).out)
    assert ([row["thing"] for row in page["things"]], page["next"]) == (["c"], None)


async def test_work_is_taken_back_with_force_if_it_has_begun(served: Site, environment: dict[str, str]) -> None:
    device = device_of(served, await told(environment, "add", NAME))
    await told(environment, "send", NAME, "--job-id", "a", "--document", "{}")
    await told(environment, "send", NAME, "--job-id", "b", "--document", "{}")
    await device.start()
    with pytest.raises(ThingRefused, match="can't be canceled without force"):
        await things(environment, "cancel", NAME, "a")
    assert (await told(environment, "cancel", NAME, "a", "--force"))["status"] == "CANCELED"
    assert (await things(environment, "cancel", NAME, "b")).out == "b is canceled.\n"
    assert (await device.pending())["queuedJobs"] == []


async def test_a_device_is_removed_with_its_keys_and_its_work(served: Site, environment: dict[str, str]) -> None:
    made = await told(environment, "add", NAME, "--location", "777")
    await told(environment, "send", NAME, "--job-id", "a", "--document", "{}")
    assert await told(environment, "remove", NAME) == {"thing": NAME, "revoked": [made["accessKeyId"]]}
    assert (await device_of(served, made).refused("describe_job_execution")).code == "UnrecognizedClientException"
    assert (await served.execution("a", NAME))["status"] == "REMOVED"
    with pytest.raises(ThingRefused, match="cannot be found"):
        await things(environment, "remove", NAME)
    await told(environment, "add", NAME, "--location", "778")
    assert (await things(environment, "remove", NAME)).out == f"{NAME} is removed.\n"


async def test_a_removal_that_was_cut_short_is_finished(served: Site, environment: dict[str, str]) -> None:
    await told(environment, "add", NAME)
    await told(environment, "send", NAME, "--job-id", "a", "--document", "{}")
    await served.registry.remove(NAME)
    with pytest.raises(ThingRefused, match="cannot be found"):
        await things(environment, "remove", NAME)
    assert (await served.execution("a", NAME))["status"] == "REMOVED"


async def test_a_name_is_taken_once_and_a_jobs_id_too(environment: dict[str, str]) -> None:
    await told(environment, "add", NAME)
    sent = ("send", NAME, "--job-id", "a", "--document", "{}")
    assert (await things(environment, *sent)).out == f"{NAME} has a to do.\n"
    for arguments in (("add", NAME), sent):
        with pytest.raises(ThingRefused, match="already exists"):
            await things(environment, *arguments)
    for strange in (("key", "--thing", "other"), ("show", "other"), ("cancel", "other", "a")):
        with pytest.raises(ThingRefused, match="found"):
            await things(environment, *strange)


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "a b"),
        ("add", "a", "--install", ""),
        ("add", "a", "--location", "a b"),
        ("add", "a", "--location", ""),
        ("key",),
        ("key", "--all", "--thing", "a"),
        ("key", "--thing", "a b"),
        ("key", "--all", "--overlap", "soon"),
        ("revoke",),
        ("revoke", "EPTK0", "--all"),
        ("revoke", ""),
        ("revoke", STRANGE),
        ("show", STRANGE),
        ("remove", STRANGE),
        ("list", "--after", STRANGE),
        ("cancel", STRANGE, "a"),
        ("cancel", "a", STRANGE),
        ("send", STRANGE, "--job-id", "a", "--document", "{}"),
        ("send", "a", "--job-id", "a b", "--document", "{}"),
        ("send", "a", "--job-id", "a", "--document", "no JSON"),
        ("send", "a", "--job-id", "a", "--document", "{}", "--retries", "11"),
        ("send", "a", "--job-id", "a", "--document", "{}", "--in-progress-timeout", "0"),
    ],
)
async def test_what_cannot_be_is_a_wrong_use(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    ended = await things(environment, *arguments)
    assert (ended.code, ended.out) == (2, "")


async def test_as_a_process_it_fails_with_one_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    code, out, err = await Project(tmp_path, environment).run(
        "things", "send", NAME, "--job-id", "a", "--document", "1"
    )
    assert (code, out, err) == (1, "", f"Thing {NAME} cannot be found.\n")
