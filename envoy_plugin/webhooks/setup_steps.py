"""Webhooks of setup steps: parse, ask the plugin's function, answer the installer. Nothing is deduped or put off."""

from collections.abc import Awaitable, Mapping
from functools import partial
from http import HTTPStatus

from aiohttp import web

from envoy_plugin.context import Entered
from envoy_plugin.deadline import Overdue, within
from envoy_plugin.envoy.routes import Route, RouteKind, parse_delivery
from envoy_plugin.errors import ApiUnavailable, BadPayload, ConfigMismatch
from envoy_plugin.injection.handlers import gather_arguments
from envoy_plugin.invocation import HandlerFailed, watched
from envoy_plugin.logs import bind_more, get_logger
from envoy_plugin.outcomes import Answer, Body, Outcome, answer, answer_raised, timed_out
from envoy_plugin.routing import RouteHandler
from envoy_plugin.runtime import Runtime
from envoy_plugin.setup_steps import answer_body
from envoy_plugin.webhooks.doorway import Doorway, Refused

log = get_logger(__name__)


class RouteWebhooks:
    """Answers Envoy's installer: `POST /envoy/routes/{kind}/{name}`."""

    def __init__(self, runtime: Runtime, doorway: Doorway) -> None:
        self._runtime = runtime
        self._doorway = doorway

    def receive(self, request: web.Request) -> Awaitable[web.Response]:
        """Answer one question."""
        return self._doorway.answer(request, partial(self._received, request.match_info))

    def _received(self, url: Mapping[str, str], body: bytes) -> Awaitable[Answer]:
        handler = self._find(url["kind"], url["name"])
        route = parse_delivery(body)
        if not isinstance(route, Route):
            raise BadPayload("The URL is for a route, and the body is an event.")
        self._doorway.check_plugin(route.meta)
        bind_more(install=route.meta.install_id, route=f"{handler.kind}/{handler.name}")
        return self._answered(handler, route)

    def _find(self, kind: str, name: str) -> RouteHandler:
        if kind in set(RouteKind):
            handler = self._runtime.plugin.routes.get((RouteKind(kind), name))
            if handler is not None:
                return handler
        raise Refused(HTTPStatus.NOT_FOUND, "This plugin has no such route.")

    async def _answered(self, handler: RouteHandler, route: Route) -> Answer:
        timeout = handler.timeout or self._runtime.settings.handler_timeout
        ask = partial(self._body, handler, route)
        try:
            with Entered(self._runtime.context(route.meta.install_id)):
                given = await within(timeout, watched(self._runtime.plugin, route, ask))
        except Overdue:
            log.error("route.timed_out", seconds=timeout.total_seconds())
            return timed_out()
        except ApiUnavailable as error:
            log.warning("envoy.unavailable", status=error.status)
            return answer_raised(error)
        except (ConfigMismatch, HandlerFailed) as error:
            return answer_raised(error)
        return _refusal(given) if isinstance(given, Outcome) else Answer(status=HTTPStatus.OK, body=given)

    async def _body(self, handler: RouteHandler, route: Route) -> Body:
        arguments = await gather_arguments(handler.needs, self._runtime.route_sources, route)
        value = await handler.function(**arguments)
        if isinstance(value, Outcome):
            raise value
        return answer_body(handler, value, route)


def _refusal(outcome: Outcome) -> Answer:
    """The answer that keeps the installer on the step. Of one that doesn't, as `Done`, Envoy would save the body."""
    if outcome.http_status < HTTPStatus.BAD_REQUEST:
        log.error("route.unanswered", outcome=type(outcome).__name__)
        return answer_raised(HandlerFailed())
    return answer(outcome)
