"""What every value must be like, and one reader for bodies and queries: nothing reaches the engine unchecked.

SDKs check little of it themselves. Source: the constraints of botocore's models, and the limits that their texts name.
A member that is null counts as absent, one that is unknown is ignored, as the protocol (rest-json) has it.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, from_json

from envoy_plugin.apis.iot_jobs.guesses import MOST_CANCEL_PAIRS, MOST_PAIRS
from envoy_plugin.apis.iot_jobs.refusals import invalid

MOST_NUMBER: Final = 2**63 - 1
MOST_ATTRIBUTES: Final = 50
MOST_VALUE: Final = 1024
MOST_DOCUMENT: Final = 32_768
MOST_STEP_MINUTES: Final = 10_080
NO_STEP: Final = -1
THING_NAME: Final = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
JOB_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NEXT: Final = "$next"

_IN_JSON: Final[Mapping[str, str]] = {
    "dict_type": "Input should be a valid object",
    "model_type": "Input should be a valid object",
    "tuple_type": "Input should be a valid list",
}
"""What is wrong, in JSON's words, where it would be said in Python's."""

Model = TypeVar("Model", bound="Wire")


class Wire(BaseModel):
    """What a body or a query says; `execution_number` is `executionNumber` there. Strict: a number is no text."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", hide_input_in_errors=True, alias_generator=to_camel
    )


def printable(text: str) -> str:
    """A text without control, format, private or unassigned characters (`[^\\p{C}]+`).

    Raises:
        ValueError: it has one.
    """
    if any(unicodedata.category(character)[0] == "C" for character in text):
        raise ValueError("must have no control, format, private or unassigned characters")
    return text


def _step_or_none(minutes: int) -> int:
    if minutes != NO_STEP and not 1 <= minutes <= MOST_STEP_MINUTES:
        raise ValueError(f"must be from 1 to {MOST_STEP_MINUTES}, or {NO_STEP} for none")
    return minutes


def _whole(text: object) -> object:
    """A number in a query."""
    if isinstance(text, str) and re.fullmatch(r"-?\d{1,19}", text, re.ASCII):
        return int(text)
    return text


def _flag(text: object) -> object:
    """A boolean in a query."""
    return {"true": True, "false": False}.get(text, text) if isinstance(text, str) else text


Long: TypeAlias = Annotated[int, Field(ge=-MOST_NUMBER - 1, le=MOST_NUMBER)]
WholeText: TypeAlias = Annotated[Long, BeforeValidator(_whole)]
Flag: TypeAlias = Annotated[bool, BeforeValidator(_flag)]
ThingName: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[a-zA-Z0-9:_-]{1,128}\z")]
JobId: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[a-zA-Z0-9_-]{1,64}\z")]
DetailsKey: TypeAlias = Annotated[str, StringConstraints(pattern=r"\A[a-zA-Z0-9:_-]{1,128}\z")]
DetailsValue: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_VALUE), AfterValidator(printable)
]
Details: TypeAlias = Annotated[dict[DetailsKey, DetailsValue], Field(max_length=MOST_PAIRS)]
CancelDetails: TypeAlias = Annotated[dict[DetailsKey, DetailsValue], Field(max_length=MOST_CANCEL_PAIRS)]
Attributes: TypeAlias = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"\A[a-zA-Z0-9_.,@/:#-]{1,128}\z")],
        Annotated[str, StringConstraints(pattern=r"\A[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}\z")],
    ],
    Field(max_length=MOST_ATTRIBUTES),
]
StepMinutes: TypeAlias = Annotated[int, Field(ge=1, le=MOST_STEP_MINUTES)]
StepChange: TypeAlias = Annotated[int, AfterValidator(_step_or_none)]
MostResults: TypeAlias = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=250)]


def read(model: type[Model], said: Mapping[str, Any]) -> Model:
    """The typed value of a body's or a query's members.

    Raises:
        ThingRefused: InvalidRequestException, naming what is wrong; no value is quoted.
    """
    try:
        return model.model_validate({name: value for name, value in said.items() if value is not None})
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    raise invalid("; ".join(_fault(fault) for fault in faults[:3]))


def read_body(model: type[Model], body: bytes) -> Model:
    """The typed value of a JSON object; an empty body is an empty object.

    Raises:
        ThingRefused: InvalidRequestException.
    """
    try:
        said = from_json(body or b"{}", allow_inf_nan=False)
    except ValueError:
        raise invalid("The body is not JSON.") from None
    if not isinstance(said, dict):
        raise invalid("The body is not a JSON object.")
    return read(model, said)


def check_thing(name: str) -> str:
    """The name of a thing, checked.

    Raises:
        ThingRefused: InvalidRequestException.
    """
    if not THING_NAME.fullmatch(name):
        raise invalid("thingName must be 1 to 128 of the characters a-z, A-Z, 0-9, ':', '_' and '-'.")
    return name


def check_job_id(job_id: str) -> str:
    """The id of a job, checked.

    Raises:
        ThingRefused: InvalidRequestException.
    """
    if not JOB_ID.fullmatch(job_id):
        raise invalid("jobId must be 1 to 64 of the characters a-z, A-Z, 0-9, '_' and '-'.")
    return job_id


def check_json(text: str) -> str:
    """A job document.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError:
        raise ValueError("must be JSON") from None
    return text


def _fault(fault: ErrorDetails) -> str:
    """`statusDetails.step: String should have at least 1 character`. A map's key is quoted only where it can be one."""
    steps = [str(step) for step in fault["loc"]]
    place = ".".join(filter(THING_NAME.fullmatch, steps))
    said = _IN_JSON.get(fault["type"], fault["msg"]).removeprefix("Value error, ").removeprefix("Tuple ")
    said = said.replace(r"\A", "").replace(r"\z", "")
    told = f"a key: {said}" if "[key]" in steps else said
    return f"{place}: {told}" if place else told
