"""Workflows in a plugin: defined in code, started by an event, done by the plugin's functions; Envoy hears the end."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest

from envoy_plugin import (
    Config,
    Done,
    Entry,
    EnvoyPluginJob,
    EnvoyUserAPI,
    Event,
    Failed,
    Ignored,
    Invite,
    JobsManager,
    Ongoing,
    Plugin,
    Routes,
    Run,
    Snooze,
    Step,
    Template,
    Text,
    WorkflowHandle,
    Workflows,
)
from envoy_plugin.engine.queries import find_job
from envoy_plugin.engine.verbs import Enqueue
from envoy_plugin.errors import BadDiagram, DeclarationError
from envoy_plugin.testing import LocalEnvoy
from envoy_plugin.testing.local_envoy import local_envoy
from envoy_plugin.worker import steps

VISIT = Template.of(
    "visit",
    Step.function("access", "provision_access", then={"badge": "result.granted", "desk": "not result.granted"}),
    Step.manual("desk", assigned="group:front-desk", then="badge"),
    Step.function("badge", "print_badge", retries=1),
)


class DoorConfig(Config):
    group: str = "Visitors"


def visit_plugin() -> Plugin:
    plugin, steps_ = Plugin("test-visits", config=DoorConfig), Routes()
    plugin.workflow(VISIT)

    @plugin.on("entry_sign_in", background=True)
    async def start(entry: Entry, workflows: Workflows) -> Ongoing:
        started = await workflows.start(VISIT, input={"name": entry.full_name}, key=f"visit:{entry.id}")
        return Ongoing("The visit has begun", after=started)

    @plugin.step("provision_access")
    async def provision(entry: Entry, config: DoorConfig, workflow: WorkflowHandle) -> dict[str, Any]:
        return {"granted": entry.full_name != "Mallory", "group": config.group, "input": workflow.input}

    @steps_.step("print_badge")
    async def print_badge(workflow: WorkflowHandle, run: Run, job: EnvoyPluginJob, event: Event) -> Done:
        access = await workflow.result("access")
        if access["input"]["name"] == "Trent":
            raise Failed("The printer is on fire")
        if run.attempt == 1 and event.name == "entry_sign_in":
            raise ZeroDivisionError
        await job.update("Printing")
        return Done(f"{access['group']}: {access['input']['name']}", Text("Badge", workflow.step))

    plugin.include(steps_)
    return plugin


@pytest.fixture
async def envoy(envoy_redis_url: str) -> AsyncIterator[LocalEnvoy]:
    async with local_envoy(visit_plugin(), redis_url=envoy_redis_url) as opened:
        yield opened


BERLIN = {"meta.location.attributes.latitude": 52.5, "meta.location.attributes.longitude": 13.4}
PLACES: list[tuple[dict[str, Any], object]] = [
    (BERLIN, [[13.4, 52.5]]),
    ({"meta.location": None}, None),
    (BERLIN | {"meta.location.attributes.latitude": None}, None),
    (BERLIN | {"meta.location.attributes.latitude": 90.0}, None),
    (BERLIN | {"meta.location.attributes.latitude": "north"}, None),
]


@pytest.mark.parametrize(("said", "expected"), PLACES, ids=str)
async def test_a_workflow_is_where_envoy_says_that_the_event_is(
    envoy_redis_url: str, said: dict[str, Any], expected: object
) -> None:
    plugin, found = Plugin("test-places"), list[object]()
    plugin.workflow(Template.of("visit", Step.manual("sign")))

    @plugin.on("entry_sign_in", background=True)
    async def start(workflows: Workflows, jobs: JobsManager) -> None:
        started = await workflows.start("visit")
        place = await jobs.get_job_location(started.id)
        found.append(place and place.to_geojson()["coordinates"])

    async with local_envoy(plugin, redis_url=envoy_redis_url) as envoy:
        await envoy.trigger("entry_sign_in", overrides=said)
        await envoy.work()
    assert found == [expected]


async def test_envoy_is_told_the_end_of_a_workflow_that_its_event_has_started(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("entry_sign_in", full_name="Ada")
    await envoy.work()
    assert envoy.job(delivery).status == "in_progress"
    envoy.tick(timedelta(minutes=1))
    await envoy.drain()
    job = envoy.job(delivery)
    assert (job.status, job.message, job.attachments) == ("done", "Visitors: Ada", {"Badge": "badge"})
    assert job.messages[-3:] == ("The visit has begun", "Printing", "Visitors: Ada")


async def test_a_person_in_between_takes_as_long_as_they_take(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("entry_sign_in", full_name="Mallory", id="9001")
    await envoy.work()
    visit = await envoy.workflows.find("visit:9001")
    assert visit is not None
    assert await visit.current() == ["desk"]
    assert await visit.finish("desk") == "NoStartedStep"
    assert await visit.run("desk") == "Success"
    await envoy.work()
    envoy.tick(timedelta(minutes=1))
    await envoy.drain()
    assert envoy.job(delivery).message == "Visitors: Mallory"


async def test_a_last_step_that_has_decided_that_it_failed_ends_the_visit_so(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("entry_sign_in", full_name="Trent")
    await envoy.drain()
    assert (envoy.job(delivery).status, envoy.job(delivery).message) == ("failed", "The printer is on fire")


@pytest.mark.parametrize(
    ("method", "status", "message"),
    [("delete_jobs", "failed", "The work was deleted"), ("close_jobs", "done", "The visit has begun")],
)
async def test_envoy_is_told_the_end_of_a_workflow_that_operators_end(
    envoy: LocalEnvoy, method: str, status: str, message: str
) -> None:
    delivery = await envoy.trigger("entry_sign_in", full_name="Mallory", id="9001")
    await envoy.work()
    visit = await envoy.workflows.find("visit:9001")
    assert visit is not None
    await getattr(envoy.get(JobsManager), method)([visit.id])
    await envoy.drain()
    assert (envoy.job(delivery).status, envoy.job(delivery).message) == (status, message)


async def test_the_same_event_twice_is_one_workflow(envoy: LocalEnvoy) -> None:
    first = await envoy.trigger("entry_sign_in", full_name="Ada", id="9001")
    await envoy.send(first.sent)
    other = await envoy.trigger("entry_sign_in", full_name="Ada", id="9001")
    await envoy.work()
    envoy.tick(timedelta(minutes=1))
    await envoy.drain()
    assert envoy.job(other).message == envoy.job(first).message == "Visitors: Ada"


def plugin_with(template: Template | None = None) -> Plugin:
    plugin = Plugin("p")
    if template is not None:
        plugin.workflow(template)
    return plugin


def test_a_workflow_in_code_is_refused_with_all_its_faults() -> None:
    with pytest.raises(BadDiagram, match=r"leads to 'c'.*the condition|leads to 'c'.*can't be read"):
        Template.of("t", Step.manual("a", then={"c": "x =="}))
    plugin = plugin_with(Template.of("t", Step.function("a", "fly"), Step.function("b", "swim")))
    with pytest.raises(DeclarationError, match=r"(?s)Workflow 't'.*'fly', which the plugin doesn't have.*'swim'"):
        plugin.check()


def test_a_template_is_named_and_assigned_so_that_it_can_be_found_and_done() -> None:
    with pytest.raises(BadDiagram, match=r"id has 1 to 64 .* not 'a/b'.* can't be assigned to 'ada'.*no such"):
        Template.of("a/b", Step.manual("a", then="c"), assigned="ada")


def test_there_is_one_workflow_of_an_id_and_one_function_of_a_name() -> None:
    plugin = plugin_with(Template.of("t", Step.manual("a")))
    with pytest.raises(DeclarationError, match="two workflows 't'"):
        plugin.workflow(Template.of("t", Step.manual("a")))

    async def function() -> None: ...

    plugin.step("f")(function)
    with pytest.raises(DeclarationError, match="two functions for the step 'f'"):
        plugin.step("f")(function)


def test_decorators_without_brackets_are_refused_where_they_stand() -> None:
    plugin, visit = plugin_with(), cast("Template", asks_for_nothing)
    with pytest.raises(DeclarationError, match=r'@plugin\.step\("print_badge"\), not a function'):
        plugin.step(cast("str", asks_for_nothing))
    with pytest.raises(DeclarationError, match=r"workflow takes a template, .*, not a function"):
        plugin.workflow(visit)


def test_routes_that_were_included_take_no_more() -> None:
    plugin, routes = Plugin("p"), Routes()
    routes.workflow(Template.of("t", Step.manual("a")))
    plugin.include(routes)
    assert list(plugin.templates) == ["t"]
    with pytest.raises(DeclarationError, match="after its routes were included"):
        routes.workflow(Template.of("u", Step.manual("a")))


async def asks_for_nothing() -> None: ...


async def asks_for_a_user(api: EnvoyUserAPI) -> None: ...


async def asks_for_an_outcome(done: Done) -> None: ...


async def asks_for_another_config(config: DoorConfig) -> None: ...


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (asks_for_a_user, "a step acts for no user"),
        (asks_for_an_outcome, "that is nothing a step is given"),
        (asks_for_another_config, "the plugin has none"),
    ],
)
def test_what_a_step_can_not_have_is_said_at_once(function: Any, fault: str) -> None:
    with pytest.raises(DeclarationError, match=fault):
        Plugin("p").step("f")(function)


@pytest.mark.parametrize("name", ["", "a b", 7, "x" * 65])
def test_a_step_has_a_name(name: Any) -> None:
    with pytest.raises(DeclarationError, match="a step's name is 1 to 64"):
        Plugin("p").step(name)(asks_for_nothing)


def test_a_step_has_a_timeout_above_zero() -> None:
    with pytest.raises(DeclarationError, match="above zero"):
        Plugin("p").step("f", timeout=timedelta(0))


def outcomes_plugin(returned: Any) -> Plugin:
    plugin = Plugin("test-outcomes")
    plugin.workflow(
        Template.of(
            "t",
            Step.function("a", "f", retries=0, then={"b": "state == 'succeeded'"}),
            Step.manual("b"),
            closes=False,
        )
    )

    @plugin.on("entry_sign_in")
    async def start(workflows: Workflows) -> None:
        await workflows.start("t", key="k", priority="High")

    @plugin.step("f")
    async def f(run: Run) -> Any:
        result = returned(run)
        if isinstance(result, Exception) and not isinstance(result, Done | Ongoing | Ignored):
            raise result
        return result

    return plugin


def deep(levels: int) -> list[Any]:
    """JSON that can be written, and not be read."""
    return [deep(levels - 1)] if levels else []


@pytest.mark.parametrize(
    ("returned", "current", "stop"),
    [
        (lambda _: None, ["b"], None),
        (lambda _: Ignored("Nothing to do"), ["b"], None),
        (lambda _: Ongoing("Elsewhere"), ["b"], None),
        (lambda _: Ongoing(after="some-job"), ["a"], "failed: error"),
        (lambda _: Failed("No"), ["a"], "failed: rejected"),
        (lambda _: Done(data={"x": object()}), ["a"], "failed: error"),
        (lambda _: {"x": deep(250)}, ["a"], "failed: error"),
        (lambda run: Snooze(timedelta(0)) if run._held.claim == 1 else None, ["b"], None),
    ],
)
async def test_every_outcome_of_a_step_leaves_a_current_step(
    envoy_redis_url: str, returned: Any, current: list[str], stop: str | None
) -> None:
    async with local_envoy(outcomes_plugin(returned), redis_url=envoy_redis_url) as envoy:
        await envoy.trigger("entry_sign_in")
        await envoy.work()
        visit = await envoy.workflows.find("k")
        assert visit is not None
        found = await visit.read()
        assert (found.current, found.walk.stops.get("a"), found.properties["priority"]) == (current, stop, "High")


async def test_a_step_of_a_workflow_that_no_event_started_can_not_have_one(envoy_redis_url: str) -> None:
    plugin = Plugin("test-events")
    plugin.workflow(Template.of("t", Step.function("a", "f"), closes=False))

    @plugin.step("f")
    async def f(invite: Invite) -> None: ...

    async with local_envoy(plugin, redis_url=envoy_redis_url) as envoy:
        visit = await envoy.workflows.start("t")
        await envoy.work()
        assert (await visit.read()).walk.stops == {}
        assert await visit.current() == []


async def test_a_step_whose_function_is_gone_waits_and_says_why(
    envoy_redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = outcomes_plugin(lambda _: None)
    async with local_envoy(plugin, redis_url=envoy_redis_url) as envoy:
        await envoy.trigger("entry_sign_in")
        plugin._steps.clear()
        await envoy.work()
        visit = await envoy.workflows.find("k")
        assert visit is not None
        assert (await visit.read()).walk.stops == {"a": "failed: unreadable"}
    assert "template=t step=a function=f" in caplog.text


async def test_who_is_not_answered_in_time_asks_somebody_else(envoy_redis_url: str) -> None:
    plugin = Plugin("test-escalation")
    minutes, then = timedelta(minutes=10), {"desk": "reason == 'timeout'"}
    ask = Step.question("host", "Shall they come up?", answers=["Yes"], timeout=minutes, then=then)
    plugin.workflow(Template.of("t", ask, Step.manual("desk")))
    async with local_envoy(plugin, redis_url=envoy_redis_url) as envoy:
        visit = await envoy.workflows.start("t")
        envoy.tick(timedelta(minutes=10))
        await envoy.work()
        assert await visit.current() == ["desk"]


def looping_plugin(done: list[str]) -> Plugin:
    """Its step comes three times, in a loop; each time the first try fails when it has made and recorded all."""
    plugin = Plugin("test-loops")
    plugin.workflow(Template.of("other", Step.manual("a")))
    then = {"a": "result.times < 3", "b": "result.times == 3"}
    plugin.workflow(Template.of("t", Step.function("a", "f", then=then), Step.function("b", "f", proceeds=False)))

    async def effect() -> int:
        done.append("effect")
        return done.count("effect")

    @plugin.step("f")
    async def f(run: Run, workflows: Workflows) -> dict[str, int]:
        times = await run.once("effect", effect)
        other = await workflows.start("other")
        if other.created:
            done.append(f"try {run.attempt}")
            raise ZeroDivisionError
        return {"times": times}

    return plugin


async def test_a_step_that_is_done_anew_has_its_effects_anew_and_a_try_of_it_has_not(envoy_redis_url: str) -> None:
    done: list[str] = []
    async with local_envoy(looping_plugin(done), redis_url=envoy_redis_url) as envoy:
        visit = await envoy.workflows.start("t")
        for _ in range(5):
            await envoy.work()
            envoy.tick(timedelta(minutes=1))
        assert (await visit.current(), Counter(done)) == (["b"], {"effect": 4, "try 1": 4})
        assert await visit.run("b") == "Success"
        for _ in range(2):
            await envoy.work()
            envoy.tick(timedelta(minutes=1))
        assert Counter(done) == {"effect": 5, "try 1": 5}


async def test_a_step_that_is_in_no_workflow_fails(envoy_redis_url: str) -> None:
    async with local_envoy(Plugin("test-lost"), redis_url=envoy_redis_url) as envoy:
        engine = envoy._parts.runtime.engine
        lost = await engine.enqueue(Enqueue(queue="steps", kind="step"))
        await envoy.work()
        assert (await find_job(engine, lost.id)).reason == "unreadable"


async def test_what_follows_is_left_to_the_follow_up_where_a_workflow_is_changed_all_the_time(
    envoy_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> bool:
        return False

    monkeypatch.setattr(steps, "end_step", never)
    async with local_envoy(outcomes_plugin(lambda _: None), redis_url=envoy_redis_url) as envoy:
        await envoy.trigger("entry_sign_in")
        await envoy.work()
        visit = await envoy.workflows.find("k")
        assert visit is not None
        assert await visit.current() == ["b"]
