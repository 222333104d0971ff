"""What a process holds while it serves a plugin: its connections, its engine, and what handlers are given."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import aiohttp
from redis.asyncio import Redis
from redis.exceptions import RedisError

from envoy_plugin.connection import connect_redis
from envoy_plugin.context import Context, unique_here
from envoy_plugin.declarations.steps import StepHandler
from envoy_plugin.deliveries import DeliveryRecords
from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.sweeper import Keeping, sweeping
from envoy_plugin.engine.verbs import NO_INSTALL
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import InstallConfigs
from envoy_plugin.envoy.oauth import Clock
from envoy_plugin.envoy.redis_storage import RedisGlobalStorage, RedisStorage, forget_storage
from envoy_plugin.envoy.storages import make_storages
from envoy_plugin.envoy.tokens import OAuthClient, TokenCache
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.envoy.user_tokens import UserTokens
from envoy_plugin.errors import DeclarationError
from envoy_plugin.injection.handlers import is_of_an_api, is_of_workflows
from envoy_plugin.injection.providing import open_providers
from envoy_plugin.injection.sources import (
    Platform,
    RouteSources,
    Sources,
    StepSources,
    TaskSources,
    background_sources,
    inline_sources,
    route_sources,
    step_sources,
    task_sources,
)
from envoy_plugin.logs import get_logger
from envoy_plugin.plugin import Plugin
from envoy_plugin.routing import Handler, RouteHandler
from envoy_plugin.sealing import Sealer, derive_key
from envoy_plugin.settings import Settings, StorageKind
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.links import Links
from envoy_plugin.workflows.running.work import ADVANCE
from envoy_plugin.workflows.running.work import FUNCTIONS as STEPS

WORKFLOW_QUEUES: Final = (STEPS, ADVANCE.kind)
"""What workers do for workflows: steps of functions, and what follows the end of any step."""
REDIS_ALONE: Final = frozenset({RedisStorage, RedisGlobalStorage})
CONNECTIONS: Final = 6
"""Hosts' smallest plans allow 20. Two wait for work, two carry the engine's calls; a queue of tasks takes one more."""

log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Runtime:
    """One per process, shared by `web` and `worker`. `stopping` turns True once, when the process is told to stop.

    `clock` gives seconds since 1970, for tests; None: this machine's, and for jobs Redis' own.
    """

    plugin: Plugin
    settings: Settings
    engine: Engine
    batcher: Batcher
    api: EnvoyPluginAPI
    configs: InstallConfigs
    records: DeliveryRecords
    inline_sources: Sources
    background_sources: Sources
    route_sources: RouteSources
    task_sources: TaskSources
    step_sources: StepSources
    workflows: Store
    user_tokens: UserTokens
    clock: Clock | None = None
    stopping: bool = False

    def context(self, install: str = NO_INSTALL, *, envoy_job: str | None = None, job: str | None = None) -> Context:
        """For what runs for this install, for an event that has this job at Envoy, as this job of the engine."""
        return Context(
            owner=self.plugin.home,
            engine=self.engine,
            batcher=self.batcher,
            install=install,
            envoy_job=envoy_job,
            job=job,
        )

    async def forget(self, install_id: str) -> None:
        """Drop what Redis holds of a removed install, its jobs apart, which end as they would."""
        await self.configs.forget(install_id)
        await forget_storage(self.engine.redis, self.engine.keys.storage(install_id))

    def timeout_of(self, handler: Handler) -> timedelta:
        """How long a run of this handler may take."""
        return handler.timeout or self.settings.handler_timeout


def make_engine(redis: Redis, plugin_name: str, settings: Settings, clock: Clock | None = None) -> Engine:
    """The engine of a plugin, with everything sealed that may be a visitor's or a customer's.

    Without a `clock` of seconds since 1970 time is Redis' own.
    """
    return Engine(
        redis,
        prefix=settings.prefix_for(plugin_name),
        codec=Sealer(settings.root_secrets),
        keep_bytes=settings.keep_payload,
        clock=None if clock is None else lambda: int(clock() * 1000),
    )


@contextlib.asynccontextmanager
async def open_runtime(plugin: Plugin, settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Runtime]:
    """Everything a process needs. Redis and Envoy may be out of reach: they are called when something needs them.

    A `clock` of seconds since 1970 is for tests; without one, time is Redis' own for jobs, and this machine's.

    Raises:
        DeclarationError: a handler asks for what nothing provides, or for Redis' storage with STORAGE=envoy.
        SchemaTooNew: the keys in Redis are a newer release's.
    """
    plugin.check()
    _check_storage(plugin, settings)
    async with contextlib.AsyncExitStack() as stack:
        redis = connect_redis(
            settings.redis_url,
            tls_verify=settings.tls_verify,
            client_name=plugin.name,
            max_connections=CONNECTIONS + len(plugin.queues) + len(WORKFLOW_QUEUES),
        )
        stack.push_async_callback(redis.aclose)
        engine = make_engine(redis, plugin.name, settings, clock)
        await _check_schema(engine)
        provided = await stack.enter_async_context(open_providers(plugin.providers.values()))
        runtime = await _connect(plugin, settings, engine, provided, clock, stack)
        await stack.enter_async_context(sweeping(engine, _keeping(settings)))
        stack.enter_context(_running(runtime))
        await stack.enter_async_context(_hooks(plugin))
        yield runtime


@contextlib.contextmanager
def _running(runtime: Runtime) -> Iterator[None]:
    """Let tasks be enqueued through this process, also outside of handlers."""
    running, context = runtime.plugin.home.running, runtime.context()
    running.append(context)
    try:
        yield
    finally:
        running.remove(context)


@contextlib.asynccontextmanager
async def _hooks(plugin: Plugin) -> AsyncIterator[None]:
    """What the plugin wants to happen first and last. A start that fails ends the process; every end is tried."""
    try:
        for start in plugin.startup:
            await start()
        yield
    finally:
        for end in reversed(plugin.cleanup):
            try:
                await end()
            except Exception:
                log.exception("on_cleanup.raised")


async def _connect(
    plugin: Plugin,
    settings: Settings,
    engine: Engine,
    provided: Mapping[type, object],
    told: Clock | None,
    stack: contextlib.AsyncExitStack,
) -> Runtime:
    """Join the parts; what they do in the background ends with `stack`."""
    redis, sealer, clock = engine.redis, Sealer(settings.root_secrets), told or time.time
    session = await stack.enter_async_context(aiohttp.ClientSession())
    oauth = OAuthClient(
        session,
        base_url=settings.base_url,
        client_id=settings.client_id,
        client_secret=settings.client_secrets[0],
        clock=clock,
    )
    tokens = TokenCache(redis, sealer, oauth, key=engine.keys.token, clock=clock)
    stack.push_async_callback(tokens.close)
    api = EnvoyPluginAPI(session, base_url=settings.base_url, tokens=tokens)
    configs = InstallConfigs(redis, sealer, api, key_of=engine.keys.config, clock=clock)
    stack.push_async_callback(configs.close)
    user_tokens = UserTokens(redis, sealer, key_of=engine.keys.user_token)
    user_api = partial(_user_api, session, settings.base_url)
    storages = make_storages(settings, api=api, redis=redis, keys_of=engine.keys.storage, clock=told)
    links = Links(
        keys=[derive_key(secret, "operator/v1") for secret in settings.root_secrets],
        base_url=settings.public_url or "",
        org=settings.workflow_org,
    )
    workflows = Store(
        engine, sealer.digest, own=plugin.templates, functions=plugin.steps, digests=sealer.digests, links=links
    )
    platform = Platform(
        api=api,
        user_api=user_api,
        user_token=user_tokens.get,
        configs=configs,
        storages=storages,
        apis={wanted: maker_of(wanted, engine, workflows) for _, wanted in _asked(plugin) if is_of_an_api(wanted)},
    )
    return Runtime(
        plugin=plugin,
        settings=settings,
        engine=engine,
        batcher=Batcher(engine),
        api=api,
        configs=configs,
        records=DeliveryRecords(redis, sealer, key_of=engine.keys.delivery, window=settings.delivery_window),
        inline_sources=inline_sources(platform, plugin.config, provided),
        background_sources=background_sources(platform, plugin.config, provided),
        route_sources=route_sources(platform, plugin.config, provided),
        task_sources=task_sources(platform, plugin.config, provided),
        step_sources=step_sources(platform, plugin.config, provided),
        workflows=workflows,
        user_tokens=user_tokens,
        clock=told,
    )


def maker_of(wanted: Any, engine: Engine, workflows: Store) -> Callable[[str], object]:
    """What makes an object of one of our APIs for an install."""
    if is_of_workflows(wanted):
        return partial(wanted.for_item, workflows, unique=unique_here)
    return partial(wanted.for_install, engine)


def _user_api(session: aiohttp.ClientSession, base_url: str, token: str) -> EnvoyUserAPI:
    return EnvoyUserAPI(session, base_url=base_url, token=token)


def _check_storage(plugin: Plugin, settings: Settings) -> None:
    for whose, wanted in _asked(plugin):
        if settings.storage is StorageKind.ENVOY and wanted in REDIS_ALONE:
            raise DeclarationError(f"{whose} asks for storage in Redis, which needs STORAGE=redis.")


def _asked(plugin: Plugin) -> list[tuple[str, Any]]:
    """The types that handlers, setup steps and tasks ask for, and which of them does."""
    declared: list[Handler | RouteHandler | StepHandler] = [
        *plugin.handlers.values(),
        *plugin.routes.values(),
        *plugin.steps.values(),
    ]
    asked = [(str(handler), wanted) for handler in declared for _, wanted in handler.needs]
    return asked + [(str(task), one.hint) for task in plugin.tasks.values() for one in task.parameters if one.given]


async def _check_schema(engine: Engine) -> None:
    try:
        await engine.check_schema()
    except RedisError as error:
        log.warning("redis.unreachable", error=type(error).__name__)


def _keeping(settings: Settings) -> Keeping:
    return Keeping(ended=settings.keep_ended, failed=settings.keep_failed, most=settings.keep_most)
