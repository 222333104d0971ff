"""A webhook that is sent once more: as the same event, or as another one that is like it."""

import uuid

from envoy_plugin.simulator.overrides import Override, override
from envoy_plugin.simulator.payloads import Webhook


def as_another_event(webhook: Webhook, original: Webhook) -> Webhook:
    """The webhook for a new job of Envoy's, so that a plugin doesn't take it for the original.

    It stays as it is where its job is another one already, or where it has none.
    """
    if webhook.job_id is None or webhook.job_id != original.job_id:
        return webhook
    return override(webhook, [Override(path=("meta", "job", "id"), value=str(uuid.uuid4()))])
