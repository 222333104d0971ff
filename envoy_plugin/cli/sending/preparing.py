"""The webhook that is to be sent: built or read from a file, then changed as it is wanted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from envoy_plugin.cli.sending.editing import NoEditor, edit
from envoy_plugin.simulator.control import SimulatedEnvoy
from envoy_plugin.simulator.oddities import Oddity, make_odd
from envoy_plugin.simulator.overrides import BadOverride, Override, override, remove
from envoy_plugin.simulator.payloads import Webhook, read_webhook
from envoy_plugin.simulator.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be different, in this order; without any of it a body from a file is sent byte for byte."""

    overrides: tuple[Override, ...] = ()
    removed: tuple[tuple[str, ...], ...] = ()
    edit: bool = False
    oddities: tuple[Oddity, ...] = ()

    def applied_to(self, webhook: Webhook) -> Webhook:
        """The webhook with all of it.

        Raises:
            BadOverride: there is no such path, or what the editor left isn't a JSON object.
        """
        changed = remove(override(webhook, self.overrides), self.removed)
        return make_odd(_edited(changed) if self.edit else changed, self.oddities)


UNCHANGED: Final = Changes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose webhook it is; None leaves what a body from a file says."""

    job_id: str | None
    install_id: str | None
    config: JsonObject = field(repr=False)


def read_body(body: bytes, subject: Subject) -> Webhook:
    """The webhook of a body from a file, for another job, install or config where one is given."""
    wanted = {("meta", "job", "id"): subject.job_id, ("meta", "install_id"): subject.install_id}
    changes = [Override(path=path, value=value) for path, value in wanted.items() if value is not None]
    changes += [Override(path=("meta", "config", key), value=value) for key, value in subject.config.items()]
    return override(read_webhook(body), changes)


async def agree_on_config(
    envoy: SimulatedEnvoy | None, install_id: str, config: JsonObject, *, dry: bool = False
) -> JsonObject:
    """The install's config with `config` on top, which the simulated Envoy then holds too, unless `dry`."""
    if envoy is None:
        return config
    known = await envoy.install_config(install_id)
    agreed = {**(known or {}), **config}
    if agreed != known and not dry:
        await envoy.put_install_config(install_id, agreed)
    return agreed


async def introduce(envoy: SimulatedEnvoy | None, webhook: Webhook) -> None:
    """Let the simulated Envoy know the install of a body from a file, with its config, unless it does already."""
    if envoy is None or webhook.install_id is None:
        return
    install_id, config = str(webhook.install_id), webhook.config
    if install_id and await envoy.install_config(install_id) is None:
        await envoy.put_install_config(install_id, config)


def _edited(webhook: Webhook) -> Webhook:
    """The webhook as somebody has left it in their editor; as it was, where they have left it alone."""
    before = json.dumps(webhook.document, ensure_ascii=False, indent=2)
    try:
        text = edit(before)
        document = webhook.document if text.strip() == before.strip() else json.loads(text)
    except NoEditor as error:
        raise BadOverride(str(error)) from None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadOverride("What the editor left isn't a JSON object.")
    if document is webhook.document:
        return webhook
    return replace(read_webhook(text.encode()), document=document, raw=None)


def all_have_jobs_of_their_own(job_id: str | None, count: int) -> Sequence[str | None]:
    """The job ids of `count` events: a given one is numbered where there are several."""
    if job_id is None or count == 1:
        return [job_id] * count
    return [f"{job_id}-{number}" for number in range(1, count + 1)]
