"""Setup steps over real HTTP: every kind, its refusals, and what the installer and the log get to read."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from envoy_plugin import (
    Config,
    Done,
    EnvoyPluginAPI,
    EnvoyUserAPI,
    Event,
    Failed,
    Option,
    Options,
    Plugin,
    Reject,
    Route,
    RouteMeta,
    Run,
    Secret,
)
from envoy_plugin.simulator.faults import FAULTS, Fault
from envoy_plugin.simulator.payloads import RouteKind, build_route
from tests.framework.served import Reply, Served, Stage, a_webhook

GROUPS = ("Back door", "Front door", "Staff")
CANARY = "canary-api-key"


class DoorConfig(Config):
    api_key: Secret
    group: str = ""


class Doors:
    """What a plugin provides."""

    async def ping(self, key: str) -> bool:
        return key != "revoked"


plugin = Plugin("visitor-doors", config=DoorConfig)


@plugin.provides
async def doors() -> AsyncIterator[Doors]:
    yield Doors()


@plugin.validation("credentials")
async def credentials(form: DoorConfig, doors: Doors) -> DoorConfig:
    if not await doors.ping(form.api_key.reveal()):
        raise Reject("The door system rejected this API key.")
    return form


@plugin.options("groups")
async def groups(config: DoorConfig, search: str | None, cursor: str | None) -> Options:
    found = [name for name in GROUPS if (search or "").lower() in name.lower()]
    start = int(cursor or 0)
    more = str(start + 2) if start + 2 < len(found) else None
    assert config.api_key.reveal()
    return Options([Option(name, name[0], disabled=name == "Staff") for name in found[start : start + 2]], more)


@plugin.selected_values("groups")
async def labels(values: tuple[str, ...]) -> list[Option]:
    return [Option(name, name[0]) for name in GROUPS if name[0] in values]


@plugin.remote_value("greeting")
async def greeting(meta: RouteMeta) -> str | None:
    return f"Welcome to {meta.install_id}"


@plugin.migration("to-2")
async def migrate(config: DoorConfig, meta: RouteMeta) -> dict[str, Any]:
    return {"api_key": config.api_key, "group": config.group or str(meta.config.get("door", ""))}


@plugin.validation("as-it-is")
async def as_it_is(form: dict[str, Any]) -> None:
    assert form["api_key"]


@plugin.options("crash")
async def crash(route: Route) -> list[Option]:
    raise LookupError(CANARY)


@plugin.options("wrong")
async def wrong(page: int | None) -> str:
    return CANARY


@plugin.options("slow", timeout=timedelta(milliseconds=20))
async def slow() -> list[Option]:
    await asyncio.Event().wait()
    return []


@plugin.validation("done")
async def done() -> Done:
    return Done("This would be saved")


@plugin.validation("failed")
async def failed() -> Failed:
    return Failed("Not today", "closed")


@plugin.options("employees")
async def employees(user: EnvoyUserAPI) -> list[Option]:
    me = await user.me()
    return [Option(me.full_name or "?", me.id)]


@plugin.options("own")
async def own(api: EnvoyPluginAPI, meta: RouteMeta) -> list[Option]:
    return [Option(key, key) for key in await api.get_config(meta.install_id)]


@plugin.on("entry_sign_in")
async def signed_in(event: Event) -> None: ...


@pytest.fixture
async def served(stage: Stage) -> Served:
    return await stage.serve(plugin, worker=False)


async def ask(served: Served, kind: str, name: str, **about: Any) -> Reply:
    """What the plugin answers to a question of Envoy's installer."""
    meta = about.pop("meta", {})
    webhook = build_route(RouteKind(kind), f"step-0-{name}", seed=1, **about)
    webhook.document["meta"] |= meta
    return await served.post(webhook.body, path=f"/envoy/routes/{kind}/{name}")


CONFIG = {"api_key": CANARY}


@pytest.mark.parametrize(
    ("kind", "name", "about", "body"),
    [
        ("selected-values", "groups", {"params": {"value": "B"}}, [{"label": "Back door", "value": "B"}]),
        (
            "selected-values",
            "groups",
            {"params": {"value": ["F", "S"]}},
            [{"label": "Front door", "value": "F"}, {"label": "Staff", "value": "S"}],
        ),
        ("remote-value", "greeting", {}, {"value": "Welcome to 1001"}),
        ("migration", "to-2", {"config": {"api_key": "k", "door": "B"}}, {"api_key": "k", "group": "B"}),
        ("validation", "as-it-is", {"form": {"api_key": "k", "x": [1]}}, {"api_key": "k", "x": [1]}),
        ("options", "groups", {"params": {"search": "nobody"}, "config": CONFIG}, {"data": [], "cursor": None}),
    ],
)
async def test_each_kind_of_question_is_answered(
    served: Served, kind: str, name: str, about: dict[str, Any], body: object
) -> None:
    reply = await ask(served, kind, name, **about)
    assert (reply.status, reply.body) == (200, body)


async def test_a_dropdown_is_searched_and_paged_by_cursor(served: Served) -> None:
    first = await ask(served, "options", "groups", params={"search": ""}, config=CONFIG)
    assert [row["label"] for row in first.body["data"]] == ["Back door", "Front door"]
    second = await ask(served, "options", "groups", params={"cursor": first.body["cursor"]}, config=CONFIG)
    assert second.body == {"data": [{"label": "Staff", "value": "S", "isDisabled": True}], "cursor": None}
    found = await ask(served, "options", "groups", params={"search": "DOOR"}, config=CONFIG)
    assert len(found.body["data"]) == 2


