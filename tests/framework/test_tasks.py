"""Tasks: enqueued from everywhere, run by the plugin's workers, and made once however often their maker runs."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from envoy_plugin import (
    BadArguments,
    Config,
    Done,
    Entry,
    EnvoyPluginAPI,
    EnvoyPluginJob,
    Event,
    Failed,
    GlobalStorage,
    JobNotFound,
    NotRunning,
    Option,
    Plugin,
    Retry,
    Route,
    Routes,
    Run,
    Snooze,
    Storage,
    Text,
    open_plugin,
)
from envoy_plugin.engine.model import Job
from envoy_plugin.engine.queries import find_record
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.engine.verbs import Cancel, Unhold
from envoy_plugin.serving import queues_of
from tests.framework.served import Served, Stage, a_webhook, eventually, settings_for

HOUR = timedelta(hours=1)


class DoorConfig(Config):
    group: str = "Visitors"


@dataclass(frozen=True)
class Badge:
    """An argument of more than one field."""

    number: int
    until: datetime


class Printer:
    """Something that is provided."""

    def __init__(self) -> None:
        self.printed: list[Any] = []


@pytest.fixture
def printer() -> Printer:
    return Printer()


@pytest.fixture
def plugin(printer: Printer) -> Plugin:
    plugin = Plugin("visitor-doors", config=DoorConfig)

    @plugin.provides
    async def printers() -> Printer:
        return printer

    return plugin


async def the_tasks(served: Served) -> list[Job]:
    return [job for job in await served.jobs() if job.kind.startswith("task:")]


async def ended(served: Served, count: int = 1) -> list[Job]:
    """So many tasks, once all of them are over; times pass at once."""

    async def look() -> list[Job]:
        await served.passes(2 * HOUR)
        jobs = await the_tasks(served)
        return jobs if len(jobs) == count and all(job.state.ended for job in jobs) else []

    return await eventually(look)


async def test_a_task_is_called_with_its_arguments_and_with_what_it_asks_for(
    stage: Stage, plugin: Plugin, printer: Printer
) -> None:
    badge = Badge(7, datetime(2026, 11, 21, tzinfo=UTC))

    @plugin.task()
    async def print_badge(printer: Printer, badge: Badge, copies: int = 1, *, run: Run, api: EnvoyPluginAPI) -> Done:
        printer.printed.append((badge, copies, run.attempt, run.kind, type(api)))
        return Done("Printed")

    served = await stage.serve(plugin)
    made = await print_badge.enqueue(badge)
    [job] = await ended(served)
    assert (made.id, made.created) == (job.id, True)
    assert printer.printed == [(badge, 1, 1, "task:print_badge", EnvoyPluginAPI)]
    assert (job.state, job.kind, job.queue, job.install, job.owes) == (
        State.SUCCEEDED, "task:print_badge", "tasks", "-", None,
    )  # fmt: skip


async def test_a_task_is_a_plain_function_in_a_unit_test(plugin: Plugin, printer: Printer) -> None:
    @plugin.task()
    async def print_badge(number: int, *, printer: Printer) -> Done:
        printer.printed.append(number)
        return Done(f"Badge {number}")

    assert inspect.isfunction(print_badge)
    assert inspect.iscoroutinefunction(print_badge)
    assert await print_badge(7, printer=printer) == Done("Badge 7")
    assert printer.printed == [7]


Enqueues = Callable[[], Awaitable[Any]]


@pytest.fixture
def enqueues(plugin: Plugin) -> Enqueues:
    """Enqueues a task that asks for all that an install has; every kind of function below calls it."""

    @plugin.task(retries=0)
    async def store(number: int, config: DoorConfig, storage: Storage, everybody: GlobalStorage) -> None: ...

    return lambda: store.enqueue(7)


async def test_a_task_has_the_install_of_the_handler_that_enqueues_it(
    stage: Stage, plugin: Plugin, enqueues: Enqueues
) -> None:
    @plugin.on("entry_sign_in")
    async def inline(entry: Entry) -> None:
        await enqueues()

    @plugin.on("entry_sign_out", background=True)
    async def background(entry: Entry) -> None:
        await enqueues()

    @plugin.options("groups")
    async def step(route: Route) -> list[Option]:
        await enqueues()
        return []

    served = await stage.serve(plugin)
    await served.post(a_webhook().body)
    await served.post(a_webhook("entry_sign_out", job="job-2").body)
    body = b'{"meta": {"route": "groups", "install_id": "1001", "plugin_id": "p", "params": {}}}'
    await served.post(body, path="/envoy/routes/options/groups")
    assert [(job.install, job.state) for job in await ended(served, 3)] == [("1001", State.SUCCEEDED)] * 3


async def test_a_task_has_the_install_and_the_job_at_envoy_of_the_task_that_enqueues_it(
    stage: Stage, plugin: Plugin
) -> None:
    @plugin.task()
    async def tell(job: EnvoyPluginJob) -> None:
        await job.update("Printing")

    @plugin.task()
    async def pass_on() -> None:
        await tell.enqueue()

    @plugin.on("entry_sign_in", background=True)
    async def begin() -> None:
        await pass_on.enqueue()

    served = await stage.serve(plugin)
    await served.deliver()
    jobs = await ended(served, 2)
    assert {(job.install, job.state) for job in jobs} == {("1001", State.SUCCEEDED)}
    assert "Printing" in [update.get("status_message") for update in served.updates()]


async def test_outside_of_a_handler_an_install_can_be_named(stage: Stage, plugin: Plugin, enqueues: Enqueues) -> None:
    served = await stage.serve(plugin)
    with pytest.raises(BadArguments, match=r"store asks for DoorConfig, which belongs to an install: .* install=…"):
        await enqueues()
    await plugin.tasks["store"].function.enqueue(7, install="1001")  # type: ignore[attr-defined]  # it is the task
    assert [job.install for job in await ended(served)] == ["1001"]


async def test_without_an_event_there_is_no_job_at_envoy(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def tell(job: EnvoyPluginJob) -> None: ...

    await stage.serve(plugin)
    with pytest.raises(BadArguments, match=r"tell asks for EnvoyPluginJob: .* while an event that has a job at Envoy"):
        await tell.enqueue(install="1001")


async def test_where_no_process_runs_nothing_is_enqueued_and_the_error_says_how(plugin: Plugin) -> None:
    @plugin.task()
    async def tidy() -> None: ...

    routes = Routes()

    @routes.task()
    async def loose() -> None: ...

    with pytest.raises(NotRunning, match=r"no process of visitor-doors runs here. .* open_plugin\(plugin\)"):
        await tidy.enqueue()
    with pytest.raises(NotRunning, match="no plugin includes the routes"):
        await loose.enqueue()


async def test_a_task_that_came_too_late_says_so(stage: Stage, plugin: Plugin) -> None:
    await stage.serve(plugin)

    @plugin.task()
    async def late() -> None: ...

    with pytest.raises(NotRunning, match="declared after a process of visitor-doors had been opened"):
        await late.enqueue()


async def test_a_script_opens_the_plugin_to_enqueue(stage: Stage, plugin: Plugin, printer: Printer) -> None:
    routes = Routes()

    @routes.task()
    async def print_number(number: int, printer: Printer) -> None:
        printer.printed.append(number)

    plugin.include(routes)
    async with open_plugin(plugin, settings_for(stage.redis_url, stage.envoy)):
        await print_number.enqueue(number=7)
    served = await stage.serve(plugin)
    await ended(served)
    assert printer.printed == [7]


async def test_another_plugins_handler_enqueues_through_the_tasks_own_plugin(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def tidy() -> None: ...

    other = Plugin("other-doors")

    @other.on("entry_sign_in")
    async def enqueue() -> None:
        await tidy.enqueue()

    served, others = await stage.serve(plugin, worker=False), await stage.serve(other, worker=False)
    await others.deliver()
    assert [(job.kind, job.install) for job in await served.jobs()] == [("task:tidy", "-")]


@pytest.mark.parametrize(
    ("args", "named", "fault"),
    [
        (("seven",), {}, "number: Input should be a valid integer"),
        (("7",), {}, "number: Input should be a valid integer"),
        ((), {}, "missing a required argument: 'number'"),
        ((7, 8), {}, "too many positional arguments"),
        ((7,), {"colour": "red"}, "got an unexpected keyword argument 'colour'"),
        ((7,), {"note": float("nan")}, "would come back from JSON as another value"),
        ((7,), {"note": object()}, "would come back from JSON as another value"),
        ((7,), {"key": ""}, "key is a text"),
        ((7,), {"delay": 5}, "delay is a timedelta"),
        ((7,), {"at": datetime(2026, 1, 1)}, "at is a datetime with a time zone"),  # noqa: DTZ001 - the fault itself
        ((7,), {"at": datetime.now(UTC), "delay": HOUR}, "delay and at exclude each other"),
        ((7,), {"hold": "path"}, "path, run and closing are taken"),
        ((7,), {"priority": 10}, "priority is a whole number from 0 to 9"),
        ((7,), {"after": {"a": "wait"}}, "after names jobs, .* with run, hold, cancel for its failure"),
        ((7,), {"after": [7]}, "after names jobs"),
        ((7,), {"after": "a1"}, "after is a list of jobs"),
    ],
)
async def test_what_a_task_cannot_be_enqueued_with_is_refused_at_once(
    stage: Stage, plugin: Plugin, args: tuple[Any, ...], named: dict[str, Any], fault: str
) -> None:
    @plugin.task()
    async def print_number(number: int, *, note: Any = None) -> None: ...

    served = await stage.serve(plugin, worker=False)
    with pytest.raises(BadArguments, match=fault):
        await print_number.enqueue(*args, **named)
    assert await served.jobs() == []


async def test_redis_holds_no_argument_that_can_be_read(stage: Stage, plugin: Plugin, redis: Redis) -> None:
    @plugin.task()
    async def greet(name: str) -> None: ...

    served = await stage.serve(plugin, worker=False)
    made = await greet.enqueue("canary")
    payload = await redis.get(served.engine.keys.payload(made.id))
    assert isinstance(payload, bytes)
    assert b"canary" not in payload
    assert served.engine.open(payload) == b'{"v":1,"envoy_job":null}\n{"name":"canary"}'


async def test_a_handler_that_runs_again_makes_its_tasks_once(stage: Stage, plugin: Plugin, printer: Printer) -> None:
    @plugin.task()
    async def print_number(number: int, printer: Printer) -> None:
        printer.printed.append(number)

    ids: list[list[str]] = []

    @plugin.on("entry_sign_in", background=True)
    async def print_all(run: Run) -> Done:
        ids.append([(await print_number.enqueue(number)).id for number in range(3)])
        if run.attempt == 1:
            raise Retry
        return Done()

    served = await stage.serve(plugin)
    await served.deliver()
    await ended(served, 3)
    await served.finishes()
    assert ids[0] == ids[1]
    assert sorted(printer.printed) == [0, 1, 2]


async def test_an_inline_handler_makes_a_task_for_each_of_its_runs(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def tidy() -> None: ...

    @plugin.on("entry_sign_in")
    async def enqueue() -> None:
        await tidy.enqueue()

    served = await stage.serve(plugin, worker=False)
    for job in ("a", "b"):
        await served.deliver(job=job)
    assert len(await served.jobs()) == 2


async def test_a_key_is_one_job_of_an_install_until_that_is_over(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def sync(door: str) -> None: ...

    served = await stage.serve(plugin, worker=False)
    first, second = [await sync.enqueue("north", key="north", install="1001") for _ in range(2)]
    other = await sync.enqueue("north", key="north", install="1002")
    assert (first.created, second.created, second.id, other.created) == (True, False, first.id, True)
    await served.engine.run(Cancel(id=first.id, reason=Reason.OPERATOR))
    assert (await sync.enqueue("north", key="north", install="1001")).created


async def test_a_task_waits_for_its_time(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def later() -> None: ...

    served = await stage.serve(plugin, worker=False)
    await later.enqueue(delay=HOUR)
    await later.enqueue(at=datetime.now(UTC) + HOUR)
    waits = [(job.due - job.created, job.state) for job in await served.jobs() if job.due]
    assert [(round(wait / HOUR, 2), state) for wait, state in waits] == [(1, State.SCHEDULED)] * 2


async def test_a_task_waits_for_others_for_a_hold_and_in_its_lane(stage: Stage, plugin: Plugin) -> None:
    @plugin.task(lane="door:{door}")
    async def open_door(door: int, wide: bool = False) -> None: ...  # noqa: FBT001, FBT002 - a task's argument

    served = await stage.serve(plugin, worker=False)
    first = await open_door.enqueue(7)
    second = await open_door.enqueue(7)
    other = await open_door.enqueue(8, after=[first], hold="key", priority=9)
    third = await open_door.enqueue(9, after={first: "run", second.id: "cancel"})
    jobs = {job.id: job for job in await served.jobs()}
    assert (jobs[first.id].lane, jobs[second.id].gates.before) == ("-:door:7", first.id)
    gates = jobs[other.id].gates
    assert (gates.upstreams, gates.holds, jobs[other.id].priority) == ({first.id: "hold"}, {"key": None}, 9)
    assert jobs[third.id].gates.upstreams == {first.id: "run", second.id: "cancel"}


async def test_tasks_of_a_lane_run_in_the_order_in_which_they_were_enqueued(
    stage: Stage, plugin: Plugin, printer: Printer
) -> None:
    @plugin.task(lane="all", retries=1)
    async def print_number(number: int, printer: Printer, run: Run) -> None:
        if number == 1 and run.attempt == 1:
            raise Retry
        printer.printed.append(number)

    served = await stage.serve(plugin, worker=False)
    jobs = [await print_number.enqueue(number) for number in range(4)]
    held = await print_number.enqueue(4, after=jobs, hold="gate")
    await stage.serve(plugin)
    await eventually(lambda: waits_for_its_hold(served, held.id))
    await served.engine.run(Unhold(id=held.id, hold="gate"))
    await ended(served, 5)
    assert printer.printed == [0, 1, 2, 3, 4]


async def waits_for_its_hold(served: Served, job_id: str) -> bool:
    await served.passes(2 * HOUR)
    [job] = [job for job in await served.jobs() if job.id == job_id]
    return not job.gates.upstreams


async def test_what_is_waited_for_must_be_there(stage: Stage, plugin: Plugin) -> None:
    @plugin.task()
    async def tidy() -> None: ...

    served = await stage.serve(plugin, worker=False)
    with pytest.raises(JobNotFound, match="nobody"):
        await tidy.enqueue(after=["nobody"])
    assert await served.jobs() == []


@pytest.mark.parametrize(
    ("says", "state", "reason", "attempt"),
    [
        (Done("In", Text("PIN", "7")), State.SUCCEEDED, None, 1),
        ({"printed": 7}, State.SUCCEEDED, None, 1),
        (Failed("No"), State.FAILED, Reason.REJECTED, 1),
        (Retry("Busy"), State.FAILED, Reason.ERROR, 3),
        (7, State.FAILED, Reason.ERROR, 3),
    ],
)
async def test_what_a_task_says_ends_its_job(
    stage: Stage, plugin: Plugin, says: Any, state: State, reason: str | None, attempt: int
) -> None:
    @plugin.task(retries=2)
    async def speak() -> Any:
        return says

    served = await stage.serve(plugin)
    await speak.enqueue()
    [job] = await ended(served)
    assert (job.state, job.reason, job.attempt) == (state, reason, attempt)


async def test_a_snooze_of_a_task_spends_nothing_and_a_late_one_times_out(stage: Stage, plugin: Plugin) -> None:
    @plugin.task(retries=0)
    async def snooze(run: Run) -> None:
        if not await run.once("slept", slept):
            raise Snooze(HOUR)

    async def slept() -> bool:
        return True

    @plugin.task(retries=0, timeout=timedelta(milliseconds=50))
    async def hang() -> None:
        await asyncio.Event().wait()

    served = await stage.serve(plugin)
    await snooze.enqueue()
    await hang.enqueue()
    first, second = await ended(served, 2)
    assert (first.state, first.attempt) == (State.SUCCEEDED, 1)
    assert (second.state, second.reason) == (State.FAILED, Reason.TIMEOUT)


async def test_on_error_is_told_of_a_tasks_error_with_its_run(stage: Stage, plugin: Plugin) -> None:
    told: list[Any] = []

    @plugin.on_error
    async def tell(error: Exception, about: Event | Route | Run) -> Failed:
        told.append((type(error), about))
        return Failed("No")

    @plugin.task()
    async def fail() -> None:
        raise LookupError

    served = await stage.serve(plugin)
    made = await fail.enqueue()
    [job] = await ended(served)
    [(error, about)] = told
    assert (error, about.id, about.kind) == (LookupError, made.id, "task:fail")
    assert (job.state, job.reason) == (State.FAILED, Reason.REJECTED)


UNREADABLE = ["no task", "another argument", "another type", "a later version"]


@pytest.mark.parametrize("why", UNREADABLE)
async def test_a_task_that_this_release_cannot_read_fails_and_says_so(
    stage: Stage, plugin: Plugin, redis: Redis, why: str
) -> None:
    @plugin.task(retries=0)
    async def greet(name: str) -> None: ...

    served = await stage.serve(plugin, worker=False)
    made = await greet.enqueue("Ada")
    if why == "a later version":
        await redis.set(served.engine.keys.payload(made.id), served.engine.seal(b'{"v":2}\n{"name":"Ada"}'))
    release = plugin if why == "a later version" else Plugin("visitor-doors")
    if why == "no task":
        release.task()(takes_another)
    elif why == "another argument":
        release.task(name="greet")(takes_another)
    elif why == "another type":
        release.task(name="greet")(takes_a_number)
    await stage.serve(release)
    [job] = await ended(served)
    assert (job.state, job.reason) == (State.FAILED, Reason.UNREADABLE)


async def takes_another(whom: str) -> None: ...
async def takes_a_number(name: int) -> None: ...
async def takes_one_more(name: str, polite: str = "very") -> Done:
    return Done(f"{polite}: {name}")


async def test_an_argument_with_a_default_may_come_with_a_release(stage: Stage, plugin: Plugin) -> None:
    @plugin.task(retries=0)
    async def greet(name: str) -> None: ...

    served = await stage.serve(plugin, worker=False)
    made = await greet.enqueue("Ada")
    release = Plugin("visitor-doors")
    release.task(name="greet")(takes_one_more)
    await stage.serve(release)
    await ended(served)
    outcome = (await find_record(served.engine, made.id, 1)).outcome
    assert outcome == b'{"status":"done","message":"very: Ada"}'


async def test_workers_claim_from_every_queue_of_tasks(stage: Stage, plugin: Plugin) -> None:
    @plugin.task(queue="slow")
    async def dig() -> None: ...

    @plugin.task()
    async def tidy() -> None: ...

    served = await stage.serve(plugin)
    await dig.enqueue()
    assert [job.queue for job in await ended(served)] == ["slow"]
    queues = queues_of(plugin)
    assert {"events", "slow", "tasks", "report"} <= set(queues)
    assert len(set(queues)) == len(queues)
