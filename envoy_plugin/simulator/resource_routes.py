"""The HTTP of what a user may see and do: people, places, flows, invites and reservations, as JSON:API.

Source: Node SDK 2.5.2, src/sdk/EnvoyUserAPI.ts.
"""

import re
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, Field, JsonValue, TypeAdapter

from envoy_plugin.simulator.directory import invite_defaults
from envoy_plugin.simulator.links import USER_ID
from envoy_plugin.simulator.resources import DEFAULT_LIMIT, MAX_LIMIT, Question, Resources
from envoy_plugin.simulator.storage_routes import InstallId as Id
from envoy_plugin.simulator.wire import JsonObject, api_answer, api_error, read_json

TYPES: Final = (
    "agreement-pages",
    "agreements",
    "companies",
    "employees",
    "flows",
    "invites",
    "locations",
    "sign-in-field-pages",
    "sign-in-fields",
)
READABLE: Final = "|".join(TYPES)
FILTER: Final = re.compile(r"filter\[([A-Za-z_-]+)\](?:\[\])?")
MAX_NUMBER: Final = 10**6


def _as_object(value: object) -> object:
    return {} if value is None else value


Object = Annotated[dict[str, JsonValue], BeforeValidator(_as_object)]


class Written(BaseModel):
    """A resource as a client writes it; the id is that of the URL, or there is none yet."""

    model_config = {"frozen": True}

    type: str | None = None
    id: Id | None = None
    attributes: Object = Field(default_factory=dict)
    relationships: Object = Field(default_factory=dict)


class Document(BaseModel):
    """A JSON:API document with one resource."""

    model_config = {"frozen": True}

    data: Written


RESOURCES: Final = web.AppKey("resources", Resources)
DOCUMENT: Final = TypeAdapter(Document)
routes = web.RouteTableDef()


def _question(request: web.Request) -> Question:
    query = request.query
    filters = {found[1]: value for name, value in query.items() if (found := FILTER.fullmatch(name))}
    return Question(
        filters=filters,
        sort=tuple(filter(None, query.get("sort", "").split(","))),
        offset=_number(query.get("page[offset]"), default=0, least=0),
        limit=min(_number(query.get("page[limit]"), default=DEFAULT_LIMIT, least=1), MAX_LIMIT),
        include=_paths(request),
    )


def _paths(request: web.Request) -> tuple[str, ...]:
    return tuple(filter(None, request.query.get("include", "").split(",")))


def _number(text: str | None, *, default: int, least: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:10]) <= MAX_NUMBER):
        raise api_error(400, "Bad request", "page[offset] and page[limit] are numbers.")
    return int(text)


def _one(request: web.Request, resource: JsonObject, *, status: int = 200) -> web.Response:
    included = request.app[RESOURCES].included([resource], _paths(request))
    return api_answer(resource, status=status, **({"included": included} if included else {}))


def _many(request: web.Request, kind: str, parent: JsonObject | None = None) -> web.Response:
    resources, question = request.app[RESOURCES], _question(request)
    page = resources.find(kind, question) if parent is None else resources.related(kind, parent, question)
    included = resources.included(page.resources, question.include)
    more = question.offset + question.limit < page.total
    step = {"page[offset]": str(question.offset + question.limit), "page[limit]": str(question.limit)}
    links = {"next": str(request.url.update_query(step)) if more else None}
    beside: JsonObject = {"included": included} if included else {}
    return api_answer(list(page.resources), **beside, meta={"total": page.total}, links=links)


@routes.get("/api/v2/users/me")
async def show_me(request: web.Request) -> web.Response:
    """The user whom the token stands for; here it is always the same one."""
    return _one(request, request.app[RESOURCES].get("users", USER_ID))


@routes.get(f"/api/v3/{{kind:{READABLE}}}")
async def show_many(request: web.Request) -> web.Response:
    """The resources of a type: `filter[…]`, `sort`, `page[offset]`, `page[limit]`, `include`."""
    return _many(request, request.match_info["kind"])


@routes.get(f"/api/v3/{{kind:{READABLE}}}/{{id}}")
async def show_one(request: web.Request) -> web.Response:
    """One resource, with `include`."""
    return _one(request, request.app[RESOURCES].get(request.match_info["kind"], request.match_info["id"]))


@routes.get(f"/api/v3/{{parent:{READABLE}}}/{{id}}/{{kind:{READABLE}}}")
async def show_related(request: web.Request) -> web.Response:
    """The resources that belong to another, as the fields of a page."""
    parent = request.app[RESOURCES].get(request.match_info["parent"], request.match_info["id"])
    return _many(request, request.match_info["kind"], parent)


async def _written(request: web.Request, kind: str) -> Written:
    """The resource of the body, which is of the right type.

    Raises:
        WireError: 409, the body is of another type, or has another id than the URL.
    """
    written = (await read_json(request, DOCUMENT)).data
    if written.type not in {None, kind} or written.id not in {None, request.match_info.get("id", written.id)}:
        raise api_error(409, "Conflict", "Type and id of the body aren't those of the URL.")
    return written


@routes.post("/api/v3/invites")
async def create_invite(request: web.Request) -> web.Response:
    """Make an invite. Nobody is told: `trigger invite_created` sends the event."""
    written = await _written(request, "invites")
    made = request.app[RESOURCES].add("invites", invite_defaults() | written.attributes, written.relationships)
    return _one(request, made, status=201)


@routes.put("/api/v3/invites/{id}")
async def replace_invite(request: web.Request) -> web.Response:
    """Replace what an invite says; what is left out gets its default."""
    written, resources = await _written(request, "invites"), request.app[RESOURCES]
    invite = resources.get("invites", request.match_info["id"])
    created = {"created-at": invite["attributes"]["created-at"]}
    relationships = invite["relationships"] | written.relationships
    return _one(request, resources.change(invite, invite_defaults() | created | written.attributes, relationships))


@routes.patch("/api/v3/invites/{id}")
async def change_invite(request: web.Request) -> web.Response:
    """Change some of what an invite says."""
    written, resources = await _written(request, "invites"), request.app[RESOURCES]
    invite = resources.get("invites", request.match_info["id"])
    attributes, relationships = (
        invite["attributes"] | written.attributes,
        invite["relationships"] | written.relationships,
    )
    return _one(request, resources.change(invite, attributes, relationships))


@routes.delete("/api/v3/invites/{id}")
async def remove_invite(request: web.Request) -> web.Response:
    """Remove an invite: 204."""
    resources = request.app[RESOURCES]
    resources.remove("invites", resources.get("invites", request.match_info["id"])["id"])
    return web.Response(status=204)


@routes.post("/a/rms/reservations")
async def create_reservation(request: web.Request) -> web.Response:
    """Make a reservation of a desk; ids and times may be numbers."""
    written = await _written(request, "reservations")
    return _one(
        request,
        request.app[RESOURCES].add("reservations", dict(written.attributes), written.relationships),
        status=201,
    )
