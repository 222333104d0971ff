"""The simulated Envoy as one aiohttp application.

Its state is typed and open to tests in the same process: `app[JOBS]`, `app[REQUESTS]`, `app[FAULTS]`, `app[TOKENS]`,
`app[INSTALLS]`.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from aiohttp import web

from envoy_plugin.simulator import defaults, faults, installs, job_routes, oauth, request_log
from envoy_plugin.simulator.faults import FAULTS, Faults, inject_faults
from envoy_plugin.simulator.installs import INSTALLS, Installs
from envoy_plugin.simulator.job_routes import JOBS
from envoy_plugin.simulator.jobs import Jobs
from envoy_plugin.simulator.local_only import local_only
from envoy_plugin.simulator.oauth import ACCESS_LIFETIME, TOKENS, Tokens, require_bearer
from envoy_plugin.simulator.request_log import REQUESTS, RequestLog, record_requests
from envoy_plugin.simulator.times import Clock, utc_now
from envoy_plugin.simulator.wire import answer_errors

__all__ = ["FAULTS", "INSTALLS", "JOBS", "REQUESTS", "TOKENS", "create_platform"]

MAX_BODY_BYTES: Final = 5 * 1024 * 1024
PARTS: Final = (request_log, faults, oauth, job_routes, installs)

routes = web.RouteTableDef()


def create_platform(
    *,
    client_id: str = defaults.CLIENT_ID,
    client_secret: str = defaults.CLIENT_SECRET,
    install_ids: Sequence[str] = (defaults.INSTALL_ID,),
    job_ids: Sequence[str] = (),
    token_lifetime: timedelta = ACCESS_LIFETIME,
    clock: Clock = utc_now,
) -> web.Application:
    """A simulated Envoy with one client.

    `client_secret` may hold two secrets, separated by a space; either logs in. Installs start with an empty config,
    jobs in progress. `clock` decides when tokens expire, how long faults last and what the logs say.
    """
    app = web.Application(
        middlewares=[record_requests, inject_faults, answer_errors, local_only("/_sim"), require_bearer],
        client_max_size=MAX_BODY_BYTES,
    )
    app[TOKENS] = Tokens({client_id: client_secret.split()}, lifetime=token_lifetime, clock=clock)
    app[REQUESTS], app[FAULTS] = RequestLog(clock), Faults(clock)
    app[JOBS], app[INSTALLS] = Jobs(clock), Installs()
    app[JOBS].know_all(job_ids)
    for install_id in install_ids:
        app[INSTALLS].put(install_id, {})
    for part in (*(part.routes for part in PARTS), routes):
        app.add_routes(part)
    return app


@routes.get("/_sim")
async def who_is_there(_: web.Request) -> web.Response:
    """What a client asks to learn whether a simulated Envoy answers here."""
    return web.json_response({"simulator": "envoy"})
