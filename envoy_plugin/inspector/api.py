"""What the command line asks of a running `dev`: deliveries as JSON, their very bytes, and replays."""

from typing import Final

from aiohttp import web

from envoy_plugin.inspector.parts import REPLAYER, VIEWER, delivery_of
from envoy_plugin.inspector.replaying import NotWhole, ReplayAs
from envoy_plugin.simulator.control import SimulatedEnvoyLost

MOST_LISTED: Final = 500

routes = web.RouteTableDef()


@routes.get("/_envoy/api/deliveries")
async def list_deliveries(request: web.Request) -> web.Response:
    """Every delivery that is kept, the newest first."""
    return web.json_response(request.app[VIEWER].summaries(most=MOST_LISTED))


@routes.get(r"/_envoy/api/deliveries/{id:\d{1,9}|last}")
async def show_delivery(request: web.Request) -> web.Response:
    """One delivery, both sides, and what became of it."""
    return web.json_response(await request.app[VIEWER].detail(delivery_of(request)))


@routes.get(r"/_envoy/api/deliveries/{id:\d{1,9}|last}/body")
async def give_body(request: web.Request) -> web.Response:
    """The very bytes that were sent."""
    row = delivery_of(request)
    if row.cut:
        raise web.HTTPGone(text="The body was too large to be kept.")
    return web.Response(body=row.body, content_type="application/json")


@routes.post(r"/_envoy/api/deliveries/{id:\d{1,9}|last}/replay")
async def replay(request: web.Request) -> web.Response:
    """Send it again, with the request's body where it has one; the answer is the new delivery. `?as=same|new`."""
    row, body = delivery_of(request), await request.read()
    try:
        kind = ReplayAs(request.query.get("as", ReplayAs.NEW))
        sent = await request.app[REPLAYER].replay(row, kind, body or None)
    except NotWhole as error:
        raise web.HTTPGone(text=str(error)) from None
    except ValueError:
        raise web.HTTPUnprocessableEntity(text="`as` is new or same.") from None
    except SimulatedEnvoyLost as error:
        raise web.HTTPBadGateway(text=str(error)) from None
    if sent is None:
        raise web.HTTPBadGateway(text="The replay didn't arrive.")
    return web.json_response(await request.app[VIEWER].detail(sent))
