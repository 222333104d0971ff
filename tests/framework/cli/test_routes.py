"""`envoy-plugin routes`."""

import json

import pytest

from tests.framework.cli.project import Project


async def test_each_event_is_shown_with_its_url_and_function(project: Project) -> None:
    code, out, _ = await project.run("routes", "--url", "https://doors.example.com/")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert [row[:4] for row in rows] == [
        ["entry_sign_in", "background", "https://doors.example.com/envoy/events/entry_sign_in", "doors.open_door"],
        ["entry_sign_out", "inline", "https://doors.example.com/envoy/events/entry_sign_out", "doors.close_door"],
    ]


async def test_json_is_one_document(project: Project) -> None:
    project.settings.clear()
    code, out, _ = await project.run_here("routes", "--json")
    told = json.loads(out)
    assert (code, told["plugin"], told["url"]) == (0, "shop-doors", "/envoy/events")
    first, second = told["handlers"]
    assert (first["mode"], first["timeout_seconds"], first["retries"]) == ("background", 300, 5)
    assert (second["mode"], second["timeout_seconds"], second["retries"]) == ("inline", None, 0)


WITH_WORK = """\
from envoy_plugin import Plugin
plugin = Plugin("shop-doors")

@plugin.task(queue="desk")
async def lay_out(number: int) -> None: ...

@plugin.every("10m")
async def look() -> None: ...

@plugin.step("print_badge")
async def print_badge() -> None: ...
"""


async def test_tasks_schedules_and_steps_are_shown(project: Project) -> None:
    project.write(WITH_WORK)
    _, out, _ = await project.run_here("routes")
    assert [line.partition(" (")[0].split() for line in out.splitlines()] == [
        ["lay_out", "task", "queue", "desk", "doors.lay_out"],
        ["look", "task", "every", "600s", "doors.look"],
        ["print_badge", "step", "-", "doors.print_badge"],
    ]
    told = json.loads((await project.run_here("routes", "--json"))[1])
    assert [(row["name"], row["queue"], row["schedules"]) for row in told["tasks"]] == [
        ("lay_out", "desk", []),
        ("look", "tasks", ["every 600s"]),
    ]
    assert [(row["name"], row["timeout_seconds"]) for row in told["steps"]] == [("print_badge", 300)]


WITH_STEPS = """\
from envoy_plugin import Event, Option, Plugin
plugin = Plugin("shop-doors")

@plugin.on("invite_*", "parcel_*", unknown=True)
async def any_invite(event: Event) -> None: ...

@plugin.options("groups")
async def groups() -> list[Option]:
    return []

@plugin.selected_values("my groups")
async def labels() -> None: ...
"""


async def test_setup_steps_and_patterns_are_shown_with_their_urls(project: Project) -> None:
    project.write(WITH_STEPS)
    _, out, _ = await project.run_here("routes", "--url", "https://doors.example.com")
    events, routes = "https://doors.example.com/envoy/events", "https://doors.example.com/envoy/routes"
    assert [line.split("  ")[0] for line in out.splitlines()] == ["invite_*", "parcel_*", "groups", "my groups"]
    for url in (events, f"{routes}/options/groups", f"{routes}/selected-values/my%20groups"):
        assert f"  {url}  " in out
    told = json.loads((await project.run_here("routes", "--json"))[1])
    assert [(row["event"], row["url"]) for row in told["handlers"]] == [
        ("invite_*", "/envoy/events"),
        ("parcel_*", "/envoy/events"),
    ]
    assert [(row["name"], row["kind"], row["url"]) for row in told["routes"]] == [
        ("groups", "options", "/envoy/routes/options/groups"),
        ("my groups", "selected-values", "/envoy/routes/selected-values/my%20groups"),
    ]


async def test_a_plugin_without_handlers_says_so(project: Project) -> None:
    project.write("from envoy_plugin import Plugin\nplugin = Plugin('idle')\n")
    assert await project.run_here("routes") == (0, "idle handles nothing.\n", "")


@pytest.mark.parametrize(
    "url",
    [
        "doors.example.com",
        "ftp://doors",
        "https://doors/?a=1",
        "https://",
        "https://[",
        "https://a b",
        "https://u:p@doors",
    ],
)
async def test_a_base_that_is_no_url_is_a_usage_error(project: Project, url: str) -> None:
    code, out, err = await project.run_here("routes", "--url", url)
    assert (code, out) == (2, "")
    assert "https://doors.example.com" in err
