"""Background handlers: written before they are acknowledged, tried again, and ended as they say."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin import (
    Config,
    Done,
    Entry,
    EnvoyPluginJob,
    Event,
    Failed,
    Ignored,
    Meta,
    Ongoing,
    Plugin,
    Retry,
    Run,
    Secret,
    Snooze,
    Text,
)
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_attempts
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.outcomes import Outcome
from envoy_plugin.simulator.faults import Fault
from envoy_plugin.simulator.installs import INSTALLS
from tests.framework.served import UPDATES, Served, Stage, a_webhook, eventually, redis_values, until

Says = Callable[[Run], Any]
Serve = Callable[..., Awaitable[Served]]
MOST_PAYLOAD = 256 * 1024


class DoorConfig(Config):
    api_key: Secret


@pytest.fixture
def serve(stage: Stage) -> Serve:
    """Serves a plugin whose background handler says what it is given; an exception is raised."""

    async def serve_handler(says: Says, *, worker: bool = True, **options: Any) -> Served:
        plugin = Plugin("visitor-doors")

        @plugin.on("entry_sign_in", background=True, **options)
        async def handle(run: Run) -> Any:
            said = says(run)
            if isinstance(said, BaseException) and not isinstance(said, Outcome):
                raise said
            return await said if asyncio.iscoroutine(said) else said

        return await stage.serve(plugin, worker=worker)

    return serve_handler


def in_order(*says: Any) -> Says:
    """Says one thing after the other, then the last one for ever."""
    left = list(says)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


async def test_a_202_is_given_once_the_job_is_in_redis(serve: Serve) -> None:
    served = await serve(in_order(Done()), worker=False)
    delivery = await served.deliver()
    assert delivery.answer is not None
    assert (delivery.answer.status, delivery.answer.body) == (202, {})
    job = await served.event_job()
    assert (job.state, job.kind, job.install) == (State.AVAILABLE, "entry_sign_in", "1001")
    assert (job.retries_left, job.owes) == (5, "report")


SHOWN: list[tuple[Any, State, str | None, dict[str, Any]]] = [
    (None, State.SUCCEEDED, None, {"status": "done", "status_message": None}),
    (Done("In", Text("Door", "7")), State.SUCCEEDED, None, {"status": "done", "status_message": "In"}),
    ({"badge": 7}, State.SUCCEEDED, None, {"status": "done", "status_message": None}),
    (
        Ignored("No door", "no-door"),
        State.SUCCEEDED,
        Reason.IGNORED,
        {"status": "ignored", "status_message": "No door", "failure_reason": "no-door"},
    ),
    (
        Failed("No", "why", attachments=[Text("Door", "7")]),
        State.FAILED,
        Reason.REJECTED,
        {"status": "failed", "status_message": "No", "failure_reason": "why"},
    ),
]


@pytest.mark.parametrize(("says", "state", "reason", "shown"), SHOWN)
async def test_what_a_handler_says_ends_its_job_and_is_shown(
    serve: Serve, says: Any, state: State, reason: str | None, shown: dict[str, Any]
) -> None:
    served = await serve(in_order(says))
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.reason, job.attempt) == (state, reason, 1)
    attachments = [each.to_wire() for each in getattr(says, "attachments", ())]
    assert await served.settled() == {
        "status_message": None,
        "failure_reason": None,
        "attachments": attachments,
        **shown,
    }


@pytest.mark.parametrize(("message", "bodies"), [(None, []), ("Soon", [{"attachments": [], "status_message": "Soon"}])])
async def test_what_goes_on_elsewhere_stays_in_progress(serve: Serve, message: str | None, bodies: list[Any]) -> None:
    served = await serve(in_order(Ongoing(message)))
    await served.deliver()
    assert (await served.finishes()).state is State.SUCCEEDED
    assert served.shown()["status"] == "in_progress"
    assert served.updates() == bodies


async def test_an_error_is_tried_again_after_growing_waits_and_ends_as_failed(serve: Serve) -> None:
    served = await serve(in_order(ValueError("canary")), retries=3)
    await served.deliver()
    waits = [await the_wait(served, attempt) for attempt in (2, 3, 4)]
    job = await served.finishes()
    assert (job.state, job.reason, job.attempt) == (State.FAILED, Reason.ERROR, 4)
    for wait, seconds in zip(waits, (5, 15, 45), strict=True):
        assert 0.79 * seconds <= wait <= 1.21 * seconds
    shown = await served.settled()
    assert shown["status_message"] == "The plugin failed unexpectedly"
    assert "canary" not in str(shown)


async def the_wait(served: Served, attempt: int) -> float:
    """How long, in seconds, the job waits before this attempt; then it waits no more."""

    async def scheduled() -> Job | None:
        job = await served.event_job()
        return job if job.state is State.SCHEDULED and job.attempt == attempt else None

    job = await eventually(scheduled)
    assert job.due is not None
    await served.passes(timedelta(hours=2))
    return (job.due - job.changed).total_seconds()


async def test_a_handler_that_succeeds_at_last_is_done(serve: Serve) -> None:
    served = await serve(in_order(ValueError("canary"), KeyError("canary"), Done("In")))
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.attempt, job.retries_left) == (State.SUCCEEDED, 3, 3)
    assert [past.reason for past in await find_attempts(served.engine, job.id)] == [Reason.ERROR, Reason.ERROR]
    assert (await served.settled())["status_message"] == "In"


async def test_a_retry_says_when_and_its_message_is_shown_at_the_end(serve: Serve) -> None:
    served = await serve(in_order(Retry("Busy", after=timedelta(minutes=7))), retries=1)
    await served.deliver()
    assert await the_wait(served, 2) == pytest.approx(420, abs=1)
    job = await served.finishes()
    assert (job.state, job.reason, job.attempt) == (State.FAILED, Reason.ERROR, 2)
    assert (await served.settled())["status_message"] == "Busy"


async def test_a_snooze_spends_nothing(serve: Serve) -> None:
    served = await serve(in_order(Snooze(timedelta(minutes=7)), Snooze(timedelta(minutes=7)), Done()), retries=0)
    await served.deliver()
    assert await the_wait(served, 1) == pytest.approx(420, abs=1)
    job = await served.finishes()
    assert (job.state, job.attempt, job.claim, job.crashes) == (State.SUCCEEDED, 1, 3, 0)


async def test_a_failure_is_final(serve: Serve) -> None:
    served = await serve(in_order(Failed("No"), Done("never")))
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.attempt, job.retries_left) == (State.FAILED, 1, 5)


async def test_a_handler_that_takes_too_long_is_cancelled_and_shown_as_timed_out(serve: Serve) -> None:
    cancelled = asyncio.Event()

    async def never_ends() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    served = await serve(lambda _: never_ends(), timeout=timedelta(milliseconds=50), retries=0)
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.reason) == (State.FAILED, Reason.TIMEOUT)
    assert (await served.settled())["status_message"] == "Timed out"
    assert cancelled.is_set()


@pytest.mark.parametrize("says", [7, "canary", Done, Done(7), Done("x" * 300_000), Done("x", "no attachment")])  # type: ignore[arg-type]  # what a type checker refuses
async def test_what_is_no_outcome_is_an_error(serve: Serve, says: Any) -> None:
    served = await serve(in_order(says), retries=0)
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.reason, job.crashes) == (State.FAILED, Reason.ERROR, 0)
    assert (await served.settled())["status_message"] == "The plugin failed unexpectedly"


async def test_a_handler_is_given_the_event_without_its_secrets(stage: Stage, plugin: Plugin) -> None:
    given: dict[str, Any] = {}

    @plugin.on("entry_sign_in", background=True)
    async def take(entry: Entry, event: Event, meta: Meta, job: EnvoyPluginJob) -> None:
        given.update(locals())

    served = await stage.serve(plugin)
    await served.deliver(config={"api_key": "canary"}, attributes={"full-name": "Zoë"})
    await served.finishes()
    assert (given["entry"].full_name, given["meta"].install_id, given["job"].id) == ("Zoë", "1001", "job-1")
    assert (given["meta"].auth, given["meta"].config, given["meta"].location.type) == (None, {}, "locations")
    assert "canary" not in str(given["event"].raw)


async def test_redis_holds_nothing_of_an_event_that_can_be_read(serve: Serve, redis: Redis) -> None:
    served = await serve(in_order(Done("In", Text("PIN", "canary"))))
    canaries = {"full-name": "canary Zoë", "email": "canary@example.com", "phone-number": "canary"}
    await served.deliver(config={"api_key": "canary"}, attributes=canaries)
    await served.finishes()
    held = await redis_values(redis)
    assert len(held) > 5
    assert not [key for key, value in held.items() if b"canary" in value or b"ut-" in value or b"meta" in value]


async def test_a_payload_holds_neither_the_config_nor_a_token(serve: Serve, redis: Redis) -> None:
    served = await serve(in_order(Done()), worker=False)
    await served.deliver(config={"api_key": "canary"}, meta={"forwarded_bearer_token": "canary"})
    sealed = await redis.get(served.engine.keys.payload((await served.event_job()).id))
    assert isinstance(sealed, bytes)
    payload = served.engine.open(sealed)
    assert b"install_id" in payload
    assert not [word for word in (b"canary", b"ut-", b'"auth"', b'"config"', b'"env"') if word in payload]


@pytest.fixture
def configured() -> tuple[Plugin, list[str]]:
    """A plugin with a config, and the keys that its handler was given."""
    plugin, keys = Plugin("visitor-doors", config=DoorConfig), list[str]()

    @plugin.on("entry_sign_in", background=True, retries=1)
    async def take(config: DoorConfig) -> None:
        keys.append(config.api_key.reveal())

    return plugin, keys


async def test_a_handler_is_given_the_config_that_the_delivery_brought(
    stage: Stage, configured: tuple[Plugin, list[str]]
) -> None:
    served = await stage.serve(configured[0])
    await served.deliver(config={"api_key": "k-1"})
    await served.finishes()
    assert configured[1] == ["k-1"]
    assert not served.envoy.requests("/api/v2/plugin-services/installs/")


async def test_once_the_cache_is_gone_the_config_is_read_from_envoy(
    stage: Stage, configured: tuple[Plugin, list[str]], redis: Redis
) -> None:
    served = await stage.serve(configured[0], worker=False)
    await served.deliver(config={"api_key": "k-1"})
    await redis.delete(served.engine.keys.config("1001"))
    served.envoy.app[INSTALLS].put("1001", {"api_key": "k-2"})
    await (await stage.serve(configured[0])).finishes()
    assert configured[1] == ["k-2"]


async def test_a_config_that_fits_no_more_fails_naming_the_fields_alone(
    stage: Stage, configured: tuple[Plugin, list[str]], redis: Redis
) -> None:
    served = await stage.serve(configured[0], worker=False)
    await served.deliver(config={"api_key": "k-1"})
    await redis.delete(served.engine.keys.config("1001"))
    served.envoy.app[INSTALLS].put("1001", {"api_key": ["canary"]})
    job = await (await stage.serve(configured[0])).finishes()
    assert (job.state, job.reason, job.attempt) == (State.FAILED, Reason.REJECTED, 1)
    assert (await served.settled())["status_message"] == "The install's configuration is not usable: api_key."
    assert configured[1] == []


async def test_a_config_that_does_not_fit_is_told_at_once(stage: Stage, configured: tuple[Plugin, list[str]]) -> None:
    served = await stage.serve(configured[0])
    reply = await served.post(a_webhook(config={}).body)
    assert (reply.status, reply.message) == (412, "The install's configuration is not usable: api_key.")
    assert await served.jobs() == []


async def test_envoy_out_of_reach_spends_no_retry(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in", background=True, retries=0)
    async def update(job: EnvoyPluginJob) -> Done:
        await job.update("Working")
        return Done("In")

    served = await stage.serve(plugin)
    served.envoy.fail(Fault(path=UPDATES, status=503, times=6))
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.attempt, job.claim, job.crashes) == (State.SUCCEEDED, 1, 3, 0)
    assert (await served.settled())["status_message"] == "In"


async def test_when_envoy_says_how_long_it_is_away_the_handler_waits_as_long(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in", background=True)
    async def update(job: EnvoyPluginJob) -> None:
        await job.update("Working")

    served = await stage.serve(plugin)
    served.envoy.fail(Fault(path=UPDATES, status=503, retry_after=900, times=1))
    await served.deliver()
    assert await the_wait(served, 1) == pytest.approx(900, abs=1)


@pytest.mark.parametrize("worker_has", ["other keys", "no handler"])
async def test_a_job_that_this_release_cannot_read_fails_and_says_so(
    stage: Stage, serve: Serve, worker_has: str
) -> None:
    served = await serve(in_order(Done()), worker=False, retries=0)
    await served.deliver()
    if worker_has == "no handler":
        await stage.serve(Plugin("visitor-doors"))
    else:
        await stage.serve(served.runtime.plugin, SECRET_KEY="another-root-secret")
    job = await served.reaches(State.FAILED)
    assert job.reason == Reason.UNREADABLE


async def test_a_job_without_a_handler_says_so_in_the_dashboard(stage: Stage, serve: Serve) -> None:
    served = await serve(in_order(Done()), worker=False, retries=0)
    await served.deliver()
    await (await stage.serve(Plugin("visitor-doors"))).finishes()
    assert (await served.settled())["status_message"] == "The plugin can't read this event any more"


async def test_an_event_of_no_job_owes_nothing(serve: Serve) -> None:
    served = await serve(in_order(Done("In")))
    await served.post(a_webhook(job=None).body)
    assert (await served.reaches(State.SUCCEEDED)).owes is None
    assert len(await served.jobs()) == 1


async def test_a_run_knows_its_job_attempt_and_whether_the_process_stops(serve: Serve) -> None:
    seen: list[tuple[str, int, bool]] = []
    stops, goes_on = asyncio.Event(), asyncio.Event()

    async def look(run: Run) -> None:
        seen.append((run.id, run.attempt, run.shutting_down))
        stops.set()
        await goes_on.wait()
        seen.append((repr(run), run.attempt, run.shutting_down))

    served = await serve(look)
    await served.deliver()
    await until(stops.is_set)
    served.runtime.stopping = True
    goes_on.set()
    job = await served.finishes()
    assert seen == [(job.id, 1, False), (f"Run({job.id!r}, attempt=1)", 1, True)]


async def test_a_handler_that_cancels_itself_has_failed(serve: Serve) -> None:
    served = await serve(in_order(asyncio.CancelledError()), retries=0)
    await served.deliver()

    assert (await served.settled())["status"] == "failed"
