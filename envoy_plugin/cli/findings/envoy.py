"""What `doctor` finds about Envoy: whether it lets the plugin log in, and how far this machine's clock is from its."""

import time
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from envoy_plugin.cli.findings.finding import Finding, failed, ok, warning
from envoy_plugin.envoy.oauth import OAuthClient
from envoy_plugin.errors import AuthFailed, EnvoyError
from envoy_plugin.settings import Settings

PATIENCE: Final = timedelta(seconds=10)
HALF_A_SECOND: Final = 0.5
"""A Date header leaves out parts of a second. Source: RFC 9110, 5.6.7."""
NOTICEABLE: Final = 5.0
HARMFUL: Final = 60.0
"""Seconds from which tokens with a start or an end are judged wrongly."""
COMPARE: Final = "Compare ENVOY_CLIENT_ID and ENVOY_CLIENT_SECRET with the plugin's page in Envoy's Dev Dashboard."
REACH: Final = "See that ENVOY_BASE_URL is right and that this machine may reach it; then try again."
SYNCHRONISE: Final = "Let this machine take its time from the network (NTP)."


async def look_at_envoy(settings: Settings) -> list[Finding]:
    """A login with the plugin's credentials, whose token is dropped, and the time that Envoy says it is."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE.total_seconds())) as session:
        return [await _login(session, settings), await _clock(session, settings.base_url)]


async def _login(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    oauth = OAuthClient(
        session,
        base_url=settings.base_url,
        client_id=settings.client_id,
        client_secret=settings.client_secrets[0],
        timeout=PATIENCE,
    )
    try:
        await oauth.login()
    except AuthFailed as error:
        return failed("envoy login", f"{settings.base_url} refused the plugin with {error.status}", COMPARE)
    except EnvoyError as error:
        return failed("envoy login", f"{settings.base_url} gave no token: {error}", REACH)
    return ok("envoy login", f"{settings.base_url} takes the plugin's credentials")


async def _clock(session: aiohttp.ClientSession, base_url: str) -> Finding:
    """How this machine's clock stands to the Date of an answer, whatever that answer is."""
    asked = time.time()
    try:
        async with session.get(base_url, allow_redirects=False) as response:
            said = parsedate_to_datetime(response.headers["Date"])
    except (aiohttp.ClientError, TimeoutError, OSError):
        return warning("clock", "can't be compared: Envoy doesn't answer", REACH)
    except (KeyError, ValueError):
        return warning("clock", "can't be compared: Envoy's answer has no date", SYNCHRONISE)
    theirs = (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() + HALF_A_SECOND
    return clock_finding((asked + time.time()) / 2 - theirs)


def clock_finding(ahead: float) -> Finding:
    """What it means that this machine's clock is so many seconds ahead of Envoy's."""
    if abs(ahead) <= NOTICEABLE:
        return ok("clock", "agrees with Envoy's")
    text = f"is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} Envoy's"
    return (failed if abs(ahead) > HARMFUL else warning)("clock", text, SYNCHRONISE)
