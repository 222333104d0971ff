"""Who may: keys of a thing, of a location, of an operator; and what is no signature of theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from envoy_plugin.apis.iot_jobs import access
from envoy_plugin.apis.iot_jobs.access_keys import (
    EVERYTHING,
    MOST_KEYS,
    AccessKey,
    AccessKeys,
    is_key_id,
    of_location,
    of_thing,
)
from envoy_plugin.apis.iot_jobs.registry import Registry
from envoy_plugin.apis.iot_jobs.signing import SignedRequest, is_signed_with
from envoy_plugin.engine.engine import Engine
from envoy_plugin.errors import ThingRefused
from envoy_plugin.sealing import Sealer
from tests.apis.iot_jobs.site import THING, Device, Site, WallClock

PENDING = f"/things/{THING}/jobs"
DAY = timedelta(days=1)


def header(name: str, value: str) -> Callable[[SignedRequest], SignedRequest]:
    """Sends a further header, which isn't signed."""
    return lambda request: replace(request, headers=[*request.headers, (name, value)])


async def test_a_key_reaches_its_own_thing_alone(site: Site) -> None:
    await site.add("door")
    for name in ("door", "nowhere"):
        failure = await Device(site.device.client, name).refused("describe_job_execution")
        assert (failure.code, failure.status) == ("AccessDeniedException", 403)
    assert await site.device.pending()


async def test_a_key_of_a_location_reaches_the_things_there(site: Site) -> None:
    await site.registry.add("kiosk", location="paris")
    await site.registry.add("door", location="rome")
    client = site.client("iot-jobs-data", await site.keys.make(of_location("paris")))
    assert await Device(client, "kiosk").pending()
    of_none = site.client("iot-jobs-data", await site.keys.make(of_location("")))
    for name, key in (("door", client), (THING, client), ("nowhere", client), (THING, of_none)):
        assert (await Device(key, name).refused("describe_job_execution")).code == "AccessDeniedException"


async def test_an_operators_key_reaches_every_thing(site: Site) -> None:
    client = site.client("iot-jobs-data", site.operator_key)
    assert await Device(client).pending()
    failure = await Device(client, "nowhere").refused("describe_job_execution")
    assert (failure.code, failure.message) == ("ResourceNotFoundException", "Thing nowhere cannot be found.")


async def test_the_control_plane_is_for_operators(site: Site) -> None:
    await site.registry.add("kiosk", location="paris")
    for key in (site.thing_key, await site.keys.make(of_location("paris"))):
        failure = await site.client("iot", key).refused("describe_job_execution", thingName=THING, jobId="job-1")
        assert (failure.code, failure.status) == ("AccessDeniedException", 403)


async def test_the_service_that_was_signed_for_says_which_operation_is_meant(site: Site) -> None:
    await site.create()
    key = site.operator_key
    assert "execution" in (await site.send("GET", f"{PENDING}/job-1", key=key)).body
    told = (await site.send("GET", f"{PENDING}/job-1", key=key, service="iot")).body["execution"]
    assert (told["thingArn"], "jobDocument" in told) == (site.arn(), False)


async def test_a_wrong_secret_and_an_unknown_key_are_refused(site: Site) -> None:
    wrong = replace(site.thing_key, secret="x" * 40)
    failure = await site.client("iot-jobs-data", wrong).refused("get_pending_job_executions", thingName=THING)
    assert (failure.code, failure.status) == ("InvalidSignatureException", 403)
    unknown = replace(site.thing_key, id="EPTKUNKNOWN")
    failure = await site.client("iot-jobs-data", unknown).refused("get_pending_job_executions", thingName=THING)
    assert (failure.code, failure.status) == ("UnrecognizedClientException", 403)


async def test_an_unknown_key_is_as_much_work_as_a_known_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def check(secret: str, *said: Any) -> bool:
        lengths.append(len(secret))
        return is_signed_with(secret, *said)

    monkeypatch.setattr(access, "is_signed_with", check)
    for key in (site.thing_key, replace(site.thing_key, id="EPTKUNKNOWN")):
        await site.send("GET", PENDING, key=key)
    assert lengths == [40, 40]


async def test_another_region_is_refused(site: Site) -> None:
    client = site.client("iot-jobs-data", site.thing_key, region_name="eu-west-1")
    failure = await client.refused("get_pending_job_executions", thingName=THING)
    assert (failure.code, failure.status) == ("InvalidSignatureException", 403)


async def test_credentials_of_a_session_are_taken(site: Site) -> None:
    client = site.client("iot-jobs-data", site.thing_key, aws_session_token="a-session")
    assert await Device(client).pending()


async def test_a_host_without_a_port_is_taken(site: Site) -> None:
    assert (await site.send("GET", PENDING, host="plugin.example.com")).status == 200


