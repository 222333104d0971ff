"""A process that is started again whenever a Python file is saved."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, Final

import typer

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.errors import EnvoyPluginError

NO_WATCHFILES: Final = "Reloading needs the extra `dev`: pip install 'envoy_plugin[dev]'. --no-reload does without it."
NO_WATCH: Final = "The files here can't be watched. --no-reload does without it."


class NoReload(EnvoyPluginError):
    """Nothing here can notice that a file is saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the process is started, and how long it has to end after SIGTERM; then it is killed.

    `--lifeline FD` is added to the command: a pipe that closes when this process ends; and `--lines FD`, a pipe for
    what it logs. `on_start` is called when it is started, `on_end` when it has ended by itself.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    patience: timedelta
    lines: int
    on_start: Callable[[], None]
    on_end: Callable[[], None]


async def supervise(recipe: Recipe, stop: asyncio.Event, *, reload: bool) -> int:
    """Keep the process running until `stop`, and answer 0; without `reload` until it ends, and answer its code.

    With `reload` it is stopped, and started again, when a Python file below the working directory is saved. If it ends
    by itself that is said, and the next save starts it again.

    Raises:
        NoReload: reloading is wanted and impossible.
    """
    stopped = asyncio.ensure_future(stop.wait())
    try:
        with _lifeline() as lifeline:
            if not reload:
                return await _live(recipe, lifeline, {stopped}) or ExitCode.OK
            async with aclosing(_saves(stop)) as saves:
                await _live_again_and_again(recipe, lifeline, stopped, saves)
    finally:
        stopped.cancel()
    return ExitCode.OK


async def _live_again_and_again(
    recipe: Recipe, lifeline: int, stopped: asyncio.Future[Any], saves: AsyncGenerator[str, None]
) -> None:
    while not stopped.done():
        saved = asyncio.ensure_future(anext(saves, ""))
        code = await _live(recipe, lifeline, {stopped, saved})
        if code is not None:
            typer.echo(f"The plugin has ended with exit code {code}. Save a Python file to try again.")
        if name := await saved:
            typer.echo(f"{name} was saved: starting again.")


async def _live(recipe: Recipe, lifeline: int, interruptions: set[asyncio.Future[Any]]) -> int | None:
    """One life of the process: its exit code, or None where it was an interruption that ended it."""
    process = await asyncio.create_subprocess_exec(
        *recipe.command,
        f"--lifeline={lifeline}",
        f"--lines={recipe.lines}",
        env=dict(recipe.environ),
        pass_fds=(lifeline, recipe.lines),
    )
    recipe.on_start()
    ended = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait({ended, *interruptions}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if by_itself := ended.done():
            recipe.on_end()
        await _end(process, ended, recipe.patience)
    return ended.result() if by_itself else None


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Future[int], patience: timedelta) -> None:
    for tell in (process.terminate, process.kill):
        if not ended.done():
            tell()
            await asyncio.wait({ended}, timeout=patience.total_seconds())


@contextmanager
def _lifeline() -> Iterator[int]:
    """The read end of a pipe; nobody else has the write end, which closes with this process."""
    read_end, write_end = os.pipe()
    try:
        yield read_end
    finally:
        os.close(read_end)
        os.close(write_end)


async def _saves(stop: asyncio.Event) -> AsyncGenerator[str, None]:
    """The name of a Python file each time that some were saved, until `stop`."""
    if find_spec("watchfiles") is None:
        raise NoReload(NO_WATCHFILES)
    from watchfiles import PythonFilter, awatch  # noqa: PLC0415 - only where it is installed

    try:
        async for changes in awatch(".", watch_filter=PythonFilter(), stop_event=stop, ignore_permission_denied=True):
            yield _first(path for _, path in changes)
    except (OSError, RuntimeError) as error:
        raise NoReload(NO_WATCH) from error


def _first(paths: Iterable[str]) -> str:
    return min(os.path.relpath(path) for path in paths)
