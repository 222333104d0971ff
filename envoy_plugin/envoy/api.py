"""Envoy's API for plugins: everything that a plugin asks of the platform in its own name goes through here.

Source: Envoy's plugin guide, "The Plugin API"; Node SDK 2.5.2, src/sdk/EnvoyPluginAPI.ts.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import aiohttp
from pydantic import JsonValue

from envoy_plugin.envoy.attachments import Attachment
from envoy_plugin.envoy.client import EnvoyClient, Repeat, Request, Tokens
from envoy_plugin.envoy.transport import Dropped

JOB: Final = "/api/v2/plugin-services/jobs/{job_id}"
STORAGE: Final = "/api/v2/plugin-services/storage"
CONFIG: Final = "/api/v2/plugin-services/installs/{install_id}/config"
NOTIFICATIONS: Final = "/api/v2/plugin-services/installs/{install_id}/notifications"
SAME_TWICE: Final = frozenset({"get", "set", "list"})
"""The storage commands that do and answer the same when they are run again."""


class EnvoyPluginAPI:
    """Calls to Envoy as the plugin; each takes at most `timeout`, and raises what `EnvoyClient.send` raises."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        tokens: Tokens,
        timeout: timedelta = timedelta(seconds=10),
        backoff: timedelta = timedelta(milliseconds=200),
    ) -> None:
        """Call `base_url` (an origin) through `session`; `backoff` is the first wait, doubled for the next."""
        self._client = EnvoyClient(session, base_url=base_url, tokens=tokens, timeout=timeout, backoff=backoff)

    async def update_job(
        self,
        job_id: str,
        *,
        status: str | None = None,
        message: str | None = None,
        reason: str | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> dict[str, JsonValue]:
        """Update Envoy's job; None leaves a thing as it is, attachments are added. Returns `id`, `name`, `identifier`.

        Attachments append, so with some of them a request is not sent again after a time-out or a broken connection.

        Source: Envoy's plugin guide, "The Plugin API", Update Job; bodies as observed with Envoy's Node SDK 2.5.2.
        """
        texts = {"status": status, "status_message": message, "failure_reason": reason}
        body = {
            "attachments": [attachment.to_wire() for attachment in attachments],
            **{name: text for name, text in texts.items() if text is not None},
        }
        repeat = Repeat.IF_REFUSED if attachments else Repeat.ALWAYS
        return await self._resource(Request(method="PATCH", path=JOB, ids={"job_id": job_id}, body=body, repeat=repeat))

    async def get_config(self, install_id: str) -> dict[str, JsonValue]:
        """The install's whole config. Source: Envoy's plugin guide, "The Plugin API", Get Plugin Config."""
        return await self._resource(Request(method="GET", path=CONFIG, ids={"install_id": install_id}))

    async def set_config(self, install_id: str, changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Merge `changes` into the install's config and return the whole; a value of None removes its key.

        Whether Envoy merges nested objects or replaces them is not documented.

        Source: Envoy's plugin guide, "The Plugin API", Set Plugin Config.
        """
        return await self._resource(Request(method="PUT", path=CONFIG, ids={"install_id": install_id}, body=changes))

    async def storage(
        self, commands: Sequence[Mapping[str, JsonValue]], install_id: str | None = None
    ) -> list[JsonValue]:
        """Run storage commands in order, as `{"action": "get", "key": "door"}`, and return one result for each.

        A result is an item (`key`, `value`), None where there is none, or a list of items for `list`. Without
        `install_id` the keys are those of the whole plugin. Nothing is sent where there is no command.

        Source: Envoy's plugin guide, "The Plugin API", Storage Pipeline; bodies and the None of a missing key as
        observed with Envoy's Node SDK 2.5.2.
        """
        if not commands:
            return []
        body: dict[str, Any] = {"commands": list(commands)}
        if install_id is not None:
            body["install_id"] = install_id
        same_twice = all(command.get("action") in SAME_TWICE for command in commands)
        repeat = Repeat.ALWAYS if same_twice else Repeat.IF_REFUSED
        answer = await self._client.send(Request(method="POST", path=STORAGE, body=body, repeat=repeat))
        results = answer.get("data")
        if not isinstance(results, list) or len(results) != len(commands):
            raise Dropped(f"POST {STORAGE}: Envoy's answer is not one result for each of {len(commands)} commands.")
        return results

    async def create_notification(self, install_id: str, notification: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Let Envoy notify somebody: `{"message": "Your guest is here", "recipient": {"employee_id": 7}}`.

        Envoy documents no form for it; the payload of its notification events is the nearest. It is not sent again
        after a time-out or a broken connection. Returns what Envoy answers.

        Source: Node SDK 2.5.2, src/sdk/EnvoyPluginAPI.ts, createNotification.
        """
        ids = {"install_id": install_id}
        return await self._resource(
            Request(method="POST", path=NOTIFICATIONS, ids=ids, body=notification, repeat=Repeat.IF_REFUSED)
        )

    async def _resource(self, request: Request) -> dict[str, JsonValue]:
        """The `data` of the answer; empty where there is none."""
        data = (await self._client.send(request)).get("data")
        return data if isinstance(data, dict) else {}
