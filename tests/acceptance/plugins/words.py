"""A plugin that answers each event with another word."""

from envoy_plugin import Done, Failed, Ignored, Plugin

plugin = Plugin("acceptance-words")


@plugin.on("entry_sign_in")
async def done() -> Done:
    """200."""
    return Done(data={"said": "done"})


@plugin.on("entry_sign_out", background=True)
async def ongoing() -> Done:
    """202."""
    return Done("It went on and ended")


@plugin.on("entry_screened")
async def ignored() -> Ignored:
    """400."""
    return Ignored("Nothing to do")


@plugin.on("entry_reviewed")
async def failed() -> Failed:
    """412."""
    return Failed("It can't be done")


@plugin.on("invite_created")
async def broken() -> None:
    """500."""
    raise RuntimeError("on purpose")
