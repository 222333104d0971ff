"""What runs once in a background handler, and what others see of its progress."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from redis.asyncio import Redis

from envoy_plugin import Done, Plugin, Run
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.errors import DeclarationError, LostLease, TooLarge
from tests.framework.served import Served, Stage, eventually, until

Serve = Callable[[Callable[[Run], Awaitable[Any]]], Awaitable[Served]]


@dataclass(frozen=True)
class Badge:
    number: int
    at: datetime


class Access(BaseModel):
    doors: list[str]


BADGE = Badge(7, datetime(2026, 11, 21, 9, tzinfo=UTC))
ACCESS = Access(doors=["front"])


class Effects:
    """Functions with an effect, which is counted."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def badge(self, name: str, *, group: str = "") -> Badge:
        self.made.append(f"badge {name}{group}")
        return BADGE

    async def access(self) -> Access:
        self.made.append("access")
        return ACCESS

    async def number(self) -> str:
        self.made.append("number")
        return "4711"

    async def nothing(self) -> None:
        self.made.append("nothing")

    async def many(self) -> dict[str, list[Badge]]:
        self.made.append("many")
        return {"a": [BADGE]}

    async def fails(self) -> str:
        self.made.append("fails")
        raise ValueError("canary")

    async def __call__(self) -> str:
        self.made.append("called")
        return "called"


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
def serve(stage: Stage) -> Serve:
    """Serves a plugin whose background handler is this function."""

    async def serve_handler(does: Callable[[Run], Awaitable[Any]]) -> Served:
        plugin = Plugin("visitor-doors")

        @plugin.on("entry_sign_in", background=True, retries=2)
        async def handle(run: Run) -> Any:
            return await does(run)

        return await stage.serve(plugin, JOB_LEASE="1")

    return serve_handler


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("access", ACCESS),
        ("number", "4711"),
        ("nothing", None),
        ("many", {"a": [BADGE]}),
        ("__call__", "called"),
    ],
)
async def test_a_piece_runs_once_however_often_the_handler_runs(
    serve: Serve, effects: Effects, name: str, result: object
) -> None:
    results: list[object] = []

    async def tries_three_times(run: Run) -> None:
        function = effects if name == "__call__" else getattr(effects, name)
        results.append(await run.once("piece", function))
        if run.attempt < 3:
            raise ValueError

    served = await serve(tries_three_times)
    await served.deliver()
    assert (await served.finishes()).state is State.SUCCEEDED
    assert results == [result] * 3
    assert len(effects.made) == 1


async def test_a_piece_is_given_its_arguments(serve: Serve, effects: Effects) -> None:
    async def handle(run: Run) -> None:
        assert await run.once("badge", effects.badge, "Zoë", group="!") == BADGE

    served = await serve(handle)
    await served.deliver()
    assert (await served.finishes()).state is State.SUCCEEDED
    assert effects.made == ["badge Zoë!"]


async def test_a_piece_runs_once_also_when_its_worker_is_lost(serve: Serve, effects: Effects) -> None:
    runs: list[int] = []
    hangs = asyncio.Event()

    async def hangs_once(run: Run) -> Done:
        runs.append(run.attempt)
        number = await run.once("number", effects.number)
        if len(runs) == 1:
            hangs.set()
            await asyncio.Event().wait()
        return Done(number)

    served = await serve(hangs_once)
    await served.deliver()
    await until(hangs.is_set)
    await served.leases_end()
    job = await served.finishes()
    assert (job.state, runs, job.crashes, effects.made) == (State.SUCCEEDED, [1, 1], 1, ["number"])


async def test_the_same_name_twice_in_one_run_is_the_same_piece(serve: Serve, effects: Effects) -> None:
    async def handle(run: Run) -> None:
        assert await run.once("number", effects.number) == await run.once("number", effects.number)
        assert await run.once("another", effects.number) == "4711"

    served = await serve(handle)
    await served.deliver()
    assert (await served.finishes()).state is State.SUCCEEDED
    assert effects.made == ["number", "number"]


