"""The installs of the plugin, and the config of each.

Source: developers.envoy.com, "Plugin installs"; Node SDK 2.5.2, src/sdk/EnvoyPluginAPI.ts.
"""

from collections import OrderedDict
from typing import Final

from aiohttp import web
from pydantic import JsonValue, TypeAdapter

from envoy_plugin.simulator.wire import JsonObject, api_answer, not_found, read_json

MAX_INSTALLS: Final = 10_000


class Installs:
    """The config of each install that is known; beyond `MAX_INSTALLS` the oldest are forgotten."""

    def __init__(self) -> None:
        self._configs: OrderedDict[str, JsonObject] = OrderedDict()

    def put(self, install_id: str, config: JsonObject) -> None:
        """Make an install known, with exactly this config."""
        self._configs[install_id] = config
        while len(self._configs) > MAX_INSTALLS:
            self._configs.popitem(last=False)

    def config(self, install_id: str) -> JsonObject | None:
        """The config of an install; None if it isn't known."""
        return self._configs.get(install_id)


INSTALLS: Final = web.AppKey("installs", Installs)
CONFIG: Final = TypeAdapter(dict[str, JsonValue])
routes = web.RouteTableDef()


@routes.get("/_sim/installs/{id}/config")
@routes.get("/api/v2/plugin-services/installs/{id}/config")
async def show_config(request: web.Request) -> web.Response:
    """The install's config."""
    config = request.app[INSTALLS].config(request.match_info["id"])
    if config is None:
        raise not_found("There is no such install.")
    return api_answer(config)


@routes.put("/_sim/installs/{id}/config")
async def put_config(request: web.Request) -> web.Response:
    """Replace the install's config, as an installer who saves the setup would; makes the install known."""
    config = await read_json(request, CONFIG)
    request.app[INSTALLS].put(request.match_info["id"], config)
    return api_answer(config)
