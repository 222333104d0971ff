"""The simulated Envoy as one aiohttp application.

Its state is typed and open to tests in the same process: `app[JOBS]`, `app[REQUESTS]`, `app[FAULTS]`, `app[TOKENS]`,
`app[INSTALLS]`, `app[STORAGE]`, `app[NOTIFICATIONS]`, `app[RESOURCES]`.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from aiohttp import web

from envoy_plugin.local_only import local_only
from envoy_plugin.simulator import (
    defaults,
    faults,
    installs,
    job_routes,
    notifications,
    oauth,
    request_log,
    resource_routes,
    storage_routes,
)
from envoy_plugin.simulator.faults import FAULTS, Faults, inject_faults
from envoy_plugin.simulator.installs import INSTALLS, Installs
from envoy_plugin.simulator.job_routes import JOBS
from envoy_plugin.simulator.jobs import Jobs
from envoy_plugin.simulator.logins import Tokens
from envoy_plugin.simulator.notifications import NOTIFICATIONS, Notifications
from envoy_plugin.simulator.oauth import TOKENS, require_bearer
from envoy_plugin.simulator.request_log import REQUESTS, RequestLog, record_requests
from envoy_plugin.simulator.resource_routes import RESOURCES
from envoy_plugin.simulator.resources import Resources
from envoy_plugin.simulator.storage import Storage
from envoy_plugin.simulator.storage_routes import STORAGE
from envoy_plugin.simulator.times import CLOCK, Clock, utc_now
from envoy_plugin.simulator.wire import answer_errors

__all__ = [
    "FAULTS",
    "INSTALLS",
    "JOBS",
    "NOTIFICATIONS",
    "REQUESTS",
    "RESOURCES",
    "STORAGE",
    "TOKENS",
    "create_platform",
]

MAX_BODY_BYTES: Final = 5 * 1024 * 1024
PARTS: Final = (request_log, faults, oauth, job_routes, installs, storage_routes, notifications, resource_routes)

routes = web.RouteTableDef()


def create_platform(  # noqa: PLR0913 - what a platform starts with, each by its name
    *,
    client_id: str = defaults.CLIENT_ID,
    client_secret: str = defaults.CLIENT_SECRET,
    install_ids: Sequence[str] = (defaults.INSTALL_ID,),
    job_ids: Sequence[str] = (),
    users: Mapping[str, str] = defaults.USERS,
    token_lifetime: timedelta | None = None,
    keep_refresh_tokens: bool = False,
    final_jobs: bool = False,
    clock: Clock = utc_now,
) -> web.Application:
    """A simulated Envoy with one plugin.

    `client_secret` may hold two secrets, separated by a space; either logs in. Installs start with an empty config,
    jobs in progress. `users` are names and passwords of the password grant. `token_lifetime` is that of every access
    token instead of what its kind of grant has. With `final_jobs` a job that is over refuses another word (409).
    `clock` decides when tokens expire, how long faults last and what the logs say.
    """
    app = web.Application(
        middlewares=[record_requests, inject_faults, answer_errors, local_only("/_sim"), require_bearer],
        client_max_size=MAX_BODY_BYTES,
    )
    app[TOKENS] = Tokens(
        {client_id: client_secret.split()},
        users=users,
        lifetime=token_lifetime,
        keep_refresh_tokens=keep_refresh_tokens,
        clock=clock,
    )
    app[CLOCK], app[REQUESTS], app[FAULTS] = clock, RequestLog(clock), Faults(clock)
    app[JOBS], app[INSTALLS], app[STORAGE] = Jobs(clock, final=final_jobs), Installs(), Storage()
    app[NOTIFICATIONS], app[RESOURCES] = Notifications(), Resources(clock)
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
