"""The door and the inspector behind it as one aiohttp application, on the port on which the plugin seems to listen."""

from aiohttp import web

from envoy_plugin.inspector import api, pages
from envoy_plugin.inspector.access import Access
from envoy_plugin.inspector.door import OWN, Door
from envoy_plugin.inspector.parts import ACCESS, RECORDER, REPLAYER, VIEWER
from envoy_plugin.inspector.replaying import Replayer
from envoy_plugin.inspector.views import Viewer
from envoy_plugin.local_only import local_only


def create_inspector(door: Door, *, access: Access, viewer: Viewer, replayer: Replayer) -> web.Application:
    """What `dev` listens with: everything below `/_envoy/` is the inspector's, the rest goes through the door."""
    app = web.Application(middlewares=[local_only(OWN), access.guard()], client_max_size=pages.MOST_FORM)
    app[ACCESS], app[RECORDER], app[REPLAYER], app[VIEWER] = access, viewer.recorder, replayer, viewer
    app.on_response_prepare.append(access.mark)
    app.add_routes(api.routes)
    app.add_routes(pages.routes)
    app.router.add_route("*", "/{path:.*}", door.handle)
    return app
