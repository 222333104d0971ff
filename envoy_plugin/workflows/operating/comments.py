"""What people say of a job, kept with it."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json

from envoy_plugin.engine.ids import Ids
from envoy_plugin.errors import BadProperty, JobRefused
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.summary import read_date
from envoy_plugin.workflows.models import JobComment
from envoy_plugin.workflows.operating.scope import Scope
from envoy_plugin.workflows.running.draft import Draft
from envoy_plugin.workflows.running.record import Workflow

PREFIX: Final = "comment:"
MOST_COMMENTS: Final = 200
MOST_CHARACTERS: Final = 4_000
_ids: Final = Ids()


async def add_comment(scope: Scope, job_id: str, text: str) -> str:
    """Add a comment; answers its id. See `JobsManager.add_job_comment`."""
    comment_id = _ids.next()
    await scope.revise([job_id], lambda draft: keep_comment(draft, comment_id, text, by=scope.caller.name))
    return comment_id


def keep_comment(draft: Draft, comment_id: str, text: str, *, by: str) -> None:
    """Keep a comment with what else is said of a job.

    Raises:
        BadProperty: it is empty or too long.
        JobRefused: the job takes no more.
    """
    workflow = draft.workflow
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise BadProperty("comment", f"it is a text of 1 to {MOST_CHARACTERS} characters")
    if len(named(workflow, PREFIX)) >= MOST_COMMENTS:
        raise JobRefused(workflow.public_id, f"it has {MOST_COMMENTS} comments, and takes no more")
    told = {"text": text, "by": by, "at": workflow.now.isoformat(), "version": workflow.envelope.version}
    draft.keep(f"{PREFIX}{comment_id}", told)


def comments_of(store: Store, workflow: Workflow) -> list[JobComment]:
    """The comments, in the order in which they were made."""
    kept = opened(store, workflow, PREFIX)
    return [read_comment(workflow.public_id, comment_id, told) for comment_id, told in kept.items()]


def read_comment(job_id: str, comment_id: str, told: Mapping[str, Any]) -> JobComment:
    """A comment, from how it is kept."""
    return JobComment(
        comment_id=comment_id,
        job_id=job_id,
        comment=told["text"],
        last_modified_by=told["by"],
        last_modified=read_date(told["at"]),
    )


def named(workflow: Workflow, prefix: str) -> list[str]:
    """What comes after the prefix in the names of what is kept, in order."""
    return sorted(name.removeprefix(prefix) for name in workflow.kept if name.startswith(prefix))


def opened(store: Store, workflow: Workflow, prefix: str) -> dict[str, Any]:
    """What is kept under names with this prefix, in order, by what comes after it."""
    return {name: from_json(store.engine.open(workflow.kept[prefix + name])) for name in named(workflow, prefix)}
