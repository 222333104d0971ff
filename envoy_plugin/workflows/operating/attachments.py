"""Attachments of a job: bytes, sealed and kept with it, or links, which nobody here follows."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from envoy_plugin.engine.ids import Ids
from envoy_plugin.engine.queries import find_blob
from envoy_plugin.engine.verbs import Note
from envoy_plugin.errors import BadProperty, JobRefused, NoAttachment
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.summary import read_date
from envoy_plugin.workflows.links import needed
from envoy_plugin.workflows.models import (
    AddJobAttachmentResponse,
    JobAttachment,
    JobAttachmentDetails,
    JobHistoryAction,
)
from envoy_plugin.workflows.operating.comments import opened
from envoy_plugin.workflows.operating.privileges import Privilege
from envoy_plugin.workflows.operating.quota import release, reserve
from envoy_plugin.workflows.operating.scope import Scope, check_open
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.record import Workflow

PREFIX: Final = "attachment:"
MOST_ATTACHMENTS: Final = 50
MOST_BYTES: Final = 50 * 1024 * 1024
"""Of all attachments of one job; one has at most 10 MiB."""
MOST_NAME: Final = 256
MOST_URL: Final = 2_048
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
OF_PATHS: Final = re.compile(r"[/\\]")
_ids: Final = Ids()
Told: TypeAlias = dict[str, Any]
"""What is kept of an attachment beside its bytes."""
New: TypeAlias = tuple[JobAttachmentDetails, Told]


async def add_attachment(scope: Scope, details: JobAttachmentDetails) -> AddJobAttachmentResponse:
    """See `JobsManager.add_attachment`."""
    scope.caller.demand(Privilege.ATTACHMENTS)
    content = details.attachment
    if content is None:
        raise BadProperty("attachment", "it is missing")
    if details.url is not None:
        raise BadProperty("url", "it is for linked attachments")
    names = _names(details, default=details.file_name)
    _check_file_name(names.get("alias", ""))
    workflow = await scope.load(details.job_id)
    (added,) = await _add(scope, workflow, [(details, {**names, "size": len(content)})], content)
    return added


async def add_linked(scope: Scope, details: Sequence[JobAttachmentDetails]) -> list[AddJobAttachmentResponse]:
    """Links of one job, all of them or none. See `JobsManager.add_attachment_linked`."""
    scope.caller.demand(Privilege.ATTACHMENTS)
    if len({one.job_id for one in details}) != 1:
        raise BadProperty("job_id", "the links of one call, at least one, are of one job")
    told = [_link(one) for one in details]
    return await _add(scope, await scope.load(details[0].job_id), list(zip(details, told, strict=True)))


async def update_attachment(scope: Scope, details: JobAttachmentDetails) -> None:
    """See `JobsManager.update_attachment`."""
    scope.caller.demand(Privilege.ATTACHMENTS)
    for field in ("attachment", "file_name", "url", "step_id"):
        if getattr(details, field):
            raise BadProperty(field, "it stays as it is; alias and folder can be changed")
    names = _names(details)

    def change(draft: Draft) -> None:
        check_open(draft)
        told = _find(scope.store, draft.workflow, details.attachment_id)
        if "url" not in told:
            _check_file_name(names.get("alias", ""))
        after = {**told, **names}
        if after != told:
            draft.keep(PREFIX + details.attachment_id, after | _stamp(scope, draft))
            draft.record(JobHistoryAction.UPDATED, attachment=details.attachment_id)

    await scope.revise([details.job_id], change)


async def delete_attachment(scope: Scope, job_id: str, attachment_id: str) -> None:
    """See `JobsManager.delete_attachment`."""
    scope.caller.demand(Privilege.ATTACHMENTS)

    def change(draft: Draft) -> None:
        check_open(draft)
        _find(scope.store, draft.workflow, attachment_id)
        draft.drop(PREFIX + attachment_id)
        draft.verbs.append(Note(id=draft.workflow.id, blob_name=PREFIX + attachment_id))
        draft.record(JobHistoryAction.DELETED, attachment=attachment_id)

    await scope.revise([job_id], change)
    await release(scope.store.engine, scope.item, [attachment_id])


async def read_body(scope: Scope, job_id: str, attachment_id: str) -> bytes:
    """See `JobsManager.get_attachment_body`."""
    workflow = await scope.load(job_id)
    told = _find(scope.store, workflow, attachment_id)
    if "url" in told:
        raise JobRefused(workflow.public_id, "this attachment is a link, which is followed by whoever reads it")
    body = await find_blob(scope.store.engine, workflow.id, PREFIX + attachment_id)
    if body is None:
        raise NoAttachment(workflow.public_id, attachment_id)
    return body


async def url_of(scope: Scope, job_id: str, attachment_id: str, *, include_token: bool) -> str:
    """See `JobsManager.get_attachment_url`."""
    workflow = await scope.load(job_id)
    told = _find(scope.store, workflow, attachment_id)
    if "url" in told:
        return str(told["url"])
    links, place = needed(scope.store.links), (scope.item, workflow.public_id, attachment_id)
    url = links.url(*place)
    return f"{url}?token={links.token(*place)}" if include_token else url


def attachments_of(store: Store, workflow: Workflow) -> list[JobAttachment]:
    """The attachments, in the order in which they were added."""
    return [read_attachment(one, told) for one, told in opened(store, workflow, PREFIX).items()]


def read_attachment(attachment_id: str, told: Mapping[str, Any]) -> JobAttachment:
    """An attachment, from how it is kept."""
    return JobAttachment(
        id=attachment_id,
        alias=told.get("alias"),
        folder=told.get("folder"),
        url=told.get("url"),
        step_id=told.get("step"),
        size=told.get("size"),
        last_modified_by=told["by"],
        last_modified=read_date(told["at"]),
    )


def checked_url(url: str) -> str:
    """A link that a page may show.

    Raises:
        BadProperty: it isn't http or https, names nobody, has a name, a password or no real port in it, or is too long.
    """
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        is_good = is_good and parts.username is None and parts.password is None and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or len(url) > MOST_URL or not url.isprintable() or " " in url:
        raise BadProperty("url", f"it is http(s)://… without credentials, of at most {MOST_URL} characters")
    return url


async def _add(
    scope: Scope, workflow: Workflow, new: Sequence[New], content: bytes | None = None
) -> list[AddJobAttachmentResponse]:
    """Keep what is told of each, and the bytes of the one that has some; checked before Redis holds any."""
    _check(scope, Draft(scope.store, workflow, by=scope.caller.name), new)
    ids, engine = [_ids.next() for _ in new], scope.store.engine
    sizes = {attachment_id: told.get("size", 0) for attachment_id, (_, told) in zip(ids, new, strict=True)}
    await reserve(engine, scope.item, workflow.id, sizes)
    try:
        ref = await engine.store_blob(content) if content is not None else ""
        await _keep(scope, workflow, dict(zip(ids, new, strict=True)), ref)
    except Exception:
        await release(engine, scope.item, ids)
        raise
    return [
        AddJobAttachmentResponse(attachment_id=attachment_id, url=_url(scope, workflow, attachment_id, told))
        for attachment_id, (_, told) in zip(ids, new, strict=True)
    ]


async def _keep(scope: Scope, workflow: Workflow, new: Mapping[str, New], ref: str) -> None:
    """Write what is told of attachments, by their ids; `ref` is where the bytes are, of the one that has some."""

    def change(draft: Draft) -> None:
        _check(scope, draft, list(new.values()))
        for attachment_id, (details, told) in new.items():
            step = {"step": details.step_id} if details.step_id is not None else {}
            draft.keep(PREFIX + attachment_id, {**told, **step, **_stamp(scope, draft)})
            if ref:
                draft.verbs.append(Note(id=draft.workflow.id, blob=ref, blob_name=PREFIX + attachment_id))
            draft.record(JobHistoryAction.ADDED, attachment=attachment_id)

    await scope.revise([workflow.id], change)


def _check(scope: Scope, draft: Draft, new: Sequence[New]) -> None:
    check_open(draft)
    _check_room(scope.store, draft.workflow, [told for _, told in new])
    for details, _ in new:
        if details.step_id is not None and details.step_id not in draft.workflow.steps:
            raise JobRefused(draft.workflow.public_id, f"there is no step {details.step_id!r} in it")


def _link(details: JobAttachmentDetails) -> Told:
    if details.attachment is not None:
        raise BadProperty("attachment", "a link has no bytes")
    url = checked_url(details.url or "")
    return {**_names(details, default=url[:MOST_NAME]), "url": url}


def _url(scope: Scope, workflow: Workflow, attachment_id: str, told: Told) -> str:
    links = scope.store.links
    return told.get("url") or (links.url(scope.item, workflow.public_id, attachment_id) if links else "")


def _check_room(store: Store, workflow: Workflow, new: Sequence[Told]) -> None:
    known = [*opened(store, workflow, PREFIX).values(), *new]
    size = sum(told.get("size", 0) for told in known)
    if len(known) > MOST_ATTACHMENTS or size > MOST_BYTES:
        most = f"{MOST_ATTACHMENTS} attachments of {MOST_BYTES} bytes together"
        raise JobRefused(workflow.public_id, f"it has at most {most}")


def _names(details: JobAttachmentDetails, default: str = "") -> dict[str, str]:
    alias = details.alias if details.alias is not None else default or None
    names = {"alias": alias, "folder": details.folder}
    for field, name in names.items():
        if name is not None and (len(name) > MOST_NAME or CONTROL.search(name)):
            raise BadProperty(field, f"it is a name of at most {MOST_NAME} characters, in one line")
    return {field: name for field, name in names.items() if name is not None}


def _check_file_name(alias: str) -> None:
    """Refuse a path: bytes are saved under this name."""
    if OF_PATHS.search(alias):
        raise BadProperty("alias", "it is the name of a file, without slashes")


def _stamp(scope: Scope, draft: Draft) -> dict[str, str]:
    return {"by": scope.caller.name, "at": draft.workflow.now.isoformat()}


def _find(store: Store, workflow: Workflow, attachment_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = opened(store, workflow, PREFIX).get(attachment_id)
    if found is None:
        raise NoAttachment(workflow.public_id, attachment_id)
    return found
