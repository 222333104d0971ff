"""The API as a route of an aiohttp application. All else is imported at its first request: most plugins have none."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web

from envoy_plugin.engine.engine import Engine
from envoy_plugin.settings import Settings
from envoy_plugin.workflows.definitions.store import Store

if TYPE_CHECKING:
    from envoy_plugin.apis.workflow_manager.application import Application


class OperatorApi:
    """What answers operators; made at the start of a process, and without weight until somebody asks."""

    def __init__(self, engine: Engine, store: Store, settings: Settings, is_stopping: Callable[[], bool]) -> None:
        self._parts = (engine, store, settings, is_stopping)
        self._application: Application | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        if self._application is None:
            from envoy_plugin.apis.workflow_manager.application import make_application  # noqa: PLC0415 - see above

            self._application = make_application(*self._parts)
        return await self._application.answer(request)

    async def close(self) -> None:
        """Close what is open, as a server does before it waits for its requests to end."""
        if self._application is not None:
            await self._application.close()


OPERATOR_API: Final = web.AppKey("operator_api", OperatorApi)


def paths_of(settings: Settings) -> tuple[str, str]:
    """The paths that are the API's, for every method."""
    return f"/{settings.workflow_org}", f"/{settings.workflow_org}/{{path:.*}}"


async def answer(request: web.Request) -> web.StreamResponse:
    """The handler of every path in `paths_of`. `app[OPERATOR_API]` is to be set before a request."""
    return await request.app[OPERATOR_API].answer(request)


async def close(app: web.Application) -> None:
    """For the signal by which an application is told that it is shut down."""
    api = app.get(OPERATOR_API)
    if api is not None:
        await api.close()