async def test_a_validation_answers_what_is_to_be_saved_with_secrets_and_logs_none(
    served: Served, logged: io.StringIO
) -> None:
    reply = await ask(served, "validation", "credentials", form={"api_key": CANARY, "unknown": CANARY})
    assert (reply.status, reply.body) == (200, {"api_key": CANARY})
    for kind, name in (("options", "crash"), ("options", "wrong"), ("options", "slow")):
        await ask(served, kind, name, config=CONFIG)
    for line in ("handler.raised", "route.timed_out", "options/crash"):
        assert line in logged.getvalue()
    assert CANARY not in logged.getvalue()


async def test_a_rejected_form_keeps_the_step_with_its_message(served: Served) -> None:
    reply = await ask(served, "validation", "credentials", form={"api_key": "revoked"})
    assert (reply.status, reply.body) == (412, {"message": "The door system rejected this API key."})


@pytest.mark.parametrize("form", [{}, {"group": "B"}, {"api_key": None}, {"api_key": ["x"]}])
async def test_a_half_filled_form_says_what_is_missing(served: Served, form: dict[str, Any]) -> None:
    reply = await ask(served, "validation", "credentials", form=form)
    assert (reply.status, reply.body) == (412, {"message": "Please fill in: api_key."})


async def test_a_dropdown_before_the_credentials_says_what_is_missing(served: Served) -> None:
    reply = await ask(served, "options", "groups")
    assert (reply.status, reply.message) == (412, "Please fill in: api_key.")


@pytest.mark.parametrize(
    ("kind", "name", "status", "message"),
    [
        ("options", "crash", 500, "The plugin failed unexpectedly"),
        ("options", "wrong", 500, "The plugin failed unexpectedly"),
        ("options", "slow", 500, "Timed out"),
        ("validation", "done", 500, "The plugin failed unexpectedly"),
        ("validation", "failed", 412, "Not today"),
        ("options", "unknown", 404, "This plugin has no such route."),
        ("migration", "credentials", 404, "This plugin has no such route."),
    ],
)
async def test_what_is_no_answer_of_the_step_is_a_refusal_with_a_message(
    served: Served, kind: str, name: str, status: int, message: str
) -> None:
    reply = await ask(served, kind, name)
    assert (reply.status, reply.message) == (status, message)


async def test_a_kind_that_there_is_not_is_not_found(served: Served) -> None:
    body = build_route(RouteKind.OPTIONS, "groups", seed=1).body
    for path in ("/envoy/routes/choices/groups", "/envoy/routes/options", "/envoy/routes/options/a/b"):
        assert (await served.post(body, path=path)).status == 404


async def test_only_envoy_is_answered_and_only_in_json(served: Served) -> None:
    body, path = build_route(RouteKind.OPTIONS, "unknown", seed=1).body, "/envoy/routes/options/unknown"
    unsigned = await served.post(body, path=path, signed=b"another")
    assert unsigned.status == 401
    typed = await served.post(body, path=path, headers={"Content-Type": "text/plain"})
    assert typed.status == 415
    async with served.http.get(served.url + path) as answer:
        assert answer.status == 405


async def test_an_event_at_a_routes_url_and_a_route_at_an_events_are_told_apart(served: Served) -> None:
    path = "/envoy/routes/options/crash"
    event = await served.post(a_webhook().body, path=path)
    assert (event.status, event.message) == (422, "The URL is for a route, and the body is an event.")
    route = await served.post(build_route(RouteKind.OPTIONS, "crash", seed=1).body)
    assert (route.status, route.message) == (422, "The URL is for events, and the body is a route.")
    nothing = await served.post(b'{"meta":{}}', path=path)
    assert nothing.status == 422


async def test_a_route_for_another_plugin_is_refused(stage: Stage) -> None:
    served = await stage.serve(plugin, worker=False, ENVOY_PLUGIN_ID="78")
    reply = await ask(served, "remote-value", "greeting", meta={"plugin_id": "77"})
    assert (reply.status, reply.message) == (
        422,
        "The webhook is for another plugin: meta.plugin_id is not ENVOY_PLUGIN_ID.",
    )


async def test_a_payload_that_is_no_form_is_refused(served: Served) -> None:
    webhook = build_route(RouteKind.VALIDATION, "as-it-is", seed=1)
    webhook.document["payload"] = ["x"]
    reply = await served.post(webhook.body, path="/envoy/routes/validation/as-it-is")
    assert (reply.status, reply.message) == (422, "The webhook can't be read: payload is not an object.")


async def test_envoy_out_of_reach_is_a_refusal_without_details(served: Served) -> None:
    served.envoy.app[FAULTS].add(Fault(path="/api", status=500, times=20))
    reply = await ask(served, "options", "own")
    assert (reply.status, reply.message) == (500, "The plugin failed unexpectedly")


async def test_a_step_that_acts_as_the_user_needs_a_token(served: Served) -> None:
    reply = await ask(served, "options", "employees", meta={"auth": None, "forwarded_bearer_token": None})
    assert reply.status == 412
    assert "no token of a user" in str(reply.message)


async def test_on_error_may_answer_for_a_step(stage: Stage) -> None:
    told: list[Event | Route | Run] = []
    plugin = Plugin("visitor-doors")
    plugin.options("crash")(crash)

    @plugin.on_error
    async def tell(error: Exception, about: Event | Route | Run) -> Failed:
        told.append(about)
        return Failed("The door system is away.")

    reply = await ask(await stage.serve(plugin, worker=False), "options", "crash")
    assert (reply.status, reply.message) == (412, "The door system is away.")
    assert [type(about) for about in told] == [Route]
