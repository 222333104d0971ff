"""The installs of the plugin, and the config of each.

Source: developers.envoy.com, "Plugin installs"; Node SDK 2.5.2, src/sdk/EnvoyPluginAPI.ts. Whether nested objects are
merged too isn't documented: here only the top level is.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from aiohttp import web
from pydantic import BaseModel, Field, JsonValue, TypeAdapter

from envoy_plugin.simulator.wire import Json, JsonObject, api_answer, not_found, read_json

MAX_INSTALLS: Final = 10_000


class Installs:
    """The config of each install that is known; beyond `MAX_INSTALLS` the oldest are forgotten."""

    def __init__(self) -> None:
        self._configs: OrderedDict[str, JsonObject] = OrderedDict()

    def ids(self) -> tuple[str, ...]:
        """Every install that is known, oldest first."""
        return tuple(self._configs)

    def put(self, install_id: str, config: JsonObject) -> None:
        """Make an install known, with exactly this config."""
        self._configs[install_id] = config
        while len(self._configs) > MAX_INSTALLS:
            self._configs.popitem(last=False)

    def config(self, install_id: str) -> JsonObject | None:
        """The config of an install; None if it isn't known."""
        return self._configs.get(install_id)


def merged(config: Mapping[str, Json], changes: Mapping[str, Json]) -> JsonObject:
    """The config with these changes; a key whose new value is null is gone."""
    return {key: value for key, value in {**config, **changes}.items() if key not in changes or value is not None}


class Purpose(BaseModel):
    """What an install is for, where it answers hooks."""

    model_config = {"frozen": True}

    purpose: str = Field(min_length=1)


INSTALLS: Final = web.AppKey("installs", Installs)
CONFIG: Final = TypeAdapter(dict[str, JsonValue])
PURPOSE: Final = TypeAdapter(Purpose)
routes = web.RouteTableDef()


def config_of(request: web.Request) -> JsonObject:
    """The config of the install that the URL names.

    Raises:
        WireError: 404, there is no such install.
    """
    config = request.app[INSTALLS].config(request.match_info["id"])
    if config is None:
        raise not_found("There is no such install.")
    return config


@routes.get("/_sim/installs")
async def show_installs(request: web.Request) -> web.Response:
    """The ids of the installs that are known, as an array."""
    return web.json_response(request.app[INSTALLS].ids())


@routes.get("/_sim/installs/{id}/config")
@routes.get("/api/v2/plugin-services/installs/{id}/config")
async def show_config(request: web.Request) -> web.Response:
    """The install's config."""
    return api_answer(config_of(request))


@routes.put("/_sim/installs/{id}/config")
async def put_config(request: web.Request) -> web.Response:
    """Replace the install's config, as an installer who saves the setup would; makes the install known."""
    config = await read_json(request, CONFIG)
    request.app[INSTALLS].put(request.match_info["id"], config)
    return api_answer(config)


@routes.put("/api/v2/plugin-services/installs/{id}/config")
async def merge_config(request: web.Request) -> web.Response:
    """Merge changes into the install's config; null removes a key. Answers the complete new config."""
    changes = await read_json(request, CONFIG)
    config = merged(config_of(request), changes)
    request.app[INSTALLS].put(request.match_info["id"], config)
    return api_answer(config)


@routes.put("/api/v2/plugin-services/installs/{id}/purpose")
async def set_purpose(request: web.Request) -> web.Response:
    """Take the purpose of an install, and keep nothing: the dashboard's feature hooks have replaced it.

    Source: developers.envoy.com, "Synchronous hooks", an older version of the page.
    """
    told = await read_json(request, PURPOSE)
    config_of(request)
    return api_answer({"id": request.match_info["id"], "purpose": told.purpose})
