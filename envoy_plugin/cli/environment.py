"""The environment of a command: read here, and handed down as settings."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import typer

from envoy_plugin.logs import configure_logs
from envoy_plugin.settings import REDIS_VARIABLES, LogFormat, Settings


def load_env_file(path: Path | None) -> None:
    """Set the variables of a file of `NAME=value` lines, but for those that are set already. The plugin sees them too.

    Raises:
        typer.BadParameter: the file isn't text.
    """
    if path is None:
        return
    from dotenv import dotenv_values  # noqa: PLC0415 - seldom wanted

    try:
        values = dotenv_values(path, interpolate=False)
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} isn't UTF-8 text.", param_hint="--env-file") from None
    for name, value in values.items():
        os.environ.setdefault(name, value or "")


def has_redis() -> bool:
    """Whether the environment names one."""
    return any(os.environ.get(name) for name in REDIS_VARIABLES)


def read_settings(overrides: Mapping[str, object]) -> Settings:
    """The settings of the environment, with what options say on top; None leaves a variable as it is.

    Raises:
        SettingsError: with every problem at once.
    """
    given = {name: str(value) for name, value in overrides.items() if value is not None}
    return Settings.from_env({**os.environ, **given})


def log_as(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up the logs of this process as the settings say, on standard output unless another stream is given."""
    place = stream or sys.stdout
    pretty = settings.log_format is LogFormat.PRETTY
    if settings.log_format is LogFormat.AUTO:
        pretty = place.isatty()
    configure_logs(level=settings.log_level, json=not pretty, access=settings.access_log, stream=place)
