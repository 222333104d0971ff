"""A plugin for Envoy, from top to bottom: visitors get a badge that opens the doors, and lose it when they leave.

Envoy sends an event whenever something happens at the front desk. Each function under `@plugin.on` handles one kind of
event. It says what it needs by the types of its parameters, and what became of it by what it returns. Everything else
is done for it: signatures, duplicates, tokens, retries, and telling Envoy the end.

Try it: `envoy-plugin dev`, and in a second terminal `envoy-plugin trigger entry_sign_in --follow`.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

from envoy_plugin import (
    Done,
    Entry,
    EnvoyPluginJob,
    Failed,
    Ignored,
    Invite,
    Ongoing,
    Option,
    Password,
    Plugin,
    Reject,
    Run,
    Storage,
    Text,
    ThingRefused,
    Things,
    Workflows,
)
from example_plugin.config import DoorConfig, door_errors
from example_plugin.doors import Doors, KeyRejected
from example_plugin.visits import begin_visit, visits

PRINTING = timedelta(minutes=5)


plugin = Plugin("example-doors", config=DoorConfig)
plugin.include(visits)


@plugin.provides
async def doors() -> AsyncIterator[Doors]:
    """One per process. What must be opened and closed goes around the `yield`, as `async with Client() as client:`."""
    yield Doors()


# Setup steps: what the installer is asked while the plugin is set up. `envoy-plugin routes` shows the URLs for Envoy's
# Dev Dashboard.


@plugin.validation("credentials")
async def check_credentials(form: DoorConfig, doors: Doors) -> DoorConfig:
    """The installer has entered an API key. What is returned is saved as the install's config."""
    try:
        await doors.groups(form.api_key.reveal())
    except KeyRejected:
        raise Reject("The door system rejected this API key.") from None
    return form


@plugin.options("groups")
async def list_groups(config: DoorConfig, doors: Doors, search: str | None) -> list[Option]:
    """A dropdown: the groups of doors, as far as they fit what the installer has typed."""
    with door_errors():
        groups = await doors.groups(config.api_key.reveal())
    return [Option(group, group) for group in groups if (search or "").casefold() in group.casefold()]


# In the background: Envoy is told at once that the work goes on (202), a worker does it, and Envoy hears the end of it.
# If the process dies, another runs the function again: so whatever it does must be right when it is done twice.


@plugin.on("invite_created", background=True)
@plugin.on("invite_updated", background=True)
async def expect_visitor(invite: Invite, config: DoorConfig, doors: Doors) -> Done:
    """Somebody was invited, or the invite was changed: the same call is right for both."""
    with door_errors():
        await doors.expect(config.api_key.reveal(), invite.id, invite.expected_arrival_time)
    return Done("The front desk expects the visitor")


@plugin.on("entry_sign_in", background=True)
async def hand_out_badge(  # noqa: PLR0913, PLR0917 - each is something that it needs, and nothing else is made
    entry: Entry,
    config: DoorConfig,
    doors: Doors,
    things: Things,
    workflows: Workflows,
    storage: Storage,
    job: EnvoyPluginJob,
    run: Run,
) -> Done | Ignored | Ongoing:
    """A visitor has signed in: issue a badge and open the doors to it."""
    if entry.flow_name in config.flows_without_badge:
        return Ignored(f"Visitors of the flow {entry.flow_name} get no badge")
    key = config.api_key.reveal()
    with door_errors():
        # Issuing twice would be two badges. `run.once` records the first one, and a second run finds it.
        badge = await run.once("badge", doors.issue, key)
        # The job is Envoy's own record of this event: what the dashboard shows beside the visit.
        await job.update(f"Badge {badge.number} is being prepared")
        if config.host_decides:  # in several steps, some of which people and devices do: see visits.py
            return await begin_visit(entry, badge.number, config.printer, workflows, storage)
        # Opening the doors twice is the same as once, so it needs no record.
        takes = timedelta(seconds=config.seconds_to_open)
        await doors.open_to(key, entry.id, group=config.group, takes=takes)
    shown = Text("Badge", badge.number), Password("PIN", badge.pin)
    if not config.printer:
        return Done(f"Badge {badge.number} is ready", *shown)
    # A device on site prints it as soon as it asks for work. Envoy is told the end of that, whatever it is.
    await run.once("shown", job.attach, *shown)
    try:
        printed = await things[config.printer].send({"print": badge.number}, timeout=PRINTING, retries=1)
    except ThingRefused as error:
        raise Failed(f"There is no printer {config.printer}. Check it in the plugin's setup.", str(error)) from error
    return Ongoing(f"Badge {badge.number} is being printed", after=printed)


# Inline: Envoy waits for the answer, 10 s at most. Right for what is quick.


@plugin.on("entry_sign_out")
async def close_doors(entry: Entry, config: DoorConfig, doors: Doors) -> Done:
    """The visitor has left."""
    with door_errors():
        await doors.close_to(config.api_key.reveal(), entry.id)
    return Done("The badge opens no door any more")


@plugin.on("invite_removed")
async def stop_expecting(invite: Invite, config: DoorConfig, doors: Doors) -> Done:
    """The visit was called off."""
    with door_errors():
        await doors.stop_expecting(config.api_key.reveal(), invite.id)
    return Done("The front desk doesn't expect the visitor any more")