async def test_the_same_request_twice_is_taken_twice(site: Site) -> None:
    await site.create()
    request = site.signed("PUT", f"{PENDING}/$next", b"{}")
    replies = [await site.send("PUT", PENDING, change=lambda _: request) for _ in range(2)]
    assert [reply.body["execution"]["versionNumber"] for reply in replies] == [2, 2]


@pytest.mark.parametrize(("minutes", "status"), [(4.9, 200), (-4.9, 200), (5.1, 400), (-5.1, 400)])
async def test_a_clock_may_be_five_minutes_wrong(site: Site, minutes: float, status: int) -> None:
    site.wall.ahead = timedelta(minutes=minutes)
    reply = await site.send("GET", PENDING)
    assert (reply.status, reply.error) == (status, None if status == 200 else "RequestExpired")


async def test_an_sdk_is_told_of_a_wrong_clock_and_of_too_much(site: Site) -> None:
    many = {f"key-{number}": "x" * 1024 for number in range(64)}
    failure = await site.device.update_refused("FAILED", statusDetails=many)
    assert (failure.code, failure.status) == ("RequestEntityTooLargeException", 413)
    site.wall.ahead = timedelta(minutes=6)
    failure = await site.device.update_refused("FAILED")
    assert (failure.code, failure.status) == ("RequestExpired", 400)
    assert failure.message == "X-Amz-Date is more than 5 minutes from now: set the clock."


CHANGES: dict[str, tuple[Callable[[SignedRequest], SignedRequest], str]] = {
    "unsigned": (lambda sent: replace(sent, headers=sent.headers[:-1]), "MissingAuthenticationTokenException"),
    "presigned": (lambda sent: replace(sent, target="/jobs?X-Amz-Signature=0"), "MissingAuthenticationTokenException"),
    "another path": (lambda sent: replace(sent, target="/things/door/jobs"), "InvalidSignatureException"),
    "another body": (lambda sent: replace(sent, body=b"{}"), "InvalidSignatureException"),
    "two dates": (header("X-Amz-Date", "20260102T030405Z"), "IncompleteSignatureException"),
    "a body that isn't signed": (header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), "IncompleteSignatureException"),
    "a session that isn't signed": (header("X-Amz-Security-Token", "t"), "IncompleteSignatureException"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "error"), CHANGES.values(), ids=CHANGES)
async def test_what_is_not_signed_as_it_is_sent_is_refused(
    site: Site, change: Callable[[SignedRequest], SignedRequest], error: str
) -> None:
    status, told = await site.send_raw(change(site.signed("GET", PENDING)))
    assert status == 403
    assert f"x-amzn-ErrorType: {error}" in told


async def test_a_second_host_is_refused_by_the_server_itself(site: Site) -> None:
    status, told = await site.send_raw(header("Host", "elsewhere")(site.signed("GET", PENDING)))
    assert status == 400
    assert "inProgressJobs" not in told


@pytest.mark.parametrize("path", ["/things", "/jobs", "/things/x/y/z", "/jobs/%ff", "/things/printer/jobs/$next"])
async def test_nobody_learns_anything_without_a_signature(site: Site, path: str) -> None:
    reply = await site.send("GET", path, change=lambda request: replace(request, headers=request.headers[:1]))
    assert (reply.status, reply.error) == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize(("path", "most"), [(PENDING, 64), ("/jobs/job-1", 512)])
async def test_a_body_is_bounded_before_it_is_hashed(site: Site, path: str, most: int) -> None:
    body = b"x" * (most * 1024 + 1)
    reply = await site.send("PUT", path, body, change=lambda request: replace(request, headers=request.headers[:1]))
    assert (reply.status, reply.error) == (413, "RequestEntityTooLargeException")


