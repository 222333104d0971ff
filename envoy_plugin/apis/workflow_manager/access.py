"""Who may use the API: whoever has an operator's token that is good, for the item that the path names."""

from typing import Final

from aiohttp import web

from envoy_plugin.apis.workflow_manager.refusals import not_found, unauthorized
from envoy_plugin.apis.workflow_manager.tokens import BadToken, Operator, OperatorTokens, Revocations

HEADERS: Final = ("Authorization", "X-Esri-Authorization")
"""Where a token can be, the first that has one goes; after them the query. Source: the REST reference's examples, and
what the Python client was seen to send."""
PARAMETER: Final = "token"
NO_TOKEN: Final = "A token is needed: Authorization: Bearer."  # noqa: S105 - says that there is none
BAD_TOKEN: Final = "The token is none of ours, has ended, or was revoked."  # noqa: S105 - names none


class Access:
    """The rule of a process."""

    def __init__(self, tokens: OperatorTokens, revocations: Revocations) -> None:
        self._tokens = tokens
        self._revocations = revocations

    async def check(self, request: web.Request, item: str, *, given: str | None = None) -> Operator:
        """Who asks, of an item that their token names; `given` is a token where the request itself has none.

        Raises:
            Refused: 401, no token, or none that is good; 404, one that isn't for this item, whether it exists or not.
        """
        token = token_of(request) or given
        if not token:
            raise unauthorized(NO_TOKEN)
        operator = await self.read(token)
        if item not in operator.items:
            raise not_found()
        return operator

    async def read(self, token: str) -> Operator:
        """Whose token this is.

        Raises:
            Refused: 401, it is none of ours, has ended, or was revoked.
        """
        try:
            operator = self._tokens.read(token)
        except BadToken:
            raise unauthorized(BAD_TOKEN) from None
        if await self._revocations.is_revoked(operator):
            raise unauthorized(BAD_TOKEN)
        return operator

    async def is_revoked(self, operator: Operator) -> bool:
        """Whether the token of somebody who was let in is good no longer; its end is the caller's to watch."""
        return await self._revocations.is_revoked(operator)


def token_of(request: web.Request) -> str | None:
    """The token that a request carries; None: it has none. Whether it is good isn't asked."""
    for name in HEADERS:
        scheme, _, text = request.headers.get(name, "").partition(" ")
        if scheme.lower() == "bearer" and text.strip():
            return text.strip()
    return request.query.get(PARAMETER) or None
