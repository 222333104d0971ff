"""What `route` does once it knows what is wanted: ask the plugin, read the answer, keep what it changes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import ClientSession
from yarl import URL

from envoy_plugin.cli.exits import ExitCode
from envoy_plugin.cli.sending.delivery_text import answer_lines, body_text, printable
from envoy_plugin.cli.sending.preparing import UNCHANGED, Changes, agree_on_config
from envoy_plugin.simulator.answers import Outcome
from envoy_plugin.simulator.control import SimulatedEnvoy
from envoy_plugin.simulator.payloads import RouteKind, Webhook, build_route
from envoy_plugin.simulator.route_answers import RouteReading, read_route_answer
from envoy_plugin.simulator.sender import Delivery, Sender
from envoy_plugin.simulator.tampering import UNTOUCHED, Tampering
from envoy_plugin.simulator.wire import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a setup step asks, and whom."""

    kind: RouteKind
    name: str
    url: URL
    secret: str = field(repr=False)
    envoy_url: URL
    install_id: str
    seed: int
    config: JsonObject = field(repr=False)
    params: JsonObject = field(repr=False)
    form: JsonObject = field(repr=False)
    changes: Changes = UNCHANGED
    tampering: Tampering = UNTOUCHED
    expect: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, and what came of it; `reading` is None where no answer came.

    `config` is the install's afterwards, where a simulated Envoy keeps it.
    """

    question: Question
    webhook: Webhook
    delivery: Delivery
    reading: RouteReading | None
    config: JsonObject | None = field(repr=False)

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends."""
        if self.reading is None:
            return ExitCode.FAILED
        if self.question.expect is not None:
            return ExitCode.OK if self.reading.outcome is self.question.expect else ExitCode.UNEXPECTED_OUTCOME
        return ExitCode.OK if self.reading.is_understood else ExitCode.FAILED


async def ask(session: ClientSession, question: Question) -> Asked:
    """Ask, and let the simulated Envoy keep the install's new config, if there is one and it changes.

    Raises:
        BadOverride: the question can't be changed as it is wanted.
        SimulatedEnvoyLost: it went away meanwhile.
    """
    envoy = SimulatedEnvoy(session=session, base_url=question.envoy_url)
    there = envoy if await envoy.is_there() else None
    config = await agree_on_config(there, question.install_id, question.config)
    webhook = _webhook(question, config)
    sender = Sender(
        session=session, url=str(question.url), secret=question.secret, envoy=there, tampering=question.tampering
    )
    delivery = await sender.deliver(webhook)
    answer = delivery.answer
    reading = None if answer is None else read_route_answer(question.kind, answer.status, answer.body, config)
    changed = None if reading is None else reading.config
    if there is not None and changed is not None:
        await there.put_install_config(question.install_id, changed)
    kept = None if there is None else changed if changed is not None else config
    return Asked(question=question, webhook=webhook, delivery=delivery, reading=reading, config=kept)


def _webhook(question: Question, config: JsonObject) -> Webhook:
    return question.changes.applied_to(
        build_route(
            question.kind,
            question.name,
            seed=question.seed,
            params=question.params,
            form=question.form,
            install_id=question.install_id,
            config=config,
        )
    )


def as_json(asked: Asked) -> str:
    """One line: `status`, `outcome`, `body`, and what else there is to know."""
    delivery, reading = asked.delivery, asked.reading
    shown: JsonObject = {
        "status": None if delivery.answer is None else delivery.answer.status,
        "outcome": None if reading is None else reading.outcome,
        "body": None if delivery.answer is None else delivery.answer.body,
        "kind": asked.question.kind,
        "route": asked.question.name,
        "install_id": asked.webhook.install_id,
        "message": None if reading is None else reading.message,
        "cursor": None if reading is None else reading.cursor,
        "config": asked.config,
        "elapsed_ms": round(delivery.elapsed.total_seconds() * 1000),
        "error": delivery.fault if reading is None else reading.fault,
    }
    return json.dumps(shown, ensure_ascii=False)


def as_text(asked: Asked) -> str:
    """Both sides of the request, then what the installer sees, and the install's config where it has changed."""
    return "\n".join(_lines(asked))


def _lines(asked: Asked) -> Iterator[str]:
    request, reading = asked.delivery.request, asked.reading
    yield f"-> POST {request.url}"
    yield from (f"   {name}: {value}" for name, value in request.headers.items())
    yield from (f"   {line}" for line in body_text(request.body).splitlines())
    yield ""
    yield from answer_lines(asked.delivery, None if reading is None else str(reading.outcome))
    if reading is None:
        return
    yield ""
    yield f"Envoy's setup: {_said(reading)}"
    if reading.config is not None:
        kept = "" if asked.config is not None else " (no simulated Envoy answers, so nobody keeps it)"
        yield f"The install's config is now{kept}"
        yield from (f"   {line}" for line in json.dumps(reading.config, ensure_ascii=False, indent=2).splitlines())


def _said(reading: RouteReading) -> str:
    if reading.fault is not None:
        return printable(reading.fault)
    if reading.message is not None:
        return f"the step stays, and says: {printable(reading.message)}"
    return "the step goes on" + ("" if reading.cursor is None else f"; more with --param cursor={reading.cursor}")
