"""A process that serves a plugin until it is told to stop: web, worker, or both.

SIGTERM and SIGINT mean the same, once or several times: take nothing new, let what runs end within DRAIN_TIMEOUT, give
the rest back, exit 0. Hosts kill 30 s after SIGTERM (devcenter.heroku.com, "Dyno shutdown behavior").
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from enum import StrEnum
from functools import partial
from typing import Final

from aiohttp import web

from envoy_plugin.app import serve_runtime
from envoy_plugin.logs import ACCESS_LOGGER, get_logger
from envoy_plugin.plugin import Plugin
from envoy_plugin.reports import QUEUE as REPORTS
from envoy_plugin.runtime import WORKFLOW_QUEUES, Runtime, open_runtime
from envoy_plugin.settings import Settings
from envoy_plugin.watchdog import watched_over
from envoy_plugin.webhooks.events import QUEUE as EVENTS
from envoy_plugin.worker.execution import execute
from envoy_plugin.worker.loop import Worker
from envoy_plugin.worker.ticking import ticking

KEEPALIVE_SECONDS: Final = 95
"""Longer than the 90 s after which Heroku's router drops a silent connection (devcenter.heroku.com, changelog 3391)."""
GRACE_SECONDS: Final = 4
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = get_logger(__name__)


class Role(StrEnum):
    """What a process does."""

    WEB = "web"
    """Answers Envoy."""
    WORKER = "worker"
    """Runs background work and what schedules say is due, and reports its end."""


def queues_of(plugin: Plugin) -> tuple[str, ...]:
    """The queues that the plugin's workers claim from: events, tasks, reports."""
    return tuple(dict.fromkeys((EVENTS, *plugin.queues, *WORKFLOW_QUEUES, REPORTS)))


async def serve(
    plugin: Plugin,
    settings: Settings,
    roles: Collection[Role],
    *,
    queues: Collection[str] = (),
    ready: Callable[[int], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is told the port, once the process answers on it.

    A worker claims from `queues`; without any, from all of `queues_of`.

    Raises:
        OSError: the port is taken.
        SchemaTooNew: the keys in Redis are a newer release's.
    """
    stop = asyncio.Event()
    leaving = threading.Timer(settings.drain_timeout.total_seconds() + GRACE_SECONDS, _leave)
    leaving.daemon = True
    try:
        with _signals(stop):
            async with (
                watched_over(settings.watchdog_timeout),
                open_runtime(plugin, settings) as runtime,
                asyncio.TaskGroup() as group,
            ):
                group.create_task(_announce(runtime, stop, leaving))
                if Role.WEB in roles:
                    group.create_task(_answer(runtime, stop, ready))
                if Role.WORKER in roles:
                    group.create_task(_work(runtime, stop, tuple(queues) or queues_of(plugin)))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        leaving.cancel()
    log.info("process.stopped")


async def _announce(runtime: Runtime, stop: asyncio.Event, leaving: threading.Timer) -> None:
    await stop.wait()
    runtime.stopping = True
    log.info("process.stopping")
    leaving.start()


def _leave() -> None:
    """End the process although a handler won't end: the leases of its jobs run out, and others take them."""
    log.error("process.abandoned")
    logging.shutdown()
    os._exit(0)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Let the signals set `stop`. Not by the loop's own means: these let a signal kill once they are taken back."""
    loop = asyncio.get_running_loop()

    def tell(*_: object) -> None:
        loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, tell) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _work(runtime: Runtime, stop: asyncio.Event, queues: Collection[str]) -> None:
    settings = runtime.settings
    worker = Worker(
        runtime.engine,
        runtime.batcher,
        partial(execute, runtime),
        lease=settings.job_lease,
        concurrency=settings.worker_concurrency,
    )
    async with ticking(runtime):
        await worker.run(queues, stop, drain=settings.drain_timeout)


async def _answer(runtime: Runtime, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
    """Answer HTTP on the settings' port; at the end, let requests end."""
    settings = runtime.settings
    runner = web.AppRunner(
        serve_runtime(runtime),
        access_log=logging.getLogger(ACCESS_LOGGER) if settings.access_log else None,
        keepalive_timeout=KEEPALIVE_SECONDS,
        shutdown_timeout=settings.drain_timeout.total_seconds(),
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        port = runner.addresses[0][1]
        log.info("web.started", port=port)
        ready(port)
        await stop.wait()
    finally:
        await runner.cleanup()
