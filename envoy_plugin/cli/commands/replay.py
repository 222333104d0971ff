"""`envoy-plugin replay`: a webhook that reached the plugin, signed and sent again."""

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.cli.developing.access import Dev, IdArgument, NotNeededAppOption, PortOption, ask_dev, name_of
from envoy_plugin.cli.developing.recorded_text import as_page
from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.sending.delivery_text import answer_lines
from envoy_plugin.cli.sending.preparing import Changes
from envoy_plugin.cli.sending.targets import find_secret, find_target
from envoy_plugin.simulator.answers import OUTCOMES
from envoy_plugin.simulator.control import is_local_url
from envoy_plugin.simulator.overrides import BadOverride
from envoy_plugin.simulator.payloads import Webhook, read_webhook
from envoy_plugin.simulator.replays import as_another_event
from envoy_plugin.simulator.sender import Delivery, send
from envoy_plugin.simulator.wire import JsonObject

NOWHERE_ELSE: Final = "A replay goes to this machine alone, as to http://127.0.0.1:8000."

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def replay(  # noqa: PLR0913 - one parameter is one option
    delivery: IdArgument = None,
    *,
    last: Annotated[bool, typer.Option("--last", help="The newest delivery.")] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the body in $EDITOR first.")] = False,
    same: Annotated[
        bool, typer.Option("--same", help="Send the very bytes: a plugin takes it for the same event.")
    ] = False,
    to: Annotated[str | None, typer.Option(metavar="URL", help="Another plugin on this machine.")] = None,
    port: PortOption = None,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plugin_app: NotNeededAppOption = None,
) -> None:
    """Send a webhook that reached the plugin of a running `dev` once more, signed anew, and show what comes of it.

    It goes out as another event, with a new id of Envoy's job, so that the handler runs again; --same sends what a
    plugin takes for the same event. With --to the secret is the first one in ENVOY_CLIENT_SECRET, as for `trigger`.

    Example: envoy-plugin replay --last --edit
    """
    name = name_of(delivery, last=last)
    original = ask_dev(port, lambda dev: _original(dev, name))
    target = None if to is None else _target(to, original.path)
    webhook = _edited(original.webhook) if edit else original.webhook
    if target is None:
        shown = ask_dev(port, lambda dev: dev.replay(original.number, body=webhook.body, same=same))
        text = as_page(shown)
    else:
        delivery_there = _send(target, webhook if same else as_another_event(webhook, original.webhook))
        shown, text = _row(delivery_there), "\n".join(answer_lines(delivery_there))
    typer.echo(json.dumps(shown, ensure_ascii=False) if json_wanted else text)
    raise typer.Exit(ExitCode.OK if shown["status"] in OUTCOMES else ExitCode.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What is sent again: a delivery's number, its path, and the webhook."""

    number: str
    path: str
    webhook: Webhook


async def _original(dev: Dev, name: str) -> Original:
    shown = await dev.delivery(name)
    number = str(shown["id"])
    return Original(number=number, path=str(shown["path"]), webhook=read_webhook(await dev.body(number)))


def _edited(webhook: Webhook) -> Webhook:
    try:
        return Changes(edit=True).applied_to(webhook)
    except BadOverride as error:
        raise typer.BadParameter(str(error), param_hint="--edit") from None


def _target(to: str, path: str) -> URL:
    url = find_target(to, path, i_know=True)
    if not is_local_url(url):
        raise typer.BadParameter(NOWHERE_ELSE, param_hint="--to")
    return url


def _send(url: URL, webhook: Webhook) -> Delivery:
    async def run() -> Delivery:
        async with ClientSession() as session:
            return await send(session, url=str(url), body=webhook.body, secret=find_secret(url))

    return asyncio.run(run())


def _row(delivery: Delivery) -> JsonObject:
    answer = delivery.answer
    return {
        "status": None if answer is None else answer.status,
        "outcome": delivery.outcome,
        "job_id": read_webhook(delivery.request.body).job_id,
        "body": None if answer is None else answer.body,
        "elapsed_ms": round(delivery.elapsed.total_seconds() * 1000),
        "error": delivery.fault,
    }
