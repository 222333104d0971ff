"""Where the values come from that handlers, tasks and setup steps are given, by type."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import Config, InstallConfigs, parse_config, parse_partial
from envoy_plugin.envoy.events import PAYLOADS, Event, Meta, decode_payload
from envoy_plugin.envoy.job import EnvoyPluginJob
from envoy_plugin.envoy.meta import WebhookMeta
from envoy_plugin.envoy.redis_storage import RedisGlobalStorage, RedisStorage
from envoy_plugin.envoy.routes import Route, RouteMeta, RouteParams
from envoy_plugin.envoy.storage import GlobalStorage, Storage, Storages
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.errors import AuthFailed, BadPayload
from envoy_plugin.injection.setup_steps import Cursor, Form, Page, RawForm, Search, Values
from envoy_plugin.outcomes import Failed
from envoy_plugin.run import Run
from envoy_plugin.workflows.handles import WorkflowHandle, Workflows


@dataclass(frozen=True, slots=True)
class Subject:
    """What a handler is called for: an event and, in the background, the run of its job."""

    event: Event
    run: Run | None = field(default=None)

    @property
    def install_id(self) -> str:
        """Whose event it is."""
        return self.event.meta.install_id

    @property
    def envoy_job(self) -> str | None:
        """Envoy's id of the event's job."""
        return self.event.meta.job.id if self.event.meta.job else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSubject:
    """What a task is called for; `envoy_job` is of the event in whose handling it was enqueued."""

    install_id: str
    envoy_job: str | None
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSubject:
    """What a step's function is called for; `event` is what started the workflow, if one did."""

    workflow: WorkflowHandle
    event: Event | None
    run: Run

    @property
    def install_id(self) -> str:
        """Whose workflow it is."""
        return self.workflow.item

    @property
    def envoy_job(self) -> str | None:
        """Envoy's id of the event's job."""
        return self.event.meta.job.id if self.event and self.event.meta.job else None


class OfInstall(Protocol):
    """What there is whatever is called for."""

    @property
    def install_id(self) -> str:
        """The install."""
        ...

    @property
    def envoy_job(self) -> str | None:
        """Envoy's id of its job."""
        ...


Sources: TypeAlias = Mapping[type, Callable[[Subject], object]]
"""For each type that a handler can ask for, what makes it."""
TaskSources: TypeAlias = Mapping[type, Callable[[TaskSubject], object]]
"""The same for tasks."""
StepSources: TypeAlias = Mapping[type, Callable[[StepSubject], object]]
"""The same for the functions of steps."""
RouteSources: TypeAlias = Mapping[type, Callable[[Route], object]]
"""The same for setup steps."""


