"""Fixtures of the command line's tests."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from envoy_plugin.engine.engine import Engine
from tests.framework.cli.here import PREFIX, Here
from tests.framework.cli.project import CREDENTIALS, PLUGIN, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose Redis and Envoy can't be reached."""
    project = Project(tmp_path, dict(CREDENTIALS))
    project.write(PLUGIN)
    project.write('[tool.envoy_plugin]\napp = "doors:plugin"\n', "pyproject.toml")
    return project


@pytest.fixture
def served(project: Project, redis_url: str) -> Project:
    """The same, with a real Redis."""
    project.settings["REDIS_URL"] = redis_url
    return project


@pytest.fixture
def here(redis: Redis, redis_url: str) -> Here:
    """A terminal with a real Redis, for commands in this process."""
    return Here(Engine(redis, prefix=PREFIX), {"REDIS_URL": redis_url})
