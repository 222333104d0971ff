"""What a plugin's author has at hand in a test: events, answers, Envoy's jobs, faults, and time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from envoy_plugin import (
    Config,
    Done,
    Entry,
    EnvoyPluginJob,
    Failed,
    Ignored,
    Invite,
    Json,
    Link,
    Meta,
    Option,
    Options,
    Plugin,
    Reject,
    Run,
    Snooze,
    Text,
)
from envoy_plugin.simulator.installs import INSTALLS
from envoy_plugin.simulator.overrides import UnknownPath
from envoy_plugin.testing import LocalEnvoy, Unfinished
from envoy_plugin.testing.local_envoy import local_envoy

MINUTE = timedelta(minutes=1)
MONTH = timedelta(days=31)


class DoorConfig(Config):
    group: str = "Visitors"


class Doors:
    """Counts the badges."""

    def __init__(self) -> None:
        self.issued: list[str | None] = []


def doors_plugin() -> Plugin:  # noqa: C901 - a plugin is many small handlers
    plugin = Plugin("test-doors", config=DoorConfig)

    @plugin.provides
    async def doors() -> Doors:
        return Doors()

    @plugin.on("entry_sign_in", background=True)
    async def hand_out(entry: Entry, config: DoorConfig, doors: Doors, job: EnvoyPluginJob) -> Done:
        doors.issued.append(entry.full_name)
        await job.update("Printing")
        return Done(f"{config.group}: {entry.full_name}", Text("Badge", "A-17"), Json("Doors", ["north"]))

    @plugin.on("entry_sign_out")
    async def close(entry: Entry) -> Done:
        if entry.full_name == "Nobody":
            raise Ignored("Nobody has left")
        if entry.full_name == "Mallory":
            raise Failed("Not this one", "On a list")
        if entry.full_name == "Bug":
            raise ZeroDivisionError
        return Done("Closed", Link("Map", "the way out", "https://maps.example/1"))

    @plugin.on("invite_created", background=True, retries=1)
    async def expect(invite: Invite, run: Run) -> Done:
        if run.attempt == 1:
            raise ZeroDivisionError
        return Done(f"Expected on attempt {run.attempt}")

    @plugin.options("groups")
    async def groups(config: DoorConfig, search: str | None) -> Options:
        return Options([Option(f"{search} of {config.group}", "g-1")], cursor="next")

    @plugin.validation("choice")
    async def choice(form: DoorConfig) -> DoorConfig:
        if form.group == "Everybody":
            raise Reject("Not everybody")
        return form

    @plugin.on("invite_removed", background=True)
    async def snooze(invite: Invite, meta: Meta) -> Done:
        raise Snooze(timedelta(0))

    return plugin


@pytest.fixture
async def envoy(envoy_redis_url: str) -> AsyncIterator[LocalEnvoy]:
    async with local_envoy(doors_plugin(), redis_url=envoy_redis_url) as opened:
        yield opened


async def test_a_background_event_is_ongoing_until_it_is_drained(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("entry_sign_in", full_name="Ada")
    assert (delivery.status, delivery.ongoing, delivery.done) == (202, True, False)
    assert envoy.job(delivery).status == "in_progress"
    await envoy.drain()
    job = envoy.job(delivery)
    assert (job.status, job.message, job.reason) == ("done", "Visitors: Ada", None)
    assert job.attachments == {"Badge": "A-17", "Doors": ["north"]}
    assert job.messages[-2:] == ("Printing", "Visitors: Ada")


@pytest.mark.parametrize(
    ("name", "outcome", "status"), [("Nobody", "ignored", 400), ("Mallory", "failed", 412), ("Bug", "failed", 500)]
)
async def test_an_inline_answer_is_read_as_envoy_reads_it(
    envoy: LocalEnvoy, name: str, outcome: str, status: int
) -> None:
    delivery = await envoy.trigger("entry_sign_out", full_name=name)
    read = {word for word in ("done", "ongoing", "ignored", "failed") if getattr(delivery, word)}
    assert (delivery.status, read) == (status, {outcome})
    assert envoy.job(delivery).status == outcome
    assert delivery.message == envoy.job(delivery).message


async def test_what_an_inline_answer_says_beyond_its_status_comes_with_its_report(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("entry_sign_out")
    assert delivery.done
    assert envoy.job(delivery).attachments == {}
    await envoy.drain()
    [link] = envoy.job(delivery).raw_attachments
    assert (link["type"], link["url"]) == ("link", "https://maps.example/1")


async def test_the_config_is_that_of_the_install(envoy: LocalEnvoy) -> None:
    envoy.config = {"group": "Staff"}
    envoy.install("2002", {"group": "Guests"})
    ours = await envoy.trigger("entry_sign_in", full_name="Ada")
    theirs = await envoy.trigger("entry_sign_in", full_name="Ada", install_id="2002")
    newcomers = await envoy.trigger("entry_sign_in", full_name="Ada", install_id="3003")
    await envoy.drain()
    messages = [envoy.job(delivery).message for delivery in (ours, theirs, newcomers)]
    assert messages == ["Staff: Ada", "Guests: Ada", "Visitors: Ada"]
    assert (envoy.config, envoy.platform[INSTALLS].config("3003")) == ({"group": "Staff"}, {})


async def test_every_event_is_about_another_visitor_and_a_seed_about_the_same(envoy: LocalEnvoy) -> None:
    for seed in (None, None, 1):
        await envoy.trigger("entry_sign_in", seed=seed)
    await envoy.drain()
    first, second, again = envoy.provided(Doors).issued
    assert first == again != second


async def test_the_same_job_or_the_same_bytes_are_the_same_event(envoy: LocalEnvoy) -> None:
    first = await envoy.trigger("entry_sign_in", job_id="4711")
    await envoy.trigger("entry_sign_in", job_id="4711")
    again = await envoy.send(first.sent)
    await envoy.drain()
    assert (again.status, again.event, again.job_id) == (202, "entry_sign_in", "4711")
    assert len(envoy.provided(Doors).issued) == 1


async def test_a_retry_is_left_unfinished_until_time_has_moved(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("invite_created")
    with pytest.raises(Unfinished, match=r"invite_created, install 1001: scheduled, attempt 2 \(before: error\), due"):
        await envoy.drain()
    before = envoy.now
    envoy.tick(MINUTE)
    assert MINUTE <= envoy.now - before < 2 * MINUTE
    await envoy.drain()
    assert envoy.job(delivery).message == "Expected on attempt 2"


async def test_a_report_that_waits_is_called_one(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("entry_sign_out")
    envoy.fail_next(429, retry_after=600)
    with pytest.raises(Unfinished, match="the report to Envoy, install 1001: scheduled, attempt 2"):
        await envoy.drain()
    envoy.tick(10 * MINUTE)
    await envoy.drain()
    assert [row.status for row in envoy.requests()] == [429, 200]
    assert envoy.job(delivery).message == "Closed"


async def test_a_fault_within_a_call_is_tried_again_at_once(envoy: LocalEnvoy) -> None:
    envoy.fail_next(503, times=2)
    envoy.fail_next(404, path="/nowhere")
    await envoy.trigger("entry_sign_in")
    await envoy.drain()
    assert [row.status for row in envoy.requests()][:3] == [503, 503, 200]


async def test_envoy_can_be_down_and_up_again(envoy: LocalEnvoy) -> None:
    envoy.down()
    delivery = await envoy.trigger("entry_sign_in")
    await envoy.work()
    assert envoy.job(delivery).status == "in_progress"
    envoy.up()
    envoy.tick(MINUTE)
    await envoy.drain()
    assert envoy.job(delivery).status == "done"


async def test_a_token_ends_when_its_time_has_passed(envoy: LocalEnvoy) -> None:
    for _ in range(2):
        await envoy.trigger("entry_sign_in")
        await envoy.drain()
        envoy.tick(MONTH)
    assert len(envoy.requests("/a/auth/v0/token")) == 2
    assert {row.status for row in envoy.requests()} == {200}


async def test_a_handler_that_never_ends_is_an_error(envoy: LocalEnvoy) -> None:
    await envoy.trigger("invite_removed")
    with pytest.raises(Unfinished, match="invite_removed ran 100 times and is due again"):
        await envoy.drain()


async def test_overrides_reach_everything(envoy: LocalEnvoy) -> None:
    overrides = {"meta.config": {"group": "Staff"}, "attributes.full-name": "Zoë"}
    delivery = await envoy.trigger("entry_sign_in", overrides=overrides)
    await envoy.drain()
    assert envoy.job(delivery).message == "Staff: Zoë"
    with pytest.raises(UnknownPath, match=r"Did you mean attributes\.full-name"):
        await envoy.trigger("entry_sign_in", overrides={"attributes.full_name": "Zoë"})


async def test_a_misspelt_field_sends_nothing(envoy: LocalEnvoy) -> None:
    with pytest.raises(TypeError, match="Did you mean full_name"):
        await envoy.trigger("entry_sign_in", ful_name="Ada")
    await envoy.drain()
    assert envoy.requests("/") == []


async def test_what_nobody_knows_is_a_lookup_error(envoy: LocalEnvoy) -> None:
    delivery = await envoy.trigger("entry_sign_in", overrides={"meta.job": None})
    with pytest.raises(LookupError, match="Envoy knows no job None"):
        envoy.job(delivery)
    with pytest.raises(LookupError, match="Nothing provides datetime"):
        envoy.provided(datetime)


async def test_time_does_not_go_back(envoy: LocalEnvoy) -> None:
    with pytest.raises(ValueError, match="Time goes forward"):
        envoy.tick(-MINUTE)
    assert abs(envoy.now - datetime.now(UTC)) < MINUTE


async def test_a_setup_step_is_asked_and_changes_the_config_as_at_envoy(envoy: LocalEnvoy) -> None:
    refused = await envoy.route("validation", "choice", group="Everybody")
    assert (refused.failed, refused.status, refused.message) == (True, 412, "Not everybody")
    assert (refused.fault, envoy.config) == (None, {})
    assert (await envoy.route("validation", "choice", group="Staff")).done
    assert envoy.config == {"group": "Staff"}
    found = await envoy.route("options", "groups", search="all")
    assert found.body == {"data": [{"label": "all of Staff", "value": "g-1"}], "cursor": found.cursor}
    assert found.cursor == "next"


async def test_a_question_that_no_route_answers_has_failed(envoy: LocalEnvoy) -> None:
    answer = await envoy.route("options", "doors", search="sta")
    assert (answer.status, answer.failed, answer.cursor) == (404, True, None)
    assert answer.fault == "404 isn't an answer of the step."
    with pytest.raises(ValueError, match="dropdown"):
        await envoy.route("dropdown", "groups")
