"""What `doctor` finds about reports: ends that Envoy was never told, or not yet. Nothing is written."""

from datetime import timedelta
from typing import Final

from envoy_plugin.cli.findings.finding import Finding, ok, warning
from envoy_plugin.cli.moments import as_text
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.listings import Filter, find_jobs
from envoy_plugin.engine.queries import MOST_LISTED, list_jobs
from envoy_plugin.engine.states import UNENDED, Reason, State
from envoy_plugin.reports import QUEUE

UNTOLD: Final = frozenset({Reason.UNREPORTED, Reason.REFUSED})
LONG: Final = timedelta(hours=1)
LOOK: Final = "`envoy-plugin jobs list --state failed` shows them, and `jobs show ID` each one's history."
FOLLOW: Final = (
    "`envoy-plugin jobs list --queue report` shows them; see whether Envoy can be reached and a worker runs."
)


async def look_at_reports(engine: Engine) -> list[Finding]:
    """How many of the jobs that failed last are reports, and how many reports are on their way."""
    failed = await list_jobs(engine, (State.FAILED,), limit=MOST_LISTED)
    count = sum(job.reason in UNTOLD for job in failed)
    untold = f"{count} given up or refused: Envoy wasn't told these ends"
    given_up = warning("reports", untold, LOOK) if count else ok("reports", "none was given up")
    return [given_up, await _owed(engine)]


async def _owed(engine: Engine) -> Finding:
    """What is still owed, of the first 1,000 jobs that there are to look at."""
    page = await find_jobs(engine, Filter(states=UNENDED, queue=QUEUE, everywhere=True), limit=MOST_LISTED)
    if not page.jobs:
        return ok("reports owed", "none: Envoy was told every end")
    oldest = min(job.created for job in page.jobs)
    count = f"{len(page.jobs)}{' or more' if page.cursor else ''} still to be told to Envoy, since {as_text(oldest)}"
    if await engine.now() - oldest < LONG:
        return ok("reports owed", count)
    return warning("reports owed", count, FOLLOW)
