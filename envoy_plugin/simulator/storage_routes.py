"""The HTTP of storage: the pipeline that the plugin calls, and a look at what is kept."""

from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter

from envoy_plugin.simulator.storage import AnyCommand, Storage
from envoy_plugin.simulator.wire import Json, api_answer, read_json

MAX_COMMANDS: Final = 10_000


def _as_text(value: Json) -> Json:
    """An id as text: the plugin passes on what `meta` had, a number or a string."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


InstallId = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_as_text)]


class Pipeline(BaseModel):
    """Commands to run in order; without an install they are for the plugin's own items."""

    model_config = {"frozen": True}

    commands: list[AnyCommand] = Field(min_length=1, max_length=MAX_COMMANDS)
    install_id: InstallId | None = None


STORAGE: Final = web.AppKey("storage", Storage)
PIPELINE: Final = TypeAdapter(Pipeline)
routes = web.RouteTableDef()


@routes.post("/api/v2/plugin-services/storage")
async def run_pipeline(request: web.Request) -> web.Response:
    """Run a pipeline: one result for each command. Nothing is run where one of them can't be read."""
    pipeline = await read_json(request, PIPELINE)
    return api_answer(request.app[STORAGE].run(pipeline.install_id, pipeline.commands))


@routes.get("/_sim/storage")
async def show_storage(request: web.Request) -> web.Response:
    """Every item as an array: `install_id` (null for the plugin's own), `key`, `value`."""
    return web.json_response(request.app[STORAGE].items())


@routes.delete("/_sim/storage")
async def clear_storage(request: web.Request) -> web.Response:
    """Remove every item."""
    request.app[STORAGE].clear()
    return web.Response(status=204)
