"""What is done to steps: each operation one call of `JobsManager`. What a step refuses is answered, with 200."""

from envoy_plugin.apis.workflow_manager import answers
from envoy_plugin.apis.workflow_manager.answers import DONE
from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.bodies import Action, Assignment, Dependency, Hold, Release
from envoy_plugin.apis.workflow_manager.refusals import bad_request
from envoy_plugin.apis.workflow_manager.wire import Shape


async def run(asked: Asked, body: Action) -> Shape:
    """Start steps."""
    return answers.action(await asked.jobs.start_steps(asked.job_id, body.steps))


async def stop(asked: Asked, body: Action) -> Shape:
    """Pause or cancel steps."""
    return answers.action(await asked.jobs.stop_steps(asked.job_id, body.steps))


async def finish(asked: Asked, body: Action) -> Shape:
    """End steps, and go on."""
    return answers.action(await asked.jobs.finish_steps(asked.job_id, body.steps))


async def refresh(asked: Asked, body: Action) -> Shape:
    """Let steps be tried now that wait for their next try."""
    return answers.action(await asked.jobs.refresh_steps(asked.job_id, body.steps))


async def set_current(asked: Asked, body: Action) -> Shape:
    """Make one step the only current one."""
    named = body.steps
    if len(named) != 1:
        raise bad_request("SetCurrentStep takes one step in stepIds.")
    return answers.action(await asked.jobs.set_current_step(asked.job_id, named[0]))


async def hold(asked: Asked, body: Hold) -> Shape:
    """Hold steps."""
    return answers.action(await asked.jobs.add_holds(body.hold(asked.job_id)))


async def release(asked: Asked, body: Release) -> Shape:
    """Release holds."""
    return answers.action(await asked.jobs.release_holds(body.hold(asked.job_id)))


async def depend(asked: Asked, body: Dependency) -> Shape:
    """Let steps wait for another job, or a step of it."""
    return answers.action(await asked.jobs.add_dependency(body.dependency(asked.job_id)))


async def undepend(asked: Asked, body: Dependency) -> Shape:
    """Let them wait for it no more."""
    return answers.action(await asked.jobs.release_dependency(body.dependency(asked.job_id)))


async def assign(asked: Asked, body: Assignment) -> Shape:
    """Make a current step somebody's."""
    await asked.jobs.assign_step(asked.job_id, asked.path["stepId"], body.assigned_to or None, body.assigned_type)
    return DONE


async def assign_current(asked: Asked, body: Assignment) -> Shape:
    """Make every current step somebody's."""
    await asked.jobs.assign_current_step(asked.job_id, body.assigned_to or None, body.assigned_type)
    return DONE
