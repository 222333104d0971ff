"""What `web`, `worker` and `run` have in common: load, then serve until a signal."""

import asyncio
import errno
import gc
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import typer

from envoy_plugin.cli.developing.telling import tell_lines
from envoy_plugin.cli.environment import load_env_file, log_as, read_settings
from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.loading import load_plugin
from envoy_plugin.cli.ports import free_port
from envoy_plugin.errors import EnvoyPluginError
from envoy_plugin.logs import get_logger
from envoy_plugin.plugin import Plugin
from envoy_plugin.serving import STOP_SIGNALS, Role, queues_of, serve
from envoy_plugin.settings import Settings

UNUSABLE_ADDRESS: Final = frozenset({errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL})

log = get_logger(__name__)


def start(
    roles: Collection[Role],
    *,
    app: str | None,
    env_file: Path | None,
    overrides: Mapping[str, object] | None = None,
    lines: int | None = None,
    queues: Sequence[str] | None = None,
) -> None:
    """Serve the plugin until SIGTERM or SIGINT; `overrides` are variables that options set.

    `lines` is a pipe that gets the log lines too, and what the plugin's keys in Redis begin with. A worker claims from
    `queues`; None: from all of the plugin's.

    Raises:
        typer.BadParameter: no plugin is named, or a queue that isn't the plugin's.
        SettingsError: the environment can't be used.
        EnvoyPluginError: the plugin can't be had, or Redis holds a newer release's keys.
        typer.Exit: with FAILED, after one sentence or log line that says why.
    """
    _stop_at_once()
    load_env_file(env_file)
    settings = _with_one_port(read_settings(overrides or {}))
    log_as(settings)
    say_prefix = None if lines is None else tell_lines(lines)
    plugin = load_plugin(app)
    if say_prefix is not None:
        say_prefix(settings.prefix_for(plugin.name))
    _check_queues(plugin, queues or ())
    gc.freeze()  # what is loaded by now stays: no collection needs to look at it
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(plugin, settings, roles, queues or ()))


def _check_queues(plugin: Plugin, queues: Sequence[str]) -> None:
    known = queues_of(plugin)
    for queue in queues:
        if queue not in known:
            raise typer.BadParameter(f"{plugin.name} has no queue {queue!r}; it has {', '.join(known)}.")


def _with_one_port(settings: Settings) -> Settings:
    """For port 0 on every address, choose one: each of the addresses would take its own."""
    if settings.port or settings.host:
        return settings
    return settings.model_copy(update={"port": free_port()})


async def _serve(plugin: Plugin, settings: Settings, roles: Collection[Role], queues: Collection[str]) -> None:
    try:
        await serve(plugin, settings, roles, queues=queues)
    except EnvoyPluginError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNUSABLE_ADDRESS:
            typer.echo(_address_sentence(settings, error.errno), err=True)
        else:
            log.exception("process.failed")
        raise typer.Exit(ExitCode.FAILED) from None
    _ignore_signals()


def _address_sentence(settings: Settings, number: int) -> str:
    host = f" of {settings.host}" if settings.host else ""
    return f"Port {settings.port}{host} can't be used: {os.strerror(number)}. --port takes another one."


def _stop_at_once() -> None:
    """While there is nothing to drain, yet or any more, the signals that stop a process end it with the same code."""
    for number in STOP_SIGNALS:
        signal.signal(number, _leave)


def _leave(*_: object) -> None:
    _ignore_signals()
    os._exit(ExitCode.OK)


def _ignore_signals() -> None:
    """Hosts send SIGTERM more than once."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop of the extra `fast`, where it is installed."""
    if find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - only where it is installed

    return uvloop.new_event_loop
