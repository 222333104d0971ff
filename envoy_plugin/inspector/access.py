"""Who may use the inspector: somebody at this machine who has the token that `dev` printed.

That a request comes from this machine, and from no other site's page, is `local_only`'s to say. A browser
gets the token in the URL once, and keeps it in a cookie that no other site's page can make it send; a program sends it
as `Authorization: Bearer`. A form carries a second value, derived from the token: a cookie alone changes nothing.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from envoy_plugin.inspector.door import OWN, is_own
from envoy_plugin.sealing import derive_key

FORM_FIELD: Final = "form_key"
API: Final = f"{OWN}/api/"
STATIC: Final = f"{OWN}/static/"
SAFE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with no-referrer, a browser sends `Origin: null` with our own forms
    "X-Content-Type-Options": "nosniff",
}
NO_TOKEN: Final = "Open the URL that `envoy-plugin dev` printed when it started: it has the token of this inspector."  # noqa: S105 - a sentence
STALE_FORM: Final = (
    "This form is from another run of `envoy-plugin dev`. Go back, load the page again, and send it again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The token of one run of `dev`, which listens on `port`; cookies know no ports, so that theirs is in the name."""

    token: str = field(repr=False)
    port: int

    @property
    def cookie(self) -> str:
        """The cookie's name."""
        return f"envoy_inspector_{self.port}"

    @property
    def form_key(self) -> str:
        """What every form carries."""
        return derive_key(self.token, "inspector/v1").hex()

    def check_form(self, given: str) -> None:
        """Make sure that a form is ours.

        Raises:
            HTTPForbidden: it isn't.
        """
        if not _equal(given, self.form_key):
            raise web.HTTPForbidden(text=STALE_FORM)

    def guard(self) -> Middleware:
        """A middleware that lets nobody to the inspector without the token, and marks its answers."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not is_own(request.path):
                return await handler(request)
            if "token" in request.query:
                self._take(request.query["token"], request)
            self._check(request)
            return await handler(request)

        return guarded

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put on every page what keeps a browser careful; for `on_response_prepare`."""
        if is_own(request.path):
            response.headers.update(SAFE_HEADERS)

    def _take(self, token: str, request: web.Request) -> None:
        """Answer the URL with the token in it: with the cookie, and the URL without it."""
        if not _equal(token, self.token) or request.method != "GET":
            raise web.HTTPForbidden(text=NO_TOKEN)
        answer = web.HTTPSeeOther(request.path)
        answer.set_cookie(self.cookie, self.token, path=OWN, httponly=True, samesite="Strict")
        raise answer

    def _check(self, request: web.Request) -> None:
        if request.path.startswith(API):
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or not _equal(given, self.token):
                raise web.HTTPUnauthorized(text=NO_TOKEN)
        elif not (_equal(request.cookies.get(self.cookie, ""), self.token) or request.path.startswith(STATIC)):
            raise web.HTTPForbidden(text=NO_TOKEN)


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), wanted.encode())
