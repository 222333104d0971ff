"""A plugin of which there is something to see: a badge in the background, a goodbye at once."""

from envoy_plugin import Done, Entry, EnvoyPluginJob, Plugin, Text
from envoy_plugin.logs import get_logger

plugin = Plugin("lobby-badges")
log = get_logger("lobby")


@plugin.on("entry_sign_in", background=True)
async def print_badge(entry: Entry, job: EnvoyPluginJob) -> Done:
    """A badge with a number."""
    log.info("badge.printed", printer="north", entry=entry.id)
    await job.attach(Text("Badge", "A-17"))
    return Done("Badge printed")


@plugin.on("entry_sign_out")
async def say_goodbye(entry: Entry) -> Done:
    """Nothing but a line."""
    log.info("visitor.left", entry=entry.id)
    return Done("Goodbye")
