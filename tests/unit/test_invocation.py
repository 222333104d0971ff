"""Calling a handler within middleware, and telling what it raises."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from envoy_plugin.deadline import Overdue
from envoy_plugin.declarations.handlers import Next
from envoy_plugin.envoy.events import Event, parse_event
from envoy_plugin.envoy.routes import Route
from envoy_plugin.errors import ApiUnavailable, BadPayload, ConfigMismatch
from envoy_plugin.injection.sources import Subject
from envoy_plugin.invocation import HandlerFailed, call_handler
from envoy_plugin.outcomes import Done, Failed, Ignored, Outcome
from envoy_plugin.plugin import Plugin
from envoy_plugin.run import Run

EVENT = parse_event(b'{"meta":{"event":"entry_sign_in","install_id":"1"},"payload":null}')


@pytest.fixture
def plugin() -> Plugin:
    return Plugin("visitor-doors")


async def call(plugin: Plugin, does: Callable[[], Awaitable[Any]], *, seconds: float = 30) -> Outcome:
    """The outcome of a handler that does this."""

    @plugin.on("entry_sign_in")
    async def handle() -> Any:
        return await does()

    handler = plugin.handlers["entry_sign_in"]
    return await call_handler(plugin, handler, Subject(EVENT), {}, timedelta(seconds=seconds))


async def done() -> Done:
    return Done("Badge ready")


async def fails() -> None:
    raise LookupError("canary")


async def forever() -> None:
    await asyncio.Event().wait()


async def test_middleware_is_around_the_handler_in_order(plugin: Plugin) -> None:
    seen: list[str] = []

    def wrap(name: str) -> None:
        @plugin.middleware
        async def middleware(event: Event, call: Next) -> Outcome:
            seen.append(f"{name} before {event.name}")
            outcome = await call()
            seen.append(f"{name} after {outcome.message}")
            return outcome

    wrap("outer")
    wrap("inner")
    assert await call(plugin, done) == Done("Badge ready")
    before, after = "before entry_sign_in", "after Badge ready"
    assert seen == [f"outer {before}", f"inner {before}", f"inner {after}", f"outer {after}"]


async def test_middleware_is_given_an_outcome_that_was_raised(plugin: Plugin) -> None:
    async def raises() -> None:
        raise Ignored("No door")

    @plugin.middleware
    async def harder(event: Event, call: Next) -> Outcome:
        outcome = await call()
        return Failed(f"{outcome.message}!") if isinstance(outcome, Ignored) else outcome

    assert await call(plugin, raises) == Failed("No door!")


async def test_middleware_may_answer_itself_and_raise_its_outcome(plugin: Plugin) -> None:
    @plugin.middleware
    async def outer(event: Event, call: Next) -> Outcome:
        return await call()

    @plugin.middleware
    async def answers(event: Event, call: Next) -> Outcome:
        raise Ignored("Closed")

    assert await call(plugin, fails) == Ignored("Closed")


async def test_what_a_handler_raises_goes_through_middleware(plugin: Plugin) -> None:
    @plugin.middleware
    async def mends(event: Event, call: Next) -> Outcome:
        try:
            return await call()
        except LookupError:
            return Done("Mended")

    assert await call(plugin, fails) == Done("Mended")


async def test_middleware_that_forgets_to_return_hides_no_outcome(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    @plugin.middleware
    async def forgets(event: Event, call: Next) -> Outcome:  # type: ignore[return]  # what is tried here
        await call()

    with pytest.raises(HandlerFailed) as caught:
        await call(plugin, done)
    assert "returned a NoneType; middleware returns an outcome" in str(caught.value.__cause__)
    assert f"({__file__}:" in str(caught.value.__cause__)


async def test_the_time_out_is_for_all_of_it(plugin: Plugin) -> None:
    @plugin.middleware
    async def middleware(event: Event, call: Next) -> Outcome:
        outcome = await call()
        await forever()
        return outcome

    with pytest.raises(Overdue):
        await call(plugin, done, seconds=0.01)


async def test_a_time_out_of_the_handlers_own_is_an_error_of_its(plugin: Plugin) -> None:
    async def raises() -> None:
        raise TimeoutError

    with pytest.raises(HandlerFailed) as caught:
        await call(plugin, raises)
    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_on_error_is_told_and_its_first_outcome_counts(plugin: Plugin) -> None:
    told: list[object] = []

    def hook(gives: Outcome | None) -> None:
        @plugin.on_error
        async def tell(error: Exception, about: Event | Route | Run) -> Outcome | None:
            told.append((type(error), about))
            return gives

    for gives in (None, Failed("First"), Done("Second")):
        hook(gives)
    assert await call(plugin, fails) == Failed("First")
    assert told == [(LookupError, EVENT)] * 3


async def test_an_on_error_that_fails_or_gives_nonsense_is_logged_and_the_others_are_told(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    @plugin.on_error
    async def broken(error: Exception, about: Event | Route | Run) -> None:
        raise ZeroDivisionError

    @plugin.on_error
    async def nonsense(error: Exception, about: Event | Route | Run) -> Any:
        return "canary"

    @plugin.on_error
    async def raises_one(error: Exception, about: Event | Route | Run) -> None:
        raise Ignored("Never mind")

    assert await call(plugin, fails) == Ignored("Never mind")
    assert [line for line in ("handler.raised", "on_error.raised", "on_error.refused") if line in caplog.text] == [
        "handler.raised",
        "on_error.raised",
        "on_error.refused",
    ]


async def test_an_on_error_that_hangs_ends_with_the_handlers_time(plugin: Plugin) -> None:
    @plugin.on_error
    async def hangs(error: Exception, about: Event | Route | Run) -> None:
        await forever()

    with pytest.raises(Overdue):
        await call(plugin, fails, seconds=0.01)


@pytest.mark.parametrize(
    "error", [BadPayload("x"), ConfigMismatch(["x"]), ApiUnavailable("x"), RedisConnectionError(), Ignored("x")]
)
async def test_on_error_is_not_told_what_is_no_error_of_the_handlers(plugin: Plugin, error: Exception) -> None:
    told: list[Exception] = []

    @plugin.on_error
    async def tell(error: Exception, about: Event | Route | Run) -> None:
        told.append(error)

    async def raises() -> None:
        raise error

    if isinstance(error, Outcome):
        assert await call(plugin, raises) == error
    else:
        with pytest.raises(type(error)):
            await call(plugin, raises)
    assert told == []


async def test_an_error_that_nobody_answers_is_the_cause_of_the_failure(plugin: Plugin) -> None:
    with pytest.raises(HandlerFailed) as caught:
        await call(plugin, fails)
    assert isinstance(caught.value.__cause__, LookupError)
