"""A plugin served in this process beside a simulated Envoy, and the hands of a test on both."""

import secrets
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

import stamina
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from envoy_plugin.app import serve_runtime
from envoy_plugin.opened import OpenedPlugin
from envoy_plugin.plugin import Plugin
from envoy_plugin.runtime import Runtime, open_runtime
from envoy_plugin.settings import Settings
from envoy_plugin.simulator import defaults
from envoy_plugin.simulator.control import SimulatedEnvoy
from envoy_plugin.simulator.faults import FAULTS, Fault
from envoy_plugin.simulator.installs import INSTALLS
from envoy_plugin.simulator.job_routes import JOBS
from envoy_plugin.simulator.payloads import RouteKind, Webhook, build_route, build_webhook, read_webhook
from envoy_plugin.simulator.platform import create_platform
from envoy_plugin.simulator.request_log import REQUESTS, LoggedRequest
from envoy_plugin.simulator.route_answers import read_route_answer
from envoy_plugin.simulator.sender import Answer, Sender
from envoy_plugin.simulator.wire import JsonObject
from envoy_plugin.testing.clock import MovableClock
from envoy_plugin.testing.delivery import Delivery, JobAtEnvoy, RouteAnswer
from envoy_plugin.testing.draining import check_finished, work
from envoy_plugin.testing.fields import fill, override_paths
from envoy_plugin.workflows.handles import Workflows

if TYPE_CHECKING:
    from envoy_plugin.testing.pulling import Pulled
    from envoy_plugin.testing.things import LocalThing

Provided = TypeVar("Provided")

API_PATH: Final = "/api"
TRIES: Final = 3


