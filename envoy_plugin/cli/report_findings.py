"""What `doctor` finds about reports: ends that Envoy was never told. Nothing is written."""

from typing import Final

from redis.exceptions import RedisError

from envoy_plugin.cli.findings import Finding, ok, warning
from envoy_plugin.cli.redis_access import ask_redis
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import MOST_LISTED, list_jobs
from envoy_plugin.engine.states import Reason, State
from envoy_plugin.settings import Settings

UNTOLD: Final = frozenset({Reason.UNREPORTED, Reason.REFUSED})
LOOK: Final = "`envoy-plugin jobs list --state failed` shows them, and `jobs show ID` each one's history."


async def look_at_reports(settings: Settings, plugin_name: str | None) -> list[Finding]:
    """How many of the jobs that failed last are reports; nothing where the prefix of the keys isn't known."""
    prefix = settings.redis_prefix or plugin_name
    if prefix is None:
        return []
    try:
        count = await ask_redis(settings, prefix, _untold)
    except (RedisError, TimeoutError) as error:
        return [warning("reports", f"can't be counted: {type(error).__name__}")]
    if not count:
        return [ok("reports", "none was given up")]
    return [warning("reports", f"{count} given up or refused: Envoy wasn't told these ends", LOOK)]


async def _untold(engine: Engine) -> int:
    failed = await list_jobs(engine, (State.FAILED,), limit=MOST_LISTED)
    return sum(job.reason in UNTOLD for job in failed)
