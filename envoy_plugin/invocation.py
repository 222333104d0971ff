"""Calling a handler: its arguments made by type, its time-out kept, its outcome read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from envoy_plugin.deadline import Overdue, within
from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.config import InstallConfigs, parse_config
from envoy_plugin.envoy.events import PAYLOADS, Event, Meta, decode_payload
from envoy_plugin.envoy.job import EnvoyPluginJob
from envoy_plugin.errors import BadPayload
from envoy_plugin.injection import gather_arguments
from envoy_plugin.outcomes import Outcome, to_outcome
from envoy_plugin.plugin import Plugin
from envoy_plugin.routing import Handler
from envoy_plugin.run import Run


@dataclass(frozen=True, slots=True)
class Subject:
    """What a handler is called for: an event and, in the background, the run of its job."""

    event: Event
    run: Run | None = field(default=None)


Sources: TypeAlias = Mapping[type, Callable[[Subject], object]]
"""For each type that a handler can ask for, what makes it."""


class HandlerTimedOut(Exception):
    """The handler took longer than its time-out, and was cancelled."""


def make_sources(
    plugin: Plugin, *, api: EnvoyPluginAPI, configs: InstallConfigs, provided: Mapping[type, object]
) -> tuple[Sources, Sources]:
    """What handlers are given: inline, where the delivery has the config, and in the background, where none does."""
    shared: dict[type, Callable[[Subject], object]] = {
        Event: lambda subject: subject.event,
        Meta: lambda subject: subject.event.meta,
        EnvoyPluginAPI: lambda _: api,
        EnvoyPluginJob: lambda subject: EnvoyPluginJob(api, _job_id(subject.event)),
        Run: lambda subject: subject.run,
    }
    shared |= {model: _payload_source(model) for model in PAYLOADS.values()}
    shared |= {wanted: _constant(value) for wanted, value in provided.items()}
    model = plugin.config
    if model is None:
        return shared, shared

    async def stored_config(subject: Subject) -> object:
        return parse_config(model, await configs.get(subject.event.meta.install_id))

    inline = {model: lambda subject: parse_config(model, subject.event.meta.config)}
    return shared | inline, shared | {model: stored_config}


async def call_handler(handler: Handler, subject: Subject, sources: Sources, timeout: timedelta) -> Outcome:
    """Run a handler to its outcome; one that is raised is as good as one returned.

    Raises:
        HandlerTimedOut: it took longer than `timeout`.
        BadPayload: the event lacks what the handler asks for.
        ConfigMismatch: the install's config doesn't fit.
    What else the handler raises is its own.
    """

    async def called() -> object:
        return await handler.function(**await gather_arguments(handler.needs, sources, subject))

    try:
        value = await within(timeout, called())
    except Outcome as outcome:
        return outcome
    except Overdue as error:
        raise HandlerTimedOut from error
    return to_outcome(value, handler=handler)


def check_subject(handler: Handler, subject: Subject, inline_sources: Sources) -> None:
    """Make sure that a background handler will be able to read the event, while Envoy can still be told that it can't.

    Raises:
        BadPayload, ConfigMismatch: as `call_handler`.
    """
    for _, wanted in handler.needs:
        if wanted is not Run:
            inline_sources[wanted](subject)


def _job_id(event: Event) -> str:
    if event.meta.job is None:
        raise BadPayload("The event names no job: meta.job is missing.")
    return event.meta.job.id


def _payload_source(model: Any) -> Callable[[Subject], object]:
    return lambda subject: decode_payload(subject.event, model)


def _constant(value: object) -> Callable[[Subject], object]:
    return lambda _: value