async def test_a_piece_that_fails_runs_again(serve: Serve, effects: Effects) -> None:
    async def handle(run: Run) -> None:
        await run.once("piece", effects.fails if run.attempt < 3 else effects.number)

    served = await serve(handle)
    await served.deliver()
    assert (await served.finishes()).state is State.SUCCEEDED
    assert effects.made == ["fails", "fails", "number"]


async def an_object() -> object:
    return object()


async def wrong() -> str:
    return 7  # type: ignore[return-value]  # what a type checker refuses


async def large() -> str:
    return "x" * 300_000


@pytest.mark.parametrize(
    ("name", "function", "error"),
    [
        ("", large, DeclarationError),
        ("x" * 65, large, DeclarationError),
        ("piece", an_object, DeclarationError),
        ("piece", wrong, DeclarationError),
        ("piece", large, TooLarge),
    ],
)
async def test_what_cannot_be_kept_is_an_error(
    serve: Serve, name: str, function: Callable[[], Awaitable[object]], error: type[Exception]
) -> None:
    async def handle(run: Run) -> None:
        with pytest.raises(error):
            await run.once(name, function)

    served = await serve(handle)
    await served.deliver()
    job = await served.finishes()
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1)


async def test_pieces_are_kept_sealed(serve: Serve, effects: Effects, redis: Redis) -> None:
    served = await serve(lambda run: run.once("number", effects.number))
    await served.deliver()
    job = await served.reaches(State.SCHEDULED, State.FAILED)
    kept = await redis.hgetall(served.engine.keys.blobs(job.id))
    assert list(kept) == [b"once:number"]
    assert not any(b"4711" in value for value in kept.values() if isinstance(value, bytes))


async def test_progress_is_kept_with_the_job(serve: Serve, redis: Redis) -> None:
    goes_on = asyncio.Event()

    async def handle(run: Run) -> None:
        await run.progress("Half of it", fraction=0.5)
        await run.progress("Nearly", fraction=0.9)
        await goes_on.wait()

    served = await serve(handle)
    await served.deliver()
    job = await until_noted(served)
    sealed = await redis.hget(served.engine.keys.blobs(job), "details:1")
    assert isinstance(sealed, bytes)
    assert json.loads(served.engine.open(sealed)) == {"message": "Nearly", "fraction": 0.9}
    goes_on.set()
    assert [row.event for row in (await served.finishes()).history] == ["enqueued", "claimed", "noted", "succeeded"]


async def until_noted(served: Served) -> str:
    """The id of the job, once it has been noted twice."""

    async def look() -> str | None:
        job = await served.event_job()
        return job.id if job.version >= 4 else None

    return await eventually(look)


async def test_once_the_job_is_somebody_elses_nothing_is_noted(serve: Serve, effects: Effects) -> None:
    refused: list[str] = []
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def handle(run: Run) -> None:
        begun.set()
        await goes_on.wait()
        for noting in (run.progress("canary"), run.once("number", effects.number)):
            try:
                await noting
            except LostLease as error:
                refused.append(error.state)

    served = await serve(handle)
    await served.deliver()
    await until(begun.is_set)
    await served.engine.cancel((await served.event_job()).id, reason=Reason.OPERATOR)
    goes_on.set()
    await until(lambda: len(refused) == 2)
    assert refused == ["cancelled", "cancelled"]


async def test_a_try_that_failed_leaves_its_pieces_to_the_next(serve: Serve, effects: Effects) -> None:
    async def handle(run: Run) -> Done:
        badge = await run.once("badge", effects.badge, f"attempt {run.attempt}")
        if run.attempt == 1:
            raise TimeoutError
        return Done(f"Badge {badge.number}")

    served = await serve(handle)
    await served.deliver()
    await served.finishes(by=timedelta(hours=1))
    assert effects.made == ["badge attempt 1"]
    assert (await served.settled())["status_message"] == "Badge 7"
