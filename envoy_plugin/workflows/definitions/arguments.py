"""What a step of each kind says of its work, and what it can be."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import to_json

from envoy_plugin.engine.verbs import MOST_PAYLOAD
from envoy_plugin.workflows.definitions.diagrams import Kind, Step

MOST_RETRIES: Final = 100
WEEK: Final = 7 * 24 * 60 * 60
"""In s: as long as a device may take. Source: AWS IoT Jobs, `inProgressTimeoutInMinutes`."""
MONTH: Final = 31 * 24 * 60 * 60
"""In s: as long as a person may have."""
MOST_SECONDS: Final = 2**31 - 1
"""Source: Titan's API, as its own jobs have it."""
MOST_TITAN: Final = 1024 * 1024
"""In bytes: of a pull-worker's payload. Source: the same."""
MOST_ANSWERS: Final = 100
SEALED: Final = 1024
"""Room for what sealing adds."""


@dataclass(frozen=True, slots=True)
class Argument:
    """What a value must be, in words and as a test; `needed`: it can't be left out."""

    what: str
    fits: Callable[[Any], bool]
    needed: bool = True


def faults_in_arguments(step: Step) -> Iterator[str]:
    """What is wrong with what a step of a known kind says of its work."""
    for name, argument in ARGUMENTS[step.kind].items():
        value = step.args.get(name)
        if argument.needed and (value is None or value in ("", [], {}, ())):
            yield f"Step {step.id!r} is a {step.kind}, and doesn't say its {name}."
        elif name in step.args and not argument.fits(value):
            yield f"The {name} of step {step.id!r} must be {argument.what}."


def answers_of(step: Step) -> list[Any]:
    """What a question can be answered with."""
    return [answer["value"] if isinstance(answer, Mapping) else answer for answer in step.args.get("answers", ())]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(least: int, most: int) -> Argument:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return Argument(f"a whole number from {least} to {most}", fits, needed=False)


def _content(most: int) -> Argument:
    def fits(value: Any) -> bool:
        return isinstance(value, str | Mapping) and _size(value) <= most - SEALED

    return Argument(f"a text or a JSON object of at most {most - SEALED} bytes", fits)


def _size(value: Any) -> float:
    """In bytes; of what is no JSON, above any bound."""
    try:
        return len(to_json(value))
    except ValueError:
        return float("inf")


def _are_answers(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) > MOST_ANSWERS:
        return False
    said = [answer.get("value") if isinstance(answer, Mapping) else answer for answer in value]
    return all(_is_answer(one) for one in said) and len(set(map(repr, said))) == len(said)


def _is_answer(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


ARGUMENTS: Final[Mapping[str, Mapping[str, Argument]]] = MappingProxyType(
    {
        Kind.MANUAL: {"timeout": _whole(0, MONTH)},
        Kind.QUESTION: {
            "question": Argument("a text", _is_text),
            "answers": Argument(f"a list of at most {MOST_ANSWERS} texts or numbers, each once", _are_answers),
            "timeout": _whole(0, MONTH),
        },
        Kind.FUNCTION: {"function": Argument("a text", _is_text), "retries": _whole(0, MOST_RETRIES)},
        Kind.DEVICE: {
            "thing": Argument("a text", _is_text),
            "document": _content(MOST_PAYLOAD),
            "timeout": _whole(0, WEEK),
            "retries": _whole(0, MOST_RETRIES),
        },
        Kind.TITAN: {
            "payload": _content(MOST_TITAN),
            "image": Argument("a text", _is_text, needed=False),
            "timeout": _whole(1, MOST_SECONDS),
            "retries": _whole(0, MOST_RETRIES),
        },
    }
)
"""By kind: what a step must say, or may. Times are in s."""