class LocalEnvoy:
    """Envoy as a test sees it.

    The plugin is reached over HTTP, signed, as in production. Its background work runs in `work` and `drain` alone.
    """

    def __init__(self, parts: "_Parts") -> None:
        """Made by `local_envoy`."""
        self._parts = parts
        self._seeds = count(1)

    @property
    def platform(self) -> web.Application:
        """The simulated Envoy, for what this class has no word for: `platform[RESOURCES]`, `platform[TOKENS]`, …"""
        return self._parts.platform

    @property
    def workflows(self) -> Workflows:
        """The workflows of the install that events are from unless they name another."""
        return Workflows.for_item(self._parts.runtime.workflows, defaults.INSTALL_ID)

    def get(self, wanted: type[Provided], *, install: str = defaults.INSTALL_ID) -> Provided:
        """What handlers are given for this type: `JobsManager`, `NotificationManager`, `Workflows`, `Things`, `Titan`.

        Raises:
            DeclarationError: no such type is given.
        """
        return OpenedPlugin(self._parts.runtime).get(wanted, install=install)

    async def add_thing(self, name: str) -> "LocalThing":
        """Make a device known, for every install; answers what does its work when the test says so."""
        from envoy_plugin.testing.things import LocalThing  # noqa: PLC0415 - not where the APIs are left out

        return await LocalThing.add(self._parts.runtime.engine, name)

    async def pull(self, *, failed: str = "") -> "Pulled | None":
        """Do the next job for pull-workers: well, or let it fail with `bad_exit`, `killed` or `timeout`.

        Answers its `image` and `payload`; None where there is nothing to do.
        """
        from envoy_plugin.testing.pulling import pull  # noqa: PLC0415 - not where the APIs are left out

        return await pull(self._parts.runtime.engine, failed=failed)

    @property
    def config(self) -> JsonObject:
        """The config of install 1001, which its deliveries carry. Assign another; validation routes change it too."""
        return self._parts.platform[INSTALLS].config(defaults.INSTALL_ID) or {}

    @config.setter
    def config(self, config: Mapping[str, Any]) -> None:
        self.install(defaults.INSTALL_ID, config)

    def install(self, install_id: str, config: Mapping[str, Any]) -> None:
        """Make an install known, with exactly this config: for `trigger(…, install_id=…)`."""
        self._parts.platform[INSTALLS].put(install_id, dict(config))

    async def trigger(
        self,
        event: str,
        /,
        *,
        seed: int | None = None,
        job_id: str | None = None,
        install_id: str = defaults.INSTALL_ID,
        overrides: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Delivery:
        """Let Envoy send an event: `await envoy.trigger("entry_sign_in", full_name="Ada")`.

        `fields` are named as in the typed payload. `overrides` reach everything by path, as those of `envoy-plugin
        trigger --override` do: `{"meta.location": None}`. Each event is about another visitor, the same ones in every
        run; the same `seed` is the same visitor, the same `job_id` the same event again.

        Raises:
            TypeError: the payload has no such field.
            BadOverride: the event has no such path.
        """
        config = self._parts.platform[INSTALLS].config(install_id)
        if config is None:
            self.install(install_id, config := {})
        webhook = build_webhook(
            event,
            seed=next(self._seeds) if seed is None else seed,
            job_id=job_id or str(uuid.uuid4()),
            install_id=install_id,
            config=config,
        )
        return await self._deliver(override_paths(fill(webhook, fields), overrides or {}))

    async def send(self, body: bytes) -> Delivery:
        """Let Envoy send exactly this body: one that was recorded, or `delivery.sent` again."""
        return await self._deliver(read_webhook(body))

    async def route(self, kind: str, name: str, /, **asked: Any) -> RouteAnswer:
        """Ask what a setup step asks: `await envoy.route("options", "groups", search="sta")`.

        `kind` is options, selected-values, remote-value, validation or migration. `asked` is the form of a validation,
        else the parameters. What a validation or a migration answers becomes the install's config, as at Envoy.

        Raises:
            ValueError: there is no such kind.
        """
        question = RouteKind(kind)
        params, form = (None, asked) if question is RouteKind.VALIDATION else (asked, None)
        webhook = build_route(question, name, seed=next(self._seeds), params=params, form=form, config=self.config)
        answer = await self._parts.send(f"{defaults.ROUTES_PATH}/{question}/{name}", webhook)
        reading = read_route_answer(question, answer.status, answer.body, self.config)
        if reading.config is not None:
            self.config = reading.config
        return RouteAnswer(status=answer.status, body=answer.body, reading=reading)

    async def work(self) -> None:
        """Run the background work that is due now, and no more: for what is to wait for a `tick`."""
        await work(self._parts.runtime)

    async def drain(self) -> None:
        """Run background handlers and reports to their end.

        Raises:
            Unfinished: something waits, for a retry as a rule; the message says for how long.
        """
        await self.work()
        await check_finished(self._parts.runtime, self.now)

    def job(self, delivery: Delivery | str) -> JobAtEnvoy:
        """What Envoy holds of a delivery's job, or of the job with this id.

        Raises:
            LookupError: Envoy knows no such job.
        """
        job_id = delivery if isinstance(delivery, str) else delivery.job_id
        jobs = self._parts.platform[JOBS]
        job = None if job_id is None else jobs.get(job_id)
        if job is None:
            raise LookupError(f"Envoy knows no job {job_id!r}.")
        return JobAtEnvoy.of(job, jobs.timeline(job.id))

    def requests(self, path: str = API_PATH) -> list[LoggedRequest]:
        """What the plugin has asked of Envoy below `path`, oldest first: `method`, `path`, `status`, `body` of each."""
        return [row for row in self._parts.platform[REQUESTS].rows() if row.path.startswith(path)]

    def provided(self, wanted: type[Provided]) -> Provided:
        """What `@plugin.provides` gave for this type.

        Raises:
            LookupError: nothing provides it.
        """
        if wanted not in self._parts.runtime.plugin.providers:
            raise LookupError(f"Nothing provides {wanted.__name__}.")
        source: Any = self._parts.runtime.inline_sources[wanted]
        found: Provided = source(None)
        return found

    def fail_next(
        self, status: int, /, *, times: int = 1, retry_after: int | None = None, path: str = API_PATH
    ) -> None:
        """Let the next `times` API calls below `path` fail with this status, and `Retry-After` in seconds if given.

        What may be repeated is tried three times within a call, without waiting here, so that `times=3` fails the call;
        a `retry_after` of 10 s or more, which no call waits for, fails it at once.
        """
        self._parts.platform[FAULTS].add(Fault(status=status, times=times, retry_after=retry_after, path=path))

    def down(self) -> None:
        """Let Envoy answer nothing from now on, the login included."""
        self._parts.platform[FAULTS].add(Fault(drop=True))

    def up(self) -> None:
        """End `down`, and whatever else was to fail."""
        self._parts.platform[FAULTS].arm(())

    def tick(self, span: timedelta) -> None:
        """Move the time ahead: retries and snoozes that are due by then can run, tokens and cached configs end.

        What a handler itself reads from the machine's clock doesn't move, nor does what Redis forgets by itself, as the
        deliveries that are remembered for a second one.

        Raises:
            ValueError: `span` is negative.
        """
        self._parts.clock.tick(span)

    @property
    def now(self) -> datetime:
        """The time as `tick` has moved it, in UTC."""
        return self._parts.clock.now()

    async def _deliver(self, webhook: Webhook) -> Delivery:
        answer = await self._parts.send(defaults.EVENTS_PATH, webhook)
        return Delivery(
            event=webhook.event, job_id=webhook.job_id, status=answer.status, body=answer.body, sent=webhook.body
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What is open during a test."""

    session: ClientSession
    platform: web.Application
    platform_url: URL
    runtime: Runtime
    plugin_url: URL
    clock: MovableClock
    secret: str = field(repr=False)

    async def send(self, path: str, webhook: Webhook) -> Answer:
        """Sign and send; Envoy learns the answer."""
        envoy = SimulatedEnvoy(session=self.session, base_url=self.platform_url)
        sender = Sender(session=self.session, url=str(self.plugin_url.join(URL(path))), secret=self.secret, envoy=envoy)
        delivery = await sender.deliver(webhook)
        assert delivery.answer is not None, delivery.fault  # noqa: S101 - the plugin is in this very process
        return delivery.answer


@asynccontextmanager
async def local_envoy(
    plugin: Plugin, *, redis_url: str, variables: Mapping[str, str] | None = None
) -> AsyncIterator[LocalEnvoy]:
    """Serve `plugin` and a simulated Envoy on free ports, with keys of their own in that Redis, until the block ends.

    `variables` are settings, as from the environment. Tries of API calls follow each other without waiting.

    Raises:
        DeclarationError, SettingsError: as at the start of any process of the plugin.
    """
    clock, secret = MovableClock(), secrets.token_hex(16)
    platform = create_platform(client_id=defaults.CLIENT_ID, client_secret=secret, clock=clock.now)
    async with AsyncExitStack() as stack:
        stack.enter_context(stamina.set_testing(True, attempts=TRIES, cap=True))
        platform_url = await _served(platform, stack)
        settings = Settings.from_env(
            {
                "ENVOY_BASE_URL": str(platform_url.origin()),
                "ENVOY_CLIENT_ID": defaults.CLIENT_ID,
                "ENVOY_CLIENT_SECRET": secret,
                "REDIS_PREFIX": secrets.token_hex(8),
                "REDIS_URL": redis_url,
                **(variables or {}),
            }
        )
        runtime = await stack.enter_async_context(open_runtime(plugin, settings, clock=clock))
        plugin_url = await _served(serve_runtime(runtime), stack)
        session = await stack.enter_async_context(ClientSession())
        yield LocalEnvoy(
            _Parts(
                session=session,
                platform=platform,
                platform_url=platform_url,
                runtime=runtime,
                plugin_url=plugin_url,
                clock=clock,
                secret=settings.client_secrets[0],
            )
        )


async def _served(app: web.Application, stack: AsyncExitStack) -> URL:
    server = await stack.enter_async_context(TestServer(app))
    return server.make_url("/")
