"""Envoy's own record of one event and install: what the dashboard shows beside the visit.

Source: Envoy's plugin guide, "EnvoyPluginJob"; Node SDK 2.5.2, src/sdk/EnvoyPluginJob.ts. Unlike there, an empty
message can be sent, and `execute` gives `ignored` and `failed` their attachments.
"""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import JsonValue

from envoy_plugin.envoy.api import EnvoyPluginAPI
from envoy_plugin.envoy.attachments import Attachment


class JobStatus(StrEnum):
    """What Envoy can be told about a job. Source: Envoy's plugin guide, "The Plugin API", Update Job."""

    DONE = "done"
    IGNORED = "ignored"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    """Source: Envoy's first SDK, lib/response.js."""


class EnvoyPluginJob:
    """Updates one job of Envoy's: its status, its message, its attachments.

    Every method returns the resource that Envoy answers (`id`, `name`, `identifier`) and raises what
    `EnvoyPluginAPI.update_job` raises.
    """

    def __init__(self, api: EnvoyPluginAPI, job_id: str) -> None:
        """Take the job with Envoy's id `job_id`."""
        self.api = api
        self.id = job_id

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    async def execute(
        self,
        status: str | None,
        message: str | None,
        reason: str | None = None,
        attachments: Sequence[Attachment] | None = None,
    ) -> dict[str, JsonValue]:
        """Update the job; None leaves a thing as it is."""
        return await self.api.update_job(
            self.id, status=status, message=message, reason=reason, attachments=attachments or ()
        )

    async def attach(self, *attachments: Attachment) -> dict[str, JsonValue]:
        """Add attachments to those that the job has."""
        return await self.execute(None, None, attachments=attachments)

    async def complete(self, message: str, *attachments: Attachment) -> dict[str, JsonValue]:
        """End the job as done."""
        return await self.execute(JobStatus.DONE, message, attachments=attachments)

    async def ignore(self, message: str, reason: str) -> dict[str, JsonValue]:
        """End the job as ignored: there was nothing to do."""
        return await self.execute(JobStatus.IGNORED, message, reason)

    async def fail(self, message: str, reason: str) -> dict[str, JsonValue]:
        """End the job as failed."""
        return await self.execute(JobStatus.FAILED, message, reason)

    async def update(self, message: str, *attachments: Attachment) -> dict[str, JsonValue]:
        """Change the message of a job that goes on; for work in several steps."""
        return await self.execute(None, message, attachments=attachments)
