"""The further decorators over real HTTP: patterns, filters, middleware, hooks, a user's API, and uninstalling."""

from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin import (
    Config,
    DeclarationError,
    Done,
    EnvoyUserAPI,
    Event,
    Failed,
    GlobalStorage,
    Ignored,
    Outcome,
    Plugin,
    RedisStorage,
    Reject,
    Route,
    Run,
    Storage,
    config_enabled,
)
from envoy_plugin.declarations.handlers import Next
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.simulator.payloads import build_webhook
from envoy_plugin.simulator.platform import TOKENS
from envoy_plugin.simulator.sender import Answer
from tests.framework.served import Served, Stage, a_webhook


class DoorConfig(Config):
    group: str = ""


@pytest.fixture
def plugin() -> Plugin:
    return Plugin("visitor-doors", config=DoorConfig)


def is_delivery(event: Event, config: object) -> bool:
    return bool(event.payload["attributes"].get("is-delivery"))


async def heard(served: Served, event: str = "entry_sign_in", **about: Any) -> tuple[int, Any]:
    """Status and message that Envoy gets for one event."""
    return told((await served.deliver(event=event, **about)).answer)


def told(answer: Answer | None) -> tuple[int, Any]:
    assert answer is not None
    return answer.status, answer.body.get("message")


async def uninstall(served: Served) -> tuple[int, Any]:
    """Let Envoy say that the install was removed."""
    webhook = build_webhook("plugin_uninstalled", seed=1, job_id="9", config={"group": "staff"})
    return told((await served.deliver(webhook)).answer)


