"""A visit as a workflow, for installs whose hosts decide about each visitor.

Some of its steps are functions below, one is a badge printer's, one is the host's. It begins when the visitor signs in,
and Envoy hears the end of it, however long it takes. `envoy-plugin workflows show visit` draws it, and with the id of a
visit it shows how far that one is.
"""

from datetime import timedelta

from envoy_plugin import (
    Done,
    Entry,
    Failed,
    NoThing,
    Ongoing,
    Routes,
    Step,
    Storage,
    Template,
    Text,
    WorkflowHandle,
    Workflows,
)
from example_plugin.config import DoorConfig, door_errors
from example_plugin.doors import Doors

visits = Routes(config=DoorConfig)

VISIT = visits.workflow(
    Template.of(
        "visit",
        Step.function("access", "provision_access", name="Provision access", then="badge"),
        Step.device(
            "badge",
            name="Print the badge",
            thing="{input.printer}",
            document={"print": "{input.badge}"},
            timeout=300,
            then={"host": "state == 'succeeded'", "desk": "state != 'succeeded'"},
        ),
        Step.manual("desk", name="Write a badge by hand", assigned="group:front-desk", then="host"),
        Step.question(
            "host",
            "Shall the visitor come up?",
            name="The host decides",
            answers=["Yes", "No"],
            assigned="owner",
            then={"notify": "answer == 'Yes'", "refuse": "answer == 'No'"},
        ),
        Step.function("notify", "notify_host", name="Tell that the visitor is on the way"),
        Step.function("refuse", "refuse_visit", name="Close the doors again"),
        name="A visit that the host decides about",
    )
)


async def begin_visit(entry: Entry, badge: str, printer: str, workflows: Workflows, storage: Storage) -> Ongoing:
    """Start the visit of an entry; called again for the same entry, it finds it.

    The badge isn't printed before the visitor has signed the NDA, nor, within a group, before the host has decided
    about the first of them.
    """
    first = await _first_of_group(entry, workflows, storage)
    try:
        visit = await workflows.start(
            VISIT,
            key=f"visit:{entry.id}",
            owner=entry.host_email or "",
            input={"visit": entry.id, "badge": badge, "printer": printer},
            holds={} if has_signed(entry) else {"badge": None},
            after={"badge": (first, "host")} if first else {},
        )
    except NoThing as error:
        raise Failed(f"There is no printer {printer!r}. Check it in the plugin's setup.", str(error)) from error
    return Ongoing("The visit is under way", after=visit)


async def _first_of_group(entry: Entry, workflows: Workflows, storage: Storage) -> WorkflowHandle | None:
    """The visit of whoever of the group came first; None: nobody did before this one."""
    if not entry.group_name:
        return None
    key = f"group:{entry.group_name}"
    known = await storage.get(key)
    if known is None:
        await storage.set(key, entry.id)
        return None
    return None if known.value == entry.id else await workflows.find(f"visit:{known.value}")


def has_signed(entry: Entry) -> bool:
    """Whether the visitor has signed what they were asked to."""
    return not entry.agreeable_nda_ids or any(document.signed_at for document in entry.legal_docs)


@visits.on("entry_manually_updated")
async def release_badge(entry: Entry, workflows: Workflows) -> Done | None:
    """Somebody has changed an entry: maybe the NDA is signed by now."""
    visit = await workflows.find(f"visit:{entry.id}")
    if visit is None or not has_signed(entry) or not await visit.release("badge"):
        return None
    return Done("The badge can be printed")


@visits.on("entry_reviewed")
async def take_decision(entry: Entry, workflows: Workflows) -> Done | Failed | None:
    """The host has decided, in Envoy's own app."""
    visit = await workflows.find(f"visit:{entry.id}")
    if visit is None or entry.approval_status is None:
        return None
    said = "Yes" if entry.approval_status.status == "approved" else "No"
    status = await visit.answer("host", said)
    return Done(f"The host says: {said}") if status == "Success" else Failed("Nobody is asked now", status)


@visits.step("provision_access")
async def provision_access(entry: Entry, config: DoorConfig, doors: Doors) -> dict[str, str]:
    """Open the doors to the visitor's badge. Twice is the same as once."""
    with door_errors():
        takes = timedelta(seconds=config.seconds_to_open)
        await doors.open_to(config.api_key.reveal(), entry.id, group=config.group, takes=takes)
    return {"group": config.group}


@visits.step("notify_host")
async def notify_host(workflow: WorkflowHandle) -> Done:
    """The last step of a visit that the host agreed to: Envoy's dashboard shows what it returns."""
    badge = workflow.input["badge"]
    return Done(f"Badge {badge} opens {(await workflow.result('access'))['group']}", Text("Badge", badge))


@visits.step("refuse_visit")
async def refuse_visit(entry: Entry, config: DoorConfig, doors: Doors) -> Failed:
    """The last step of one that the host refused."""
    with door_errors():
        await doors.close_to(config.api_key.reveal(), entry.id)
    return Failed("The host doesn't expect this visitor")