async def test_a_length_that_is_too_much_is_refused_before_a_byte_of_it_comes(site: Site) -> None:
    reader, writer = await asyncio.open_connection(URL(site.url).host, URL(site.url).port)
    writer.write(f"PUT {PENDING} HTTP/1.1\r\nHost: plugin\r\nContent-Length: {64 * 1024 + 1}\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_body_without_a_length_is_bounded_too(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    async with site.http.put(f"{site.url}{PENDING}", data=endless()) as answered:
        assert (answered.status, answered.headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")


async def test_a_body_in_chunks_is_taken(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"
        yield b"}"

    await site.create()
    sent = site.signed("PUT", f"{PENDING}/$next", b"{}")
    url = URL(f"{site.url}{sent.target}", encoded=True)
    async with site.http.put(url, data=chunks(), headers=sent.headers) as answered:
        assert (await answered.json())["execution"]["versionNumber"] == 2


async def test_a_body_that_breaks_off_is_refused(site: Site) -> None:
    headers = {"Content-Encoding": "gzip"}
    async with site.http.put(f"{site.url}{PENDING}", data=b"no gzip", headers=headers) as answered:
        assert (answered.status, answered.headers["x-amzn-ErrorType"]) == (400, "InvalidRequestException")


async def test_a_revoked_key_ends_at_once_on_a_connection_that_it_has_opened_too(site: Site) -> None:
    assert await site.device.pending()
    assert await site.keys.revoke(site.thing_key.id)
    assert not await site.keys.revoke(site.thing_key.id)
    failure = await site.device.refused("describe_job_execution")
    assert failure.code == "UnrecognizedClientException"
    assert await site.keys.of(of_thing(THING)) == []


async def test_a_key_is_replaced_with_an_overlap(site: Site) -> None:
    fresh = await site.keys.make(of_thing(THING), overlap=DAY)
    assert [key.generation for key in await site.keys.of(of_thing(THING))] == [1, 2]
    site.wall.ahead = DAY - timedelta(minutes=1)
    assert [await site.keys.find(key.id) is None for key in (site.thing_key, fresh)] == [False, False]
    site.wall.ahead = DAY
    assert [await site.keys.find(key.id) is None for key in (site.thing_key, fresh)] == [True, False]
    assert await site.keys.of(of_thing(THING)) == [fresh]


async def test_a_key_may_have_an_end_which_no_overlap_puts_off(site: Site) -> None:
    short = await site.keys.make(of_thing(THING), lifetime=timedelta(hours=1))
    await site.keys.make(of_thing(THING), overlap=DAY)
    site.wall.ahead = timedelta(hours=1)
    assert await site.keys.find(short.id) is None


async def test_a_generation_is_never_given_twice_while_there_are_keys(site: Site) -> None:
    made = [await site.keys.make("location:paris") for _ in range(3)]
    await site.keys.revoke(made[0].id)
    assert (await site.keys.make("location:paris")).generation == 4


def test_an_id_is_told_from_a_secret() -> None:
    head, rest = "EPTK", "0123456789ABCDEF"
    assert is_key_id(head + rest)
    assert not any(map(is_key_id, [rest, f"{head}{rest}0", "AKIA" + rest, head + rest.lower(), "", head]))


async def test_a_holder_has_ten_keys_at_most(site: Site) -> None:
    for _ in range(MOST_KEYS):
        await site.keys.make("location:paris")
    with pytest.raises(ThingRefused, match="revoke one"):
        await site.keys.make("location:paris")
    assert len(await site.keys.revoke_all("location:paris")) == MOST_KEYS
    assert (await site.keys.make("location:paris")).generation == 1


async def test_no_secret_is_readable_in_redis_or_in_a_repr(redis_url: str, engine: Engine) -> None:
    sealing = Engine(engine.redis, prefix="test", codec=Sealer(["0123456789abcdef"]))
    key = await AccessKeys(sealing, WallClock()).make(EVERYTHING)
    assert key.secret not in f"{await engine.redis.hgetall(engine.keys.access_key(key.id))!r}{key!r}"
    assert len(key.secret) == 40
    other = Engine(engine.redis, prefix="test", codec=Sealer(["another-root-secret"]))
    assert await AccessKeys(other, WallClock()).find(key.id) is None
    assert (await AccessKeys(sealing, WallClock()).of(EVERYTHING))[0].id == key.id


async def test_a_key_that_is_used_outlives_the_root_secret_that_it_was_sealed_with(engine: Engine) -> None:
    old, new = "the-old-root-secret", "the-new-root-secret"
    both = [AccessKeys(Engine(engine.redis, prefix="test", codec=Sealer(roots)), WallClock())
            for roots in ((old,), (new, old), (new,))]  # fmt: skip
    key = await both[0].make(EVERYTHING)
    assert await both[2].find(key.id) is None
    assert await both[1].find(key.id) == key
    assert await both[2].find(key.id) == key


async def test_a_thing_is_found_although_its_attributes_cannot_be_read(engine: Engine) -> None:
    old, new = (
        Engine(engine.redis, prefix="test", codec=Sealer([f"the-{word}-root-secret"])) for word in ("old", "new")
    )
    await Registry(old, WallClock()).add("door", attributes={"floor": "1"})
    assert (await Registry(new, WallClock()).get("door")).attributes == {}


async def test_keys_of_a_signature_are_told_from_each_other(site: Site) -> None:
    made: list[AccessKey] = [await site.keys.make(EVERYTHING) for _ in range(3)]
    assert len({key.id for key in made} | {key.secret for key in made}) == 6
    assert all(key.id.isalnum() and key.secret.isalnum() and key.created <= datetime.now(UTC) for key in made)