async def test_a_pattern_handles_its_events_and_a_name_goes_first(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_*", "invite_*")
    async def any_of_them(event: Event) -> Done:
        return Done(f"any: {event.name}")

    @plugin.on("entry_sign_in")
    async def this_one(event: Event) -> Done:
        return Done(f"this: {event.name}")

    served = await stage.serve(plugin, worker=False)
    assert await heard(served) == (200, "this: entry_sign_in")
    assert await heard(served, "invite_removed", job="2") == (200, "any: invite_removed")
    reply = await served.post(a_webhook("entry_sign_out", job="3").body, path="/envoy/events/entry_sign_out")
    assert reply.message == "any: entry_sign_out"


async def test_a_background_handler_of_a_pattern_is_found_by_the_worker(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("*_sign_out", background=True)
    async def leave(event: Event) -> Done:
        return Done(f"left: {event.name}")

    served = await stage.serve(plugin)
    assert (await heard(served, "entry_sign_out"))[0] == 202
    assert (await served.settled())["status_message"] == "left: entry_sign_out"


@pytest.mark.parametrize("background", [False, True])
async def test_a_filtered_event_is_ignored_with_the_reason_and_leaves_no_job(
    stage: Stage,
    plugin: Plugin,
    background: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    when = config_enabled("badges", "Badges are switched off.")

    @plugin.on("entry_sign_in", background=background, when=when, unless=[is_delivery])
    async def badge() -> None: ...

    served = await stage.serve(plugin, worker=False)
    assert await heard(served) == (400, "Badges are switched off.")
    delivery: dict[str, Any] = {"config": {"badges": True}, "attributes": {"is-delivery": True}}
    assert await heard(served, **delivery) == (400, "Not handled if: is delivery.")
    assert await served.jobs() == []
    assert (await heard(served, config={"badges": True}))[0] == (202 if background else 200)


async def test_a_condition_may_raise_an_outcome_and_its_errors_tell_nothing(stage: Stage, plugin: Plugin) -> None:
    def demands(event: Event, config: object) -> bool:
        raise Failed("No door") if event.name == "entry_sign_in" else LookupError("canary")

    @plugin.on("entry_sign_in", "entry_sign_out", when=demands)
    async def badge() -> None: ...

    served = await stage.serve(plugin, worker=False)
    assert await heard(served) == (412, "No door")
    assert await heard(served, "entry_sign_out") == (500, "The plugin failed unexpectedly")


async def test_middleware_and_on_error_speak_inline_and_in_the_background(stage: Stage, plugin: Plugin) -> None:
    @plugin.middleware
    async def shout(event: Event, call: Next) -> Outcome:
        outcome = await call()
        return Done(f"{outcome.message}!")

    @plugin.on_error
    async def tell(error: Exception, about: Event | Route | Run) -> Ignored:
        assert isinstance(about, Event)
        return Ignored(f"{type(error).__name__} at {about.name}")

    async def does(event: Event) -> Done:
        if event.payload["attributes"]["full-name"] == "Nobody":
            raise LookupError
        return Done("Hello")

    plugin.on("entry_sign_in")(does)
    plugin.on("entry_sign_out", background=True)(does)
    served = await stage.serve(plugin)
    assert await heard(served) == (200, "Hello!")
    nobody = {"full-name": "Nobody"}
    assert await heard(served, job="2", attributes=nobody) == (400, "LookupError at entry_sign_in")
    await heard(served, "entry_sign_out", job="3")
    await heard(served, "entry_sign_out", job="4", attributes=nobody)
    assert (await served.settled("3"))["status_message"] == "Hello!"
    assert (await served.settled("4"))["status_message"] == "LookupError at entry_sign_out"


async def test_an_outcome_made_of_another_ends_a_job_as_that_does(stage: Stage, plugin: Plugin) -> None:
    class NoBadge(Ignored):
        """One of the plugin's own."""

    @plugin.on("entry_sign_in", "entry_sign_out", background=True)
    async def badge(event: Event) -> Outcome:
        raise NoBadge("None left") if event.name == "entry_sign_in" else Reject("Not you")

    served = await stage.serve(plugin)
    await heard(served)
    await heard(served, "entry_sign_out", job="2")
    first, second = await served.settled(), await served.settled("2")
    assert (first["status"], second["status"]) == ("ignored", "failed")
    ends = {(job.state, job.reason) for job in await served.jobs() if job.queue == "events"}
    assert ends == {(State.SUCCEEDED, Reason.IGNORED), (State.FAILED, Reason.REJECTED)}


async def test_hooks_run_at_start_and_end_in_turn_and_every_end_is_tried(stage: Stage, plugin: Plugin) -> None:
    seen: list[str] = []

    def declare(name: str) -> None:
        @plugin.on_startup
        async def start() -> None:
            seen.append(f"{name} starts")

        @plugin.on_cleanup
        async def end() -> None:
            seen.append(f"{name} ends")
            raise LookupError

    declare("first")
    declare("second")
    async with stage.apart() as apart:
        await apart.serve(plugin)
        assert seen == ["first starts", "second starts"]
    assert seen[2:] == ["second ends", "first ends"]


async def test_a_start_that_fails_ends_the_process_and_cleans_up(stage: Stage, plugin: Plugin) -> None:
    seen: list[str] = []

    @plugin.on_startup
    async def start() -> None:
        raise ConnectionError

    @plugin.on_cleanup
    async def end() -> None:
        seen.append("ends")

    with pytest.raises(ConnectionError):
        await stage.serve(plugin)
    assert seen == ["ends"]


async def who(event: Event, user: EnvoyUserAPI) -> Done:
    return Done((await user.me()).email)


def token_of(served: Served) -> dict[str, Any]:
    """The token of a user whom the simulated Envoy knows, as deliveries carry it."""
    return {"auth": {"access_token": served.envoy.app[TOKENS].issue().access_token, "expires_in": 60}}


async def test_a_handler_acts_as_the_user_inline_and_in_the_background(stage: Stage, plugin: Plugin) -> None:
    plugin.on("entry_sign_in")(who)
    plugin.on("entry_sign_out", background=True)(who)
    served = await stage.serve(plugin)
    status, name = await heard(served, meta=token_of(served))
    await heard(served, "entry_sign_out", job="2", meta=token_of(served))
    assert (status, name) == (200, (await served.settled("2"))["status_message"])
    assert name


@pytest.mark.parametrize("background", [False, True])
async def test_an_event_without_a_users_token_fails_at_once(
    stage: Stage,
    plugin: Plugin,
    background: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    plugin.on("entry_sign_in", background=background)(who)
    served = await stage.serve(plugin, worker=False)
    status, message = await heard(served, meta={"auth": None})
    assert status == 412
    assert "meta.auth" in message
    assert await served.jobs() == []


async def test_a_token_that_has_ended_fails_the_job_without_a_retry(stage: Stage, plugin: Plugin, redis: Redis) -> None:
    plugin.on("entry_sign_in", background=True)(who)
    served = await stage.serve(plugin, worker=False)
    await heard(served, meta={"auth": {"access_token": "canary", "expires_in": 60}})
    [key] = [key async for key in redis.scan_iter("*:user_token:*")]
    assert b"canary" not in (await redis.get(key) or b"")
    assert 0 < await redis.ttl(key) <= 60
    await redis.delete(key)
    served = await stage.serve(plugin)
    shown = await served.settled()
    assert (shown["status"], (await served.event_job()).attempt) == ("failed", 1)
    assert "token of the user who set the plugin up has ended" in shown["status_message"]


async def test_a_delivery_again_leaves_no_second_token(stage: Stage, plugin: Plugin, redis: Redis) -> None:
    plugin.on("entry_sign_in", background=True)(who)
    served = await stage.serve(plugin, worker=False)
    for _ in range(2):
        assert (await heard(served, meta=token_of(served)))[0] == 202
    assert len([key async for key in redis.scan_iter("*:user_token:*")]) == 1


@pytest.mark.parametrize(("answer", "status"), [(None, 200), (Failed("Not yet"), 412)])
async def test_an_install_that_is_removed_is_forgotten_whatever_the_plugin_says(
    stage: Stage, plugin: Plugin, redis: Redis, answer: Outcome | None, status: int
) -> None:
    seen: list[str] = []

    @plugin.on("entry_sign_in", background=True, timeout=timedelta(seconds=5))
    async def enter() -> None: ...

    @plugin.plugin_uninstalled
    async def removed(event: Event, config: DoorConfig) -> Outcome | None:
        seen.append(config.group)
        return answer

    served = await stage.serve(plugin, worker=False)
    await heard(served, config={"group": "staff"})
    assert len([key async for key in redis.scan_iter("*:config:*")]) == 1
    assert (await uninstall(served))[0] == status
    assert [key async for key in redis.scan_iter("*:config:*")] == []
    assert seen == ["staff"]


async def test_an_install_is_forgotten_by_a_plugin_without_a_handler_for_it(stage: Stage, plugin: Plugin) -> None:
    served = await stage.serve(plugin, worker=False)
    assert await uninstall(served) == (200, None)


@pytest.mark.parametrize("kind", ["envoy", "redis"])
async def test_a_handler_stores_for_its_install_and_for_the_plugin(stage: Stage, plugin: Plugin, kind: str) -> None:
    @plugin.on("entry_sign_in")
    async def remember(mine: Storage, everyones: GlobalStorage) -> Ignored:
        await mine.set("last", "mine")
        await everyones.set("last", "everyone's")
        item = await mine.get("last")
        return Ignored(str(item.value) if item else "nothing")

    served = await stage.serve(plugin, worker=False, STORAGE=kind)
    assert await heard(served) == (400, "mine")


async def test_what_redis_stores_of_a_removed_install_goes(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def remember(mine: RedisStorage) -> Ignored:
        won = await mine.set_if_absent("door", 7, timedelta(hours=1))
        return Ignored("first" if won else "second")

    served = await stage.serve(plugin, worker=False, STORAGE="redis", DELIVERY_RECORDS="off")
    assert [await heard(served), await heard(served)] == [(400, "first"), (400, "second")]
    await uninstall(served)
    assert await heard(served) == (400, "first")


async def test_storage_in_redis_alone_needs_the_setting(stage: Stage, plugin: Plugin) -> None:
    @plugin.on("entry_sign_in")
    async def remember(mine: RedisStorage) -> None: ...

    with pytest.raises(DeclarationError, match="STORAGE=redis"):
        await stage.serve(plugin, worker=False)
