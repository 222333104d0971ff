"""The files that hosts read: what they name exists, and they are of the form that hosts take."""

import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from envoy_plugin.cli import COMMANDS
from envoy_plugin.settings import Settings

ROOT = Path(__file__).parents[2]
APP_KEYS = {"name", "description", "keywords", "env", "addons", "buildpacks", "formation", "healthchecks"}
ENV_KEYS = {"description", "value", "required", "generator"}
LONGEST_DESCRIPTION = 140


def procfile() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: shlex.split(command) for name, _, command in (line.partition(": ") for line in lines)}


@pytest.fixture
def app() -> dict[str, Any]:
    return dict(json.loads((ROOT / "app.json").read_text()))


def test_the_procfile_runs_commands_directly_so_that_signals_reach_them() -> None:
    assert procfile() == {name: ["envoy-plugin", command] for name, command in
                          (("web", "web"), ("worker", "worker"), ("release", "check"))}  # fmt: skip
    assert {words[1] for words in procfile().values()} <= COMMANDS.keys()


def test_app_json_has_the_keys_of_its_schema(app: dict[str, Any]) -> None:
    """Source: devcenter.heroku.com, "app.json Schema"; `healthchecks`: dokku.com, "app.json"."""
    assert app.keys() <= APP_KEYS
    assert len(app["description"]) <= LONGEST_DESCRIPTION
    assert all(isinstance(addon, str) for addon in app["addons"])
    assert all(variable.keys() <= ENV_KEYS for variable in app["env"].values())
    assert all(buildpack.keys() == {"url"} for buildpack in app["buildpacks"])


def test_app_json_asks_for_what_the_host_cannot_give(app: dict[str, Any]) -> None:
    required = {str(field.alias) for field in Settings.model_fields.values() if field.is_required()}
    known = {str(field.alias) for field in Settings.model_fields.values()}
    assert required - {"REDIS_URL"} <= app["env"].keys() <= known
    assert any(addon.startswith("heroku-redis") for addon in app["addons"])
    assert app["env"]["JWT_SECRET"]["generator"] == "secret"


def test_app_json_starts_a_worker_too(app: dict[str, Any]) -> None:
    assert {name: process["quantity"] for name, process in app["formation"].items()} == {"web": 1, "worker": 1}
    assert app["formation"].keys() <= procfile().keys()


def test_hosts_that_read_requirements_install_the_project_itself() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [line for line in lines if not line.startswith("#")] == [".[fast]"]
    assert "fast" in extras
