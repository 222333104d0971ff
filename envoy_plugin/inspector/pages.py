"""The inspector's pages. They are rendered here; a script of a few lines puts in what changes while one looks."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from envoy_plugin.inspector.access import FORM_FIELD
from envoy_plugin.inspector.parts import ACCESS, REPLAYER, VIEWER, delivery_of
from envoy_plugin.inspector.replaying import NotWhole, ReplayAs
from envoy_plugin.inspector.views import pretty
from envoy_plugin.simulator.control import SimulatedEnvoyLost
from envoy_plugin.simulator.wire import JsonObject

HERE: Final = Path(__file__).parent
MOST_FORM: Final = 64 * 1024 * 1024
A_PAGE: Final = 100
LOOK_EVERY: Final = timedelta(milliseconds=500)
NO_JINJA: Final = "The inspector's pages need the extra `dev`: pip install 'envoy_plugin[dev]'."
NO_OBJECT: Final = "This isn't a JSON object, so it wasn't sent."

routes = web.RouteTableDef()
routes.static("/_envoy/static", HERE / "static")

Look = Callable[[], Awaitable[str]]


@routes.get("/_envoy")
async def start(_: web.Request) -> web.Response:
    """Where people who leave out the slash want to be."""
    raise web.HTTPSeeOther("/_envoy/")


@routes.get("/_envoy/")
async def show_deliveries(request: web.Request) -> web.Response:
    """The newest deliveries; `?below=N` those before a number."""
    return _page(
        request, "deliveries.html", _deliveries(request), live=f"/_envoy/live/deliveries?{request.query_string}"
    )


@routes.get("/_envoy/live/deliveries")
async def follow_deliveries(request: web.Request) -> web.StreamResponse:
    """The same, each time that it has changed."""

    async def look() -> str:
        return _part(request, "_deliveries.html", _deliveries(request))

    return await _follow(request, look)


@routes.get("/_envoy/dashboard")
async def show_dashboard(request: web.Request) -> web.Response:
    """What Envoy's dashboard shows of the jobs that deliveries were about."""
    return _page(request, "dashboard.html", _dashboard(request), live="/_envoy/live/dashboard")


@routes.get("/_envoy/live/dashboard")
async def follow_dashboard(request: web.Request) -> web.StreamResponse:
    """The same, each time that it has changed."""

    async def look() -> str:
        return _part(request, "_dashboard.html", _dashboard(request))

    return await _follow(request, look)


@routes.get(r"/_envoy/deliveries/{id:\d{1,9}}")
async def show_delivery(request: web.Request) -> web.Response:
    """One delivery: both sides, log lines, the jobs behind it, what Envoy's dashboard shows."""
    shown = await _delivery(request)
    return _page(request, "delivery.html", shown, live=f"/_envoy/live/deliveries/{shown['d']['id']}")


@routes.get(r"/_envoy/live/deliveries/{id:\d{1,9}}")
async def follow_delivery(request: web.Request) -> web.StreamResponse:
    """What changes of it, each time that it has changed."""

    async def look() -> str:
        return _part(request, "_delivery.html", await _delivery(request))

    return await _follow(request, look)


@routes.get(r"/_envoy/deliveries/{id:\d{1,9}}/body.json")
async def give_body(request: web.Request) -> web.Response:
    """The very bytes that were sent, as a file: a fixture."""
    row = delivery_of(request)
    if row.cut:
        raise web.HTTPGone(text="The body was too large to be kept.")
    name = f'attachment; filename="delivery-{row.number}.json"'
    return web.Response(body=row.body, content_type="application/json", headers={"Content-Disposition": name})


@routes.get(r"/_envoy/deliveries/{id:\d{1,9}}/edit")
async def edit_delivery(request: web.Request) -> web.Response:
    """A form with the body in it."""
    row = delivery_of(request)
    text = pretty(row.webhook.document) if row.webhook.document else row.body.decode(errors="replace")
    return _page(request, "edit.html", {"number": row.number, "event": row.webhook.event, "text": text, "fault": None})


@routes.post(r"/_envoy/deliveries/{id:\d{1,9}}/replay")
async def replay(request: web.Request) -> web.Response:
    """Send it again, as it was or as the form has it, and show the new delivery."""
    form = await request.post()
    request.app[ACCESS].check_form(str(form.get(FORM_FIELD, "")))
    row, text = delivery_of(request), form.get("body")
    if text is not None and not _is_object(str(text)):
        shown = {"number": row.number, "event": row.webhook.event, "text": str(text), "fault": NO_OBJECT}
        return _page(request, "edit.html", shown, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    kind = ReplayAs.SAME if form.get("as") == ReplayAs.SAME else ReplayAs.NEW
    try:
        sent = await request.app[REPLAYER].replay(row, kind, None if text is None else str(text).encode())
    except (NotWhole, SimulatedEnvoyLost) as error:
        raise web.HTTPBadGateway(text=str(error)) from None
    raise web.HTTPSeeOther("/_envoy/" if sent is None else f"/_envoy/deliveries/{sent.number}")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _deliveries(request: web.Request) -> JsonObject:
    below = request.query.get("below", "")
    number = int(below) if below.isascii() and below.isdigit() else None
    return {"deliveries": request.app[VIEWER].summaries(below=number, most=A_PAGE), "below": number, "most": A_PAGE}


def _dashboard(request: web.Request) -> JsonObject:
    return {"jobs": request.app[VIEWER].dashboard(most=A_PAGE)}


async def _delivery(request: web.Request) -> JsonObject:
    return {"d": await request.app[VIEWER].detail(delivery_of(request))}


async def _follow(request: web.Request, look: Look) -> web.StreamResponse:
    """Server-sent events, each a piece of the page, until the browser is gone: writing then raises.

    Source: WHATWG HTML, 9.2 "Server-sent events"; a line that begins with a colon is a comment.
    """
    shown, now = "", await look()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    with suppress(web.HTTPNotFound):  # it is forgotten by now
        while True:
            lines = [f"data: {line}" for line in now.splitlines()] if now != shown else [":"]
            await response.write("\n".join([*lines, "", ""]).encode())
            await asyncio.sleep(LOOK_EVERY.total_seconds())
            shown, now = now, await look()
    return response


def _page(
    request: web.Request,
    template: str,
    shown: Mapping[str, object],
    *,
    live: str | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> web.Response:
    access = request.app[ACCESS]
    text = _part(request, template, {**shown, "live": live, "form_field": FORM_FIELD, "form_key": access.form_key})
    return web.Response(text=text, content_type="text/html", status=status)


def _part(request: web.Request, template: str, shown: Mapping[str, object]) -> str:
    return str(_templates().get_template(template).render({**shown, "path": request.path}))


@cache
def _templates() -> Any:
    """Jinja's environment, which escapes whatever is put into a template."""
    if find_spec("jinja2") is None:
        raise web.HTTPNotImplemented(text=NO_JINJA)
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only where it is installed

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = pretty
    return environment
