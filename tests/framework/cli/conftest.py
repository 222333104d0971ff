"""Fixtures of the command line's tests."""

from pathlib import Path

import pytest

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
