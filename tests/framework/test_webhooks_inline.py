"""What an inline handler says, and what Envoy hears; what a handler is given."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from envoy_plugin import (
    Config,
    Done,
    Entry,
    EnvoyPluginAPI,
    EnvoyPluginJob,
    Event,
    Failed,
    Ignored,
    Invite,
    Meta,
    Ongoing,
    Password,
    Plugin,
    Retry,
    Secret,
    Snooze,
    Text,
)
from envoy_plugin.engine.states import State
from envoy_plugin.outcomes import Outcome
from envoy_plugin.simulator.faults import Fault
from tests.framework.served import UPDATES, Served, Stage, a_webhook

Serve = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Served]]

OUTCOMES: list[tuple[Any, int, dict[str, Any], str]] = [
    (None, 200, {}, "done"),
    ({"badge": 7, "at": datetime(2026, 1, 1)}, 200, {"badge": 7, "at": "2026-01-01T00:00:00"}, "done"),  # noqa: DTZ001
    (Done(), 200, {}, "done"),
    (Done("In", data={"badge": 7}), 200, {"badge": 7, "message": "In"}, "done"),
    (Done("In", Password("PIN", "4711")), 200, {"message": "In"}, "done"),
    (Ongoing("Soon"), 202, {"message": "Soon"}, "in_progress"),
    (Ignored("No door", "no-door"), 400, {"message": "No door", "debugInfo": "no-door"}, "ignored"),
    (Failed("No", "why"), 412, {"message": "No", "debugInfo": "why"}, "failed"),
    (
        Failed("No", attachments=[Text("Door", "7")]),
        412,
        {"message": "No", "attachments": [{"type": "text", "label": "Door", "value": "7"}]},
        "failed",
    ),
    (Retry("Busy"), 500, {"message": "Busy"}, "failed"),
    (Retry(), 500, {"message": "Try again later"}, "failed"),
]


class DoorConfig(Config):
    api_key: Secret
    group: str = "all"


@dataclass(frozen=True, slots=True)
class Doors:
    """What a plugin provides."""

    opened: list[str]


@pytest.fixture
def serve(stage: Stage) -> Serve:
    """Serves a plugin whose one handler does what is given."""

    async def serve_handler(does: Callable[[], Awaitable[Any]]) -> Served:
        plugin = Plugin("visitor-doors")

        @plugin.on("entry_sign_in", timeout=timedelta(milliseconds=100))
        async def handle() -> Any:
            return await does()

        return await stage.serve(plugin, worker=False)

    return serve_handler


async def heard(served: Served) -> tuple[int, Any]:
    """Status and body that Envoy gets for one event."""
    answer = (await served.deliver()).answer
    assert answer is not None
    return answer.status, answer.body


@pytest.mark.parametrize(("value", "status", "body", "shown"), OUTCOMES)
async def test_what_a_handler_returns_is_what_envoy_hears(
    serve: Serve, value: Any, status: int, body: dict[str, Any], shown: str
) -> None:
    async def does() -> Any:
        return value

    served = await serve(does)
    assert await heard(served) == (status, body)
    assert served.shown()["status"] == shown


@pytest.mark.parametrize("outcome", [row[0] for row in OUTCOMES if isinstance(row[0], Outcome)])
async def test_an_outcome_raised_is_as_good_as_one_returned(serve: Serve, outcome: Outcome) -> None:
    async def raises() -> Any:
        raise outcome

    expected = next((status, body) for value, status, body, _ in OUTCOMES if value == outcome)
    assert await heard(await serve(raises)) == expected


async def test_a_snooze_says_when_to_come_back(serve: Serve) -> None:
    async def does() -> Snooze:
        return Snooze(timedelta(seconds=90.5))

    reply = await (await serve(does)).post(a_webhook().body)
    assert (reply.status, reply.body, reply.headers["Retry-After"]) == (503, {"message": "Try again later"}, "91")


@pytest.mark.parametrize("error", [ValueError("canary"), TimeoutError("canary"), KeyError("canary")])
async def test_the_text_of_an_error_does_not_reach_envoy(serve: Serve, error: Exception) -> None:
    async def raises() -> None:
        raise error

    assert await heard(await serve(raises)) == (500, {"message": "The plugin failed unexpectedly"})


@pytest.mark.parametrize("value", [7, "canary", [1], Done, object()])
async def test_what_is_no_outcome_is_an_error(serve: Serve, value: Any) -> None:
    async def does() -> Any:
        return value

    assert await heard(await serve(does)) == (500, {"message": "The plugin failed unexpectedly"})


@pytest.mark.parametrize("outcome", [Done(data={"canary": object()}), {"canary": object()}, Done(7)])  # type: ignore[arg-type]  # what a type checker refuses
async def test_an_answer_that_cannot_be_written_is_an_error(serve: Serve, outcome: Any) -> None:
    async def does() -> Any:
        return outcome

    assert await heard(await serve(does)) == (500, {"message": "The plugin failed unexpectedly"})


async def test_a_number_that_json_lacks_is_null_for_envoy(serve: Serve) -> None:
    async def does() -> dict[str, float]:
        return {"load": math.inf}

    assert await heard(await serve(does)) == (200, {"load": None})


async def test_a_handler_that_takes_too_long_is_cancelled_and_a_500(serve: Serve) -> None:
    cancelled = asyncio.Event()

    async def never_ends() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    served = await serve(never_ends)
    assert await heard(served) == (500, {"message": "Timed out"})
    assert cancelled.is_set()


async def test_without_its_own_time_out_a_handler_has_that_of_the_settings(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def never_ends() -> None:
        await asyncio.Event().wait()

    served = await stage.serve(plugin, worker=False, HANDLER_TIMEOUT="0.1")
    assert await heard(served) == (500, {"message": "Timed out"})


async def test_a_handler_is_given_what_its_types_ask_for(stage: Stage) -> None:
    plugin = Plugin("visitor-doors", config=DoorConfig)
    given: dict[str, Any] = {}

    @plugin.provides
    async def doors() -> Doors:
        return Doors(["front"])

    @plugin.on("entry_sign_in")
    async def take(
        entry: Entry,
        event: Event,
        meta: Meta,
        config: DoorConfig,
        job: EnvoyPluginJob,
        api: EnvoyPluginAPI,
        doors: Doors,
    ) -> None:
        given.update(locals())

    served = await stage.serve(plugin, worker=False)
    await served.deliver(config={"api_key": "k-1"}, attributes={"full-name": "Zoë"})
    assert (given["entry"].full_name, given["event"].name, given["meta"].install_id) == ("Zoë", "entry_sign_in", "1001")
    assert (given["config"].api_key.reveal(), given["config"].group) == ("k-1", "all")
    assert (given["job"].id, given["job"].api, given["doors"].opened) == ("job-1", given["api"], ["front"])


async def test_an_invite_event_gives_an_invite(stage: Stage, plugin: Plugin) -> None:
    given: list[Invite] = []

    @plugin.on("invite_created")
    async def take(invite: Invite) -> None:
        given.append(invite)

    await (await stage.serve(plugin, worker=False)).deliver(event="invite_created", attributes={"full-name": "Zoë"})
    assert [invite.full_name for invite in given] == ["Zoë"]


async def test_a_handler_can_update_the_job_while_envoy_waits(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def update(job: EnvoyPluginJob) -> None:
        await job.attach(Text("Door", "7"))

    served = await stage.serve(plugin, worker=False)
    await served.deliver()
    assert (
        served.shown() | {"status": "done", "attachments": [{"type": "text", "label": "Door", "value": "7"}]}
        == served.shown()
    )


async def test_envoy_out_of_reach_of_an_inline_handler_is_a_500(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def update(job: EnvoyPluginJob) -> None:
        await job.update("canary")

    served = await stage.serve(plugin, worker=False, ENVOY_BASE_URL="http://127.0.0.1:1")
    assert await heard(served) == (500, {"message": "The plugin failed unexpectedly"})


async def test_a_config_that_does_not_fit_is_a_412_that_names_the_fields_alone(stage: Stage) -> None:
    plugin = Plugin("visitor-doors", config=DoorConfig)

    @plugin.on("entry_sign_in")
    async def never(config: DoorConfig) -> None:
        raise AssertionError

    served = await stage.serve(plugin, worker=False)
    text = "The install's configuration is not usable: api_key, group."
    reply = await served.post(a_webhook(config={"group": ["canary"], "api_key": {"canary": 1}}).body)
    assert (reply.status, reply.body) == (412, {"message": text})


async def test_an_event_without_a_job_is_a_422_where_the_handler_asks_for_it(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def take(job: EnvoyPluginJob) -> None:
        raise AssertionError

    reply = await (await stage.serve(plugin, worker=False)).post(a_webhook(job=None).body)
    assert (reply.status, reply.message) == (422, "The event names no job: meta.job is missing.")


async def test_what_is_provided_is_opened_once_and_closed_with_the_process(stage: Stage, plugin: Plugin) -> None:
    seen: list[str] = []

    @plugin.provides
    async def doors() -> AsyncIterator[Doors]:
        seen.append("opened")
        yield Doors([])
        seen.append("closed")

    @plugin.on("entry_sign_in")
    async def take(doors: Doors) -> None:
        seen.append("used")

    async with stage.apart() as process:
        served = await process.serve(plugin)
        for job in ("a", "b"):
            await served.deliver(job=job)
    assert seen == ["opened", "used", "used", "closed"]


async def test_what_done_says_reaches_the_dashboard(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def handle() -> Done:
        return Done("Badge ready", Password("PIN", "4711"))

    served = await stage.serve(plugin)
    await served.deliver()
    assert (await served.report_finishes()).state is State.SUCCEEDED
    assert served.updates() == [
        {
            "attachments": [{"type": "password", "label": "PIN", "value": "4711"}],
            "status": "done",
            "status_message": "Badge ready",
        }
    ]


async def test_what_done_says_reaches_the_dashboard_also_when_envoy_is_away_first(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def handle() -> Done:
        return Done("Badge ready")

    served = await stage.serve(plugin)
    served.envoy.fail(Fault(path=UPDATES, status=503, times=4))
    await served.deliver()
    assert (await served.report_finishes()).state is State.SUCCEEDED
    assert served.shown()["status_message"] == "Badge ready"


@pytest.mark.parametrize("outcome", [Done(), Ongoing("Soon"), Failed("No"), Ignored("No")])
async def test_what_the_answer_says_already_is_not_reported(serve: Serve, outcome: Outcome) -> None:
    async def does() -> Outcome:
        return outcome

    served = await serve(does)
    await served.deliver()
    assert await served.jobs() == []