OF_INSTALL: Final = (Storage, RedisStorage)
OF_PLUGIN: Final = (GlobalStorage, RedisGlobalStorage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What handlers reach: Envoy as the plugin and as a user with a token, installs' configs and storage, our APIs."""

    api: EnvoyPluginAPI
    user_api: Callable[[str], EnvoyUserAPI]
    user_token: Callable[[str], Awaitable[str]]
    configs: InstallConfigs
    storages: Storages
    apis: Mapping[type, Callable[[str], object]] = field(default_factory=dict)
    """What the plugin's own APIs give for an install, by type."""


def inline_sources(platform: Platform, config: type[Config] | None, provided: Mapping[type, object]) -> Sources:
    """For handlers that run while Envoy waits: the delivery carries the config, and the user's token."""
    own: dict[type, Callable[[Subject], object]] = {
        EnvoyUserAPI: lambda subject: platform.user_api(_user_token(subject.event.meta))
    }
    if config is not None:
        own[config] = lambda subject: parse_config(config, subject.event.meta.config)
    return _of_event(platform, provided) | own


def background_sources(platform: Platform, config: type[Config] | None, provided: Mapping[type, object]) -> Sources:
    """For handlers that run later: config and token are kept apart from the event."""

    async def user_api(subject: Subject) -> object:
        try:
            return platform.user_api(await platform.user_token(_run_of(subject).id))
        except AuthFailed as error:
            raise Failed(str(error)) from error

    own: dict[type, Callable[[Subject], object]] = {Run: _run_of, EnvoyUserAPI: user_api}
    return _of_event(platform, provided) | own | _stored_config(platform, config)


def task_sources(platform: Platform, config: type[Config] | None, provided: Mapping[type, object]) -> TaskSources:
    """For tasks: what handlers in the background are given, less the event and its user."""
    own: dict[type, Callable[[TaskSubject], object]] = {Run: lambda subject: subject.run}
    return _of_install(platform, provided) | own | _stored_config(platform, config)


def step_sources(platform: Platform, config: type[Config] | None, provided: Mapping[type, object]) -> StepSources:
    """For the functions of steps: what tasks are given, the workflow, and the event that started it."""
    own: dict[type, Callable[[StepSubject], object]] = {
        Run: lambda subject: subject.run,
        WorkflowHandle: lambda subject: subject.workflow,
        Event: _event_of,
        Meta: lambda subject: _event_of(subject).meta,
        **{model: _payload_of_step(model) for model in PAYLOADS.values()},
    }
    return _of_install(platform, provided) | own | _stored_config(platform, config)


def _event_of(subject: StepSubject) -> Event:
    if subject.event is None:
        raise BadPayload("The workflow was started by no event.")
    return subject.event


def _payload_of_step(model: Any) -> Callable[[StepSubject], object]:
    return lambda subject: decode_payload(_event_of(subject), model)


def _stored_config(platform: Platform, config: type[Config] | None) -> dict[type, Callable[[OfInstall], object]]:
    if config is None:
        return {}

    async def stored_config(subject: OfInstall) -> object:
        return parse_config(config, await platform.configs.get(subject.install_id))

    return {config: stored_config}


def route_sources(platform: Platform, config: type[Config] | None, provided: Mapping[type, object]) -> RouteSources:
    """For setup steps: the config may be half filled, and so may what was entered."""
    own: dict[type, Callable[[Route], object]] = {
        Route: lambda route: route,
        RouteMeta: lambda route: route.meta,
        RouteParams: lambda route: route.meta.params,
        EnvoyPluginAPI: lambda _: platform.api,
        EnvoyUserAPI: lambda route: platform.user_api(_user_token(route.meta)),
        **dict.fromkeys(OF_INSTALL, lambda route: platform.storages.of_install(route.meta.install_id)),
        **dict.fromkeys(OF_PLUGIN, lambda _: platform.storages.of_plugin()),
        Search: lambda route: route.meta.params.search,
        Page: lambda route: route.meta.params.page,
        Cursor: lambda route: route.meta.params.cursor,
        Values: lambda route: route.meta.params.values,
        RawForm: lambda route: route.form,
    }
    if config is not None:
        own[config] = lambda route: parse_partial(config, route.meta.config)
        own[Form] = lambda route: parse_partial(config, route.form)
    return own | {wanted: _constant(value) for wanted, value in provided.items()}


def _of_event(platform: Platform, provided: Mapping[type, object]) -> dict[type, Callable[[Subject], object]]:
    made: dict[type, Callable[[Subject], object]] = {
        Event: lambda subject: subject.event,
        Meta: lambda subject: subject.event.meta,
    }
    made |= {model: _payload_source(model) for model in PAYLOADS.values()}
    return made | _of_install(platform, provided) | _workflows_of_event(platform)


def _workflows_of_event(platform: Platform) -> dict[type, Callable[[Subject], object]]:
    """What is started here is started by the event."""
    make = platform.apis.get(Workflows)
    if make is None:
        return {}

    def workflows(subject: Subject) -> object:
        made, event = make(subject.install_id), subject.event
        return made.of_event(event.without_secrets(), _place_of(event)) if isinstance(made, Workflows) else made

    return {Workflows: workflows}


def _place_of(event: Event) -> tuple[float, float] | None:
    """Where an event's location is, as far as Envoy says so; what it can't be read from isn't known."""
    try:
        where = event.meta.location
    except BadPayload:
        return None
    if where is None or where.latitude is None or where.longitude is None:
        return None
    return where.latitude, where.longitude


def _of_install(platform: Platform, provided: Mapping[type, object]) -> dict[type, Callable[[OfInstall], object]]:
    made: dict[type, Callable[[OfInstall], object]] = {
        EnvoyPluginAPI: lambda _: platform.api,
        EnvoyPluginJob: lambda subject: EnvoyPluginJob(platform.api, _job_id(subject)),
        **dict.fromkeys(OF_INSTALL, lambda subject: platform.storages.of_install(subject.install_id)),
        **dict.fromkeys(OF_PLUGIN, lambda _: platform.storages.of_plugin()),
        **{wanted: _for_install(make) for wanted, make in platform.apis.items()},
    }
    return made | {wanted: _constant(value) for wanted, value in provided.items()}


def _for_install(make: Callable[[str], object]) -> Callable[[OfInstall], object]:
    return lambda subject: make(subject.install_id)


def _run_of(subject: Subject) -> Run:
    assert subject.run is not None  # noqa: S101 - only background handlers may ask for one, and they have one
    return subject.run


def _user_token(meta: WebhookMeta) -> str:
    """The user's token. That there is none is nothing that trying again would mend."""
    try:
        return meta.user_token()
    except AuthFailed as error:
        raise Failed(str(error)) from error


def _job_id(subject: OfInstall) -> str:
    if subject.envoy_job is None:
        raise BadPayload("The event names no job: meta.job is missing.")
    return subject.envoy_job


def _payload_source(model: Any) -> Callable[[Subject], object]:
    return lambda subject: decode_payload(subject.event, model)


def _constant(value: object) -> Callable[[Any], object]:
    return lambda _: value
