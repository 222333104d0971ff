"""A plugin answers each sample of a setup step as Envoy's installer expects it; they go over the wire byte for byte."""

from typing import Any

import pytest
from yarl import URL

from envoy_plugin import Config, Option, Options, Plugin, RouteMeta, Secret
from tests.framework.served import Served, Stage
from tests.samples.reading import Sample, answer_to, read_samples

ROUTES = [sample for sample in read_samples("webhooks") if sample.target.startswith("/envoy/routes/")]
ALOHA = {"label": "Aloha", "value": "aloha"}
ANSWERS: dict[str, Any] = {
    "route_migration": {"greeting": "Hola", "version": 2},
    "route_options": {"data": [ALOHA], "cursor": "p2"},
    "route_remote_value": {"value": "https://doors.example.com/1001"},
    "route_selected_values": [ALOHA, {"label": "Gone", "value": "gone", "isDisabled": True}],
    "route_validation": {"api_key": "abc", "group": "staff"},
}


class DoorConfig(Config):
    api_key: Secret
    group: str = ""


@pytest.fixture
def plugin() -> Plugin:
    """Answers each of the setup steps of the samples."""
    plugin = Plugin("visitor-doors", config=DoorConfig)

    @plugin.options("step-0-field-1-options")
    async def groups(search: str | None) -> Options:
        return Options(
            [one for one in (Option("Aloha", "aloha"), Option("Bye", "bye")) if (search or "") in one.value], "p2"
        )

    @plugin.selected_values("groups")
    async def labelled(values: tuple[str, ...]) -> list[Option]:
        return [Option(value.title(), value, disabled=value == "gone") for value in values]

    @plugin.remote_value("door-url")
    async def door_url(meta: RouteMeta) -> str:
        return f"https://doors.example.com/{meta.install_id}"

    @plugin.validation("credentials")
    async def credentials(form: DoorConfig) -> DoorConfig:
        return form

    @plugin.migration("v2")
    async def second(meta: RouteMeta) -> dict[str, Any]:
        return {**meta.config, "version": 2}

    return plugin


async def answered(served: Served, sample: Sample) -> tuple[int, Any]:
    """Status and body of what the plugin answers to a sample."""
    url = URL(served.url)
    assert url.host is not None
    assert url.port is not None
    status, _, body = await answer_to(sample, url.host, url.port)
    return status, body


@pytest.mark.parametrize("sample", ROUTES, ids=lambda sample: sample.name)
async def test_a_sample_of_a_setup_step_is_answered_as_it_says(stage: Stage, plugin: Plugin, sample: Sample) -> None:
    served = await stage.serve(plugin, worker=False)
    assert await answered(served, sample) == (200, ANSWERS[sample.name])
    assert sample.answer.startswith("200")


@pytest.mark.parametrize("sample", ROUTES, ids=lambda sample: sample.name)
async def test_a_setup_step_that_nobody_answers_is_a_404(stage: Stage, sample: Sample) -> None:
    served = await stage.serve(Plugin("visitor-doors"), worker=False)
    assert (await answered(served, sample))[0] == 404


async def test_a_setup_step_needs_no_token_and_no_envoy(stage: Stage, plugin: Plugin) -> None:
    """A token endpoint that is down is no fault of a list that stands in the code."""
    served = await stage.serve(plugin, worker=False, ENVOY_BASE_URL="http://127.0.0.1:9")
    (sample,) = (one for one in ROUTES if one.name == "route_options")
    assert (await answered(served, sample))[0] == 200
