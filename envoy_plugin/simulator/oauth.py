"""Envoy's login: the token endpoint, the authorize page, and the check of the tokens that were given out.

Source: developers.envoy.com, "Authentication"; Node SDK 2.5.2, src/sdk/EnvoyPluginAPI.ts and EnvoyUserAPI.ts. The shape
of errors is RFC 6749's.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import Field, TypeAdapter
from yarl import URL

from envoy_plugin.simulator.installs import INSTALLS
from envoy_plugin.simulator.links import COMPANY_ID
from envoy_plugin.simulator.logins import ACCESS_LIFETIME, INSTALLER, Grant, Tokens
from envoy_plugin.simulator.times import CLOCK
from envoy_plugin.simulator.wire import Json, JsonObject, StrictModel, WireError, api_error, decode_fields, read_json

__all__ = ["ACCESS_LIFETIME", "TOKENS", "Tokens", "require_bearer", "routes"]

PROTECTED: Final = ("/api/", "/a/rms/")
MAX_LIFETIME_SECONDS: Final = 366 * 24 * 3600

TOKENS: Final = web.AppKey("tokens", Tokens)
routes = web.RouteTableDef()


class AcceptedToken(StrictModel):
    """What `PUT /_sim/tokens/{token}` may say."""

    expires_in: Annotated[int, Field(gt=0, le=MAX_LIFETIME_SECONDS)]


ACCEPTED_TOKEN: Final = TypeAdapter(AcceptedToken)


def _refusal(status: int, code: str, description: str) -> WireError:
    headers = {"Cache-Control": "no-store"} | (
        {"WWW-Authenticate": "Basic"} if status == web.HTTPUnauthorized.status_code else {}
    )
    return WireError(status, {"error": code, "error_description": description}, headers)


async def _form_of(request: web.Request) -> JsonObject:
    try:
        form = decode_fields(request.headers.get("Content-Type", ""), await request.read())
    except ValueError:
        form = None
    if not isinstance(form, dict):
        raise _refusal(400, "invalid_request", "The body must be an object or a form: JSON, urlencoded or multipart.")
    return form


def _basic_credentials(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return client_id, client_secret


def _check_client(tokens: Tokens, authorization: str, form: JsonObject) -> None:
    """Refuse unless there are credentials, by Basic, in the body or both, and all that there are are right."""
    given = [basic] if (basic := _basic_credentials(authorization)) else []
    if "client_id" in form or "client_secret" in form:
        given.append((str(form.get("client_id")), str(form.get("client_secret"))))
    if not given or not all(tokens.knows(*pair) for pair in given):
        raise _refusal(401, "invalid_client", "Unknown client, or a wrong secret.")


def _check_scope(scope: Json) -> None:
    """Refuse what is neither a comma or space separated string nor an array of strings."""
    words = scope.replace(",", " ").split() if isinstance(scope, str) else scope
    if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise _refusal(400, "invalid_scope", "The scope must be a string or an array of strings.")


def _for_credentials(app: web.Application, _: JsonObject) -> Grant:
    return app[TOKENS].issue()


def _for_password(app: web.Application, form: JsonObject) -> Grant:
    if not app[TOKENS].knows_user(str(form.get("username")), str(form.get("password"))):
        raise _refusal(400, "invalid_grant", "Unknown user, or a wrong password.")
    return app[TOKENS].issue(INSTALLER)


def _for_code(app: web.Application, form: JsonObject) -> Grant:
    redirect_uri = form.get("redirect_uri")
    grant = app[TOKENS].redeem(str(form.get("code")), None if redirect_uri is None else str(redirect_uri))
    if grant is None:
        raise _refusal(400, "invalid_grant", "The code is unknown, used up, expired, or for another redirect_uri.")
    return grant


def _for_install(app: web.Application, form: JsonObject) -> Grant:
    """Source of the further keys: developers.envoy.com, "Plugin install access token"."""
    if app[INSTALLS].config(str(form.get("install_id"))) is None:
        raise _refusal(400, "invalid_grant", "There is no such install.")
    return app[TOKENS].issue(INSTALLER, {"state": None, "company_id": COMPANY_ID})


def _for_refresh(app: web.Application, form: JsonObject) -> Grant:
    grant = app[TOKENS].refresh(str(form.get("refresh_token")))
    if grant is None:
        raise _refusal(400, "invalid_grant", "The refresh token is unknown, used up, revoked or expired.")
    return grant


GRANTS: Final[Mapping[str, Callable[[web.Application, JsonObject], Grant]]] = MappingProxyType(
    {
        "client_credentials": _for_credentials,
        "password": _for_password,
        "authorization_code": _for_code,
        "plugin_install": _for_install,
        "refresh_token": _for_refresh,
    }
)


@routes.post("/a/auth/v0/token")
@routes.post("/oauth2/token")
async def give_token(request: web.Request) -> web.Response:
    """Log a client in; both documented paths are the same endpoint."""
    form = await _form_of(request)
    _check_client(request.app[TOKENS], request.headers.get("Authorization", ""), form)
    _check_scope(form.get("scope"))
    kind = form.get("grant_type")
    if kind is None:
        raise _refusal(400, "invalid_request", "grant_type is missing.")
    grant = GRANTS.get(kind) if isinstance(kind, str) else None
    if grant is None:
        raise _refusal(400, "unsupported_grant_type", f"Granted here are {', '.join(GRANTS)}.")
    return web.json_response(grant(request.app, form).as_json(), headers={"Cache-Control": "no-store"})


@routes.get("/a/auth/v0/authorize")
async def authorize(request: web.Request) -> web.Response:
    """Say yes in the user's place: back to `redirect_uri` at once, with a `code`, and the `state` that was given."""
    query = request.query
    redirect_uri = _redirect_uri(query.get("redirect_uri", ""))
    if query.get("response_type") != "code" or redirect_uri is None:
        raise _refusal(400, "invalid_request", "response_type must be code, and redirect_uri an http or https URL.")
    if not request.app[TOKENS].knows_client(query.get("client_id", "")):
        raise _refusal(400, "unauthorized_client", "Unknown client.")
    given = {"code": request.app[TOKENS].authorize(query["redirect_uri"])}
    state = {"state": query["state"]} if "state" in query else {}
    return web.Response(status=302, headers={"Location": str(redirect_uri.update_query(given | state))})


def _redirect_uri(text: str) -> URL | None:
    try:
        url = URL(text)
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} and url.host and not url.fragment else None


@routes.put("/_sim/tokens/{token}")
async def accept_token(request: web.Request) -> web.Response:
    """Take an access token for valid: the one that a webhook carries in `meta.auth`."""
    told = await read_json(request, ACCEPTED_TOKEN)
    until = request.app[CLOCK]() + timedelta(seconds=told.expires_in)
    request.app[TOKENS].accept(request.match_info["token"], until=until)
    return web.Response(status=204)


@routes.post("/_sim/expire")
async def expire(request: web.Request) -> web.Response:
    """End every access token at once; refresh tokens stay good."""
    request.app[TOKENS].expire_access()
    return web.Response(status=204)


@routes.post("/_sim/revoke")
async def revoke(request: web.Request) -> web.Response:
    """End every token at once."""
    request.app[TOKENS].revoke_all()
    return web.Response(status=204)


@web.middleware
async def require_bearer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 401 under `/api/` and `/a/rms/` unless the request carries a valid access token."""
    if request.path.startswith(PROTECTED):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not request.app[TOKENS].is_valid(token.strip()):
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise api_error(401, "Unauthorized", "The access token is missing, unknown, revoked or expired.", headers)
    return await handler(request)
