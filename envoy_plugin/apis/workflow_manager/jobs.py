"""What is done to jobs: each operation one call of `JobsManager`."""

from envoy_plugin.apis.workflow_manager import answers
from envoy_plugin.apis.workflow_manager.answers import DONE
from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.bodies import (
    Comment,
    JobUpdate,
    Manage,
    NewJobs,
    NewLocation,
    Wanted,
)
from envoy_plugin.apis.workflow_manager.operation import Nothing
from envoy_plugin.apis.workflow_manager.searching import Count, Search
from envoy_plugin.apis.workflow_manager.wire import Shape
from envoy_plugin.workflows.definitions.documents import diagram_document
from envoy_plugin.workflows.models import CreateJobsResponse, Job, QueryResult


async def create(asked: Asked, body: NewJobs) -> CreateJobsResponse:
    """Make jobs from a template."""
    return await asked.jobs.create_jobs(asked.path["templateId"], body.overrides())


async def get(asked: Asked, options: Wanted) -> Shape:
    """A job."""
    found: Job = await asked.jobs.get_job(asked.job_id, ext_props=options.ext_props, holds=options.holds)
    return answers.job(found)


async def update(asked: Asked, body: JobUpdate) -> Shape:
    """Change what is said of a job."""
    await asked.jobs.update_job(asked.job_id, body.updates(), body.allow_running_step_id or None)
    return DONE


async def delete(asked: Asked, body: Manage) -> Shape:
    """Delete jobs."""
    await asked.jobs.delete_jobs(body.job_ids)
    return DONE


async def close(asked: Asked, body: Manage) -> Shape:
    """End jobs."""
    await asked.jobs.close_jobs(body.job_ids)
    return DONE


async def reopen(asked: Asked, body: Manage) -> Shape:
    """Let closed jobs go on."""
    await asked.jobs.reopen_jobs(body.job_ids)
    return DONE


async def upgrade(asked: Asked, body: Manage) -> Shape:
    """Let jobs go on by the active version of their diagrams."""
    await asked.jobs.upgrade_jobs(body.job_ids)
    return DONE


async def search(asked: Asked, body: Search) -> QueryResult:
    """A page of jobs."""
    return await asked.jobs.query_jobs(body.query())


async def statistics(asked: Asked, body: Count) -> Shape:
    """How many jobs there are."""
    return answers.statistics(await asked.jobs.calculate_job_statistics(body.details()), body.group_by)


async def diagram(asked: Asked, _: Nothing) -> Shape:
    """The version of the diagram that a job runs on."""
    return diagram_document(await asked.jobs.get_job_diagram(asked.job_id))


async def history(asked: Asked, _: Nothing) -> Shape:
    """What has happened to a job."""
    return answers.history(await asked.jobs.get_job_history(asked.job_id))


async def location(asked: Asked, _: Nothing) -> Shape:
    """Where a job is."""
    return answers.location(await asked.jobs.get_job_location(asked.job_id))


async def set_location(asked: Asked, body: NewLocation) -> Shape:
    """Say where a job is."""
    place = body.location.location() if body.location is not None else None
    await asked.jobs.set_job_location(asked.job_id, place)
    return DONE


async def comments(asked: Asked, _: Nothing) -> Shape:
    """What has been said of a job."""
    return {"jobComments": await asked.jobs.get_job_comments(asked.job_id)}


async def add_comment(asked: Asked, body: Comment) -> Shape:
    """Say something of a job."""
    return {"commentId": await asked.jobs.add_job_comment(asked.job_id, body.comment)}
