"""The page on the manager says what there is; and handlers are given the managers that it names."""

import re
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

import envoy_plugin
from envoy_plugin import (
    CreateJobOverrides,
    Done,
    Entry,
    JobAttachmentDetails,
    JobsManager,
    NotificationManager,
    NotificationMessage,
    Plugin,
)
from envoy_plugin.testing.local_envoy import local_envoy
from envoy_plugin.workflows import models, notifications, responses
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.guesses import GUESSES
from envoy_plugin.workflows.responses import Status
from envoy_plugin.workflows.telling import messages
from envoy_plugin.workflows.telling.messages import MessageType
from tests.acceptance.pages import ROOT
from tests.workflows.office import VISIT, Office
from tests.workflows.stage import ITEM
from tests.workflows.test_privileges import METHODS, TAKES

RARE = {
    MessageType.STEP_PAUSED,
    MessageType.STEP_PROGRESS,
    MessageType.JOB_COMMENT_UPDATED,
    MessageType.JOB_ATTACHMENT_UPDATED,
    MessageType.JOB_LOCATION_UPDATED,
}
"""What no random walk does, or few."""
PAGE = (ROOT / "docs/jobs_manager.md").read_text(encoding="utf-8")

SAID = {
    kind: {"job_id", *re.findall(r"`(\w+)`", facts)}
    for kinds, facts in re.findall(r"^\| (`.+?`) \| [^|]+ \|(.*)\|$", PAGE[PAGE.index("## Being told") :], re.M)
    for kind in re.findall(r"`(\w+)`", kinds)
}
"""What the page says is in a message of each kind."""


def test_the_page_has_every_method_with_the_privilege_that_it_takes() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.M))
    assert {name for name in rows if name in METHODS} == METHODS
    takes = {name: privilege for name, (privilege, _) in TAKES.items() if " " not in name and "assign" not in name}
    assert [name for name, privilege in takes.items() if f"`{privilege}`" not in rows[name]] == []


def test_the_page_has_every_guess_message_and_status() -> None:
    assert [row for row in GUESSES if f"| {row.subject} | {row.choice} | {row.reason} |" not in PAGE] == []
    assert [word for word in (*MessageType, *Status) if f"`{word}`" not in PAGE and word != Status.STEP_NOT_AUTO] == []


def test_the_page_has_every_field_of_what_is_given_and_answered() -> None:
    rows = re.findall(r"^\| `([A-Z]\w+)` \|([^|]+)\|$", PAGE[PAGE.index("## What is given") :], re.M)
    known = {**vars(models), **vars(responses), **vars(notifications), **vars(messages)}
    elsewhere = {"Location", "Step"}
    ours = [name for name in envoy_plugin.__all__ if is_dataclass(known.get(name)) and name not in elsewhere]
    said = {name: fields_of(known[name]) for name in ours}
    assert {name for name, one in vars(models).items() if is_dataclass(one)} - elsewhere <= said.keys()
    assert {name: facts.replace("`", "").split() for name, facts in rows} == said


def fields_of(model: Any) -> list[str]:
    """What a value has: its fields, and what follows from them."""
    own = [name for name, value in vars(model).items() if isinstance(value, property)]
    return [*(field.name for field in fields(model)), *own]


async def test_the_page_has_what_is_in_messages_of_people_and_papers(office: Office) -> None:
    heard, job_id = list[NotificationMessage](), await office.job()

    async def hear(message: NotificationMessage) -> None:
        heard.append(message)

    manager = NotificationManager(office.stage.store, item=ITEM)
    await manager.subscribe_to_job(job_id, hear)
    for action in ("start_steps", "stop_steps"):
        await getattr(office.plugin, action)(job_id)
    await office.plugin.add_job_comment(job_id, "hello")
    await office.plugin.delete_attachment(*await attached(office.plugin, job_id))
    await office.plugin.set_job_location(job_id, {"type": "Point", "coordinates": [1, 2]})
    await manager.check()
    assert [one.msg_type for one in heard if not one.message.keys() <= SAID[one.msg_type]] == []
    assert {one.msg_type for one in heard} >= RARE - {MessageType.STEP_PROGRESS}


async def test_handlers_are_given_the_managers_of_their_install(envoy_redis_url: str) -> None:
    plugin, heard = Plugin("test-desk"), list[str]()
    plugin.workflow(Template.of("visit", *VISIT))

    @plugin.step("print_badge")
    async def print_badge() -> None:
        """Nothing."""

    @plugin.on("entry_sign_in", background=True)
    async def begin(entry: Entry, jobs: JobsManager, notifications: NotificationManager) -> Done:
        async def hear(message: NotificationMessage) -> None:
            heard.append(message.msg_type)

        made = await jobs.create_jobs("visit", CreateJobOverrides(job_id=f"entry-{entry.id}"))
        await notifications.subscribe_to_job(made.job_ids[0], hear)
        url = await jobs.get_attachment_url(*await attached(jobs, made.job_ids[0]))
        return Done(f"{url.partition('=')[0]} {jobs!r}")

    async with local_envoy(plugin, redis_url=envoy_redis_url) as envoy:
        delivery = await envoy.trigger("entry_sign_in", id="7")
        await envoy.work()
        envoy.tick(timedelta(minutes=1))
        await envoy.work()
        job = envoy.job(delivery)
    assert (job.status, heard) == ("done", ["JobState"])
    assert re.fullmatch(
        r"/workflow/(\S+)/jobs/entry-7/attachments/\w+\?token JobsManager\(item='\1'\)", job.message or ""
    )


async def attached(jobs: JobsManager, job_id: str) -> tuple[str, str]:
    """A job, and the id of a new attachment of it."""

    made = await jobs.add_attachment(JobAttachmentDetails(job_id=job_id, attachment=b"x"))
    return job_id, made.attachment_id
