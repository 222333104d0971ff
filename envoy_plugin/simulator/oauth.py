"""Envoy's login: the token endpoint, and the check of the tokens that it gave out.

Source: developers.envoy.com, "Authentication"; Node SDK 2.5.2, src/sdk/EnvoyPluginAPI.ts. The shape of errors is RFC
6749's.
"""

import base64
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from envoy_plugin.simulator.times import Clock
from envoy_plugin.simulator.wire import Json, JsonObject, WireError, api_error, decode_fields

ACCESS_LIFETIME: Final = timedelta(hours=12)
REFRESH_LIFETIME: Final = timedelta(days=3)
MAX_TOKENS: Final = 10_000
PROTECTED: Final = "/api/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A pair of tokens."""

    access_token: str
    refresh_token: str
    expires_in: int

    def as_json(self) -> JsonObject:
        """The token endpoint's answer; lifetimes in seconds."""
        return {
            "token_type": "Bearer",
            "access_token": self.access_token,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "refresh_token_expires_in": int(REFRESH_LIFETIME.total_seconds()),
        }


class Tokens:
    """The clients that may log in, and the tokens that are valid; the oldest go first when there are too many."""

    def __init__(self, clients: Mapping[str, Sequence[str]], *, lifetime: timedelta, clock: Clock) -> None:
        """Take each client's id and secrets; a client has two secrets while one replaces the other."""
        self._clients = clients
        self._lifetime = lifetime
        self._clock = clock
        self._access: OrderedDict[str, datetime] = OrderedDict()
        self._refresh: OrderedDict[str, datetime] = OrderedDict()

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Whether these are a client's credentials."""
        known = self._clients.get(client_id, ())
        given = client_secret.encode(errors="replace")
        return any([hmac.compare_digest(secret.encode(), given) for secret in known])  # noqa: C419 - all are compared

    def issue(self) -> Grant:
        """A new pair of tokens."""
        now = self._clock()
        access, refresh = f"at-{secrets.token_hex(16)}", f"rt-{secrets.token_hex(16)}"
        _keep(self._access, access, now + self._lifetime)
        _keep(self._refresh, refresh, now + REFRESH_LIFETIME)
        return Grant(access_token=access, refresh_token=refresh, expires_in=int(self._lifetime.total_seconds()))

    def refresh(self, refresh_token: str) -> Grant | None:
        """A new pair for a refresh token, which is used up by this; None if it isn't valid."""
        until = self._refresh.pop(refresh_token, None)
        return self.issue() if until is not None and self._clock() < until else None

    def is_valid(self, access_token: str) -> bool:
        """Whether an access token was given out, not revoked, and hasn't expired."""
        until = self._access.get(access_token)
        return until is not None and self._clock() < until

    def revoke_all(self) -> None:
        """End every token, refresh tokens included."""
        self._access.clear()
        self._refresh.clear()


def _keep(tokens: OrderedDict[str, datetime], token: str, until: datetime) -> None:
    tokens[token] = until
    while len(tokens) > MAX_TOKENS:
        tokens.popitem(last=False)


TOKENS: Final = web.AppKey("tokens", Tokens)
routes = web.RouteTableDef()


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


def _grant(tokens: Tokens, form: JsonObject) -> Grant:
    match form.get("grant_type"):
        case "client_credentials":
            return tokens.issue()
        case "refresh_token":
            grant = tokens.refresh(str(form.get("refresh_token")))
            if grant is None:
                raise _refusal(400, "invalid_grant", "The refresh token is unknown, used up, revoked or expired.")
            return grant
        case None:
            raise _refusal(400, "invalid_request", "grant_type is missing.")
        case _:
            raise _refusal(400, "unsupported_grant_type", "Only client_credentials and refresh_token are granted here.")


@routes.post("/a/auth/v0/token")
@routes.post("/oauth2/token")
async def give_token(request: web.Request) -> web.Response:
    """Log a client in; both documented paths are the same endpoint."""
    form = await _form_of(request)
    tokens = request.app[TOKENS]
    _check_client(tokens, request.headers.get("Authorization", ""), form)
    _check_scope(form.get("scope"))
    return web.json_response(_grant(tokens, form).as_json(), headers={"Cache-Control": "no-store"})


@routes.post("/_sim/revoke")
async def revoke(request: web.Request) -> web.Response:
    """End every token at once."""
    request.app[TOKENS].revoke_all()
    return web.Response(status=204)


@web.middleware
async def require_bearer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 401 under `/api/` unless the request carries a valid access token."""
    if request.path.startswith(PROTECTED):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not request.app[TOKENS].is_valid(token.strip()):
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise api_error(401, "Unauthorized", "The access token is missing, unknown, revoked or expired.", headers)
    return await handler(request)
