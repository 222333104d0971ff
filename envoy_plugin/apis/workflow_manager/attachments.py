"""What is kept with jobs: each operation one call of `JobsManager`, but for the body, whose name is asked for, too."""

from aiohttp import web

from envoy_plugin.apis.workflow_manager import answers
from envoy_plugin.apis.workflow_manager.answers import DONE
from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.bodies import Links, Renamed
from envoy_plugin.apis.workflow_manager.operation import Nothing
from envoy_plugin.apis.workflow_manager.uploads import Upload, download
from envoy_plugin.apis.workflow_manager.wire import Shape
from envoy_plugin.workflows.models import JobAttachmentDetails


async def attachments(asked: Asked, _: Nothing) -> Shape:
    """The attachments of a job."""
    return {"attachments": await asked.jobs.get_attachments(asked.job_id)}


async def add(asked: Asked, upload: Upload) -> Shape:
    """Keep a file with a job, by the file's name where there is no alias."""
    alias = upload.alias or upload.file_name
    added = await asked.jobs.add_attachment(
        JobAttachmentDetails(
            job_id=asked.job_id,
            attachment=upload.attachment,
            file_name=upload.file_name,
            alias=alias or None,
            folder=upload.folder or None,
            step_id=upload.step_id or None,
        )
    )
    return {"url": added.url, "alias": alias, "attachmentId": added.attachment_id}


async def add_linked(asked: Asked, body: Links) -> Shape:
    """Keep links with a job."""
    links = body.details(asked.job_id)
    added = await asked.jobs.add_attachment_linked(links)
    return answers.linked(links, [one.attachment_id for one in added])


async def update(asked: Asked, body: Renamed) -> Shape:
    """Call an attachment something else."""
    details = JobAttachmentDetails(
        job_id=asked.job_id, attachment_id=asked.path["attachmentId"], alias=body.alias or None, folder=body.folder
    )
    await asked.jobs.update_attachment(details)
    return DONE


async def delete(asked: Asked, _: Nothing) -> Shape:
    """Delete an attachment."""
    await asked.jobs.delete_attachment(asked.job_id, asked.path["attachmentId"])
    return DONE


async def body(asked: Asked, _: Nothing) -> web.Response:
    """The bytes of an attachment, to be saved under its name."""
    attachment_id = asked.path["attachmentId"]
    content = await asked.jobs.get_attachment_body(asked.job_id, attachment_id)
    known = {one.id: one.alias for one in await asked.jobs.get_attachments(asked.job_id)}
    return download(content, known.get(attachment_id) or "")
