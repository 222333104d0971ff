"""Who may use the API: whoever has a token that is good for it, or, where it is open, a program on this machine."""

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from envoy_plugin.apis.titan.refusals import Refused
from envoy_plugin.apis.titan.tokens import Scope, Tokens
from envoy_plugin.local_only import is_local_request
from envoy_plugin.settings import OpenTo, Settings, TitanAccess

ANYBODY: Final = "titan"
CHALLENGE: Final = 'Bearer realm="titan"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rule of a process. `tokens` None: no token is asked for; `is_local`: of programs on this machine alone."""

    tokens: Tokens | None
    is_local: bool

    @classmethod
    def of(cls, settings: Settings, tokens: Tokens) -> "Access":
        """What the settings say."""
        is_open = settings.titan_access is TitanAccess.OPEN
        return cls(tokens=None if is_open else tokens, is_local=is_open and settings.titan_open_to is not OpenTo.ANY)

    async def check(self, request: web.Request, scopes: Collection[Scope]) -> str:
        """Who asks, as histories name them: by the token's name.

        Raises:
            Refused: 401, no token of ours; 403, one that isn't for this; 404, from elsewhere than this machine.
        """
        self.check_place(request)
        if self.tokens is None:
            return ANYBODY
        return await self._check_token(self.tokens, request, scopes)

    def check_place(self, request: web.Request) -> None:
        """Make sure that a request comes from where requests may.

        Raises:
            Refused: 404, it doesn't.
        """
        if self.is_local and not is_local_request(request):
            raise Refused(HTTPStatus.NOT_FOUND, "Not Found")

    async def _check_token(self, tokens: Tokens, request: web.Request, scopes: Collection[Scope]) -> str:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        token = await tokens.find(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            headers = {"WWW-Authenticate": CHALLENGE}
            raise Refused(HTTPStatus.UNAUTHORIZED, "A token is needed: Authorization: Bearer.", headers=headers)
        if not token.is_for(scopes):
            headers = {
                "WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{" ".join(sorted(scopes))}"'
            }
            raise Refused(HTTPStatus.FORBIDDEN, "The token isn't good for this.", headers=headers)
        return token.name
