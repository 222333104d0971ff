"""An office of operators for the tests of the manager: jobs of one item, and managers for whoever calls."""

from typing import Any

from envoy_plugin.workflows.definitions.diagrams import Step
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.manager import JobsManager
from envoy_plugin.workflows.models import CreateJobOverrides, UpdateJobOverrides
from envoy_plugin.workflows.operating.privileges import Privilege
from tests.workflows.stage import ITEM, Stage

VISIT = (
    Step.manual("sign", name="Sign in", then="badge"),
    Step.function("badge", "print_badge", name="Print badge", then="host"),
    Step.question("host", "Shall they come in?", answers=["Yes", "No"], name="Host approves"),
)
LAST = Step.manual("only", proceeds=False)


class Office:
    """Managers over one stage, and short ways to have jobs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.plugin = JobsManager(stage.store, item=ITEM)
        self.define("visit", *VISIT, name="Visit")
        self.define("one", LAST, closes=False)

    def define(self, template_id: str, *steps: Step, **facts: Any) -> None:
        """Make a template known."""
        self.stage.templates[template_id] = Template.of(template_id, *steps, **facts)

    def by(self, user: str = "ada", *privileges: str, groups: tuple[str, ...] = ("front-desk",)) -> JobsManager:
        """A manager for a user with these privileges."""
        return JobsManager(self.stage.store, item=ITEM, user=user, groups=groups, privileges=privileges)

    def chief(self, user: str = "ada") -> JobsManager:
        """A manager for a user who may do everything."""
        return self.by(user, *Privilege)

    async def job(self, template_id: str = "one", by: JobsManager | None = None, **overrides: Any) -> str:
        """The id of a new job."""
        made = await (by or self.plugin).create_jobs(template_id, CreateJobOverrides(**overrides))
        [job_id] = made.job_ids
        return job_id

    async def update(self, job_id: str, by: JobsManager | None = None, **updates: Any) -> None:
        """Change what is said of a job."""
        await (by or self.plugin).update_job(job_id, UpdateJobOverrides(**updates))

    async def statuses(self, job_id: str) -> dict[str, str]:
        """What every action on the current steps answers, one after the other."""
        names = ("start_steps", "finish_steps", "stop_steps", "refresh_steps")
        answers = {name: await getattr(self.plugin, name)(job_id) for name in names}
        return {name: " ".join(one.status for one in answer.step_responses) for name, answer in answers.items()}
