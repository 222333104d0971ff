"""What the inspector's routes find in their application."""

from typing import Final

from aiohttp import web

from envoy_plugin.inspector.access import Access
from envoy_plugin.inspector.recording import Recorded, Recorder
from envoy_plugin.inspector.replaying import Replayer
from envoy_plugin.inspector.views import Viewer

ACCESS: Final = web.AppKey("access", Access)
RECORDER: Final = web.AppKey("recorder", Recorder)
REPLAYER: Final = web.AppKey("replayer", Replayer)
VIEWER: Final = web.AppKey("viewer", Viewer)

GONE: Final = "There is no such delivery, or it is so old that it is forgotten."


def delivery_of(request: web.Request) -> Recorded:
    """The delivery that the path names: its number, or `last`.

    Raises:
        HTTPNotFound: there is none.
    """
    name, recorder = request.match_info["id"], request.app[RECORDER]
    row = recorder.newest() if name == "last" else recorder.get(int(name))
    if row is None:
        raise web.HTTPNotFound(text=GONE)
    return row
