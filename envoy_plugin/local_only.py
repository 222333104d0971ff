"""Who may use a development surface: a program or a page on this very machine, and nobody behind a proxy.

A page of another site that a developer visits can reach 127.0.0.1 through the browser, and a forwarded port can be
reached by anybody; both look local to a check of the peer's address alone.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict, CIMultiDictProxy

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
FORWARDING: Final = frozenset("FfXx")
"""What the names of headers begin with that proxies add."""
FETCH_SITES: Final = frozenset({"same-origin"})
FETCH_SITES_OF_GET: Final = frozenset({"same-origin", "none"})

Headers = CIMultiDict[str] | CIMultiDictProxy[str]


@lru_cache(maxsize=128)
def is_loopback(address: str) -> bool:
    """Whether an IP address (not a name) is loopback; `::ffff:127.0.0.1` counts."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback


def is_local(*, peer: str | None, method: str, scheme: str, headers: Headers) -> bool:
    """Whether a request comes from this machine, meant for it, neither forwarded nor sent by another site's page."""
    hosts = headers.getall("Host", [])
    return (
        peer is not None
        and is_loopback(peer)
        and len(hosts) == 1
        and _is_local_name(hosts[0])
        and not any(name[:1] in FORWARDING and _is_forwarding(name.lower()) for name in headers)
        and all(origin.lower() == f"{scheme}://{hosts[0].lower()}" for origin in headers.getall("Origin", []))
        and set(headers.getall("Sec-Fetch-Site", [])) <= (FETCH_SITES_OF_GET if method == "GET" else FETCH_SITES)
    )


def _is_forwarding(name: str) -> bool:
    return name == "forwarded" or name.startswith("x-forwarded-")


@lru_cache(maxsize=128)
def _is_local_name(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host.lower() in LOCAL_NAMES
    return name.lower() in LOCAL_NAMES and port.isascii() and port.isdigit()


def _peer_of(request: web.Request) -> str | None:
    peername = request.transport.get_extra_info("peername") if request.transport else None
    return peername[0] if isinstance(peername, tuple) else None


def is_local_request(request: web.Request) -> bool:
    """Whether a request that has arrived `is_local`."""
    return is_local(peer=_peer_of(request), method=request.method, scheme=request.scheme, headers=request.headers)


def local_only(prefix: str) -> Middleware:
    """A middleware that answers 404 under `prefix` (as `/_sim`) unless the request `is_local`."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        guarded = request.path == prefix or request.path.startswith(f"{prefix}/")
        if guarded and not is_local_request(request):
            raise web.HTTPNotFound
        return await handler(request)

    return guard
