"""What an operation is: how it is asked for, what it takes, and what does it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeAlias, TypeVar

from envoy_plugin.apis.workflow_manager.asked import Asked
from envoy_plugin.apis.workflow_manager.wire import Wire

Model = TypeVar("Model", bound=Wire)
Answer: TypeAlias = object
"""What an operation answers: a value that becomes JSON as `wire.shape` has it, or a whole response."""


class Source(StrEnum):
    """Where what an operation takes is read from."""

    NOWHERE = ""
    QUERY = "query"
    JSON = "JSON"
    FORM = "form"
    MULTIPART = "multipart"


class Nothing(Wire):
    """What an operation takes that takes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Model]):
    """One operation.

    `name` is that of the original's method of jobs, if it is one; `path` what comes after `/{org}/{item}`. Of several
    that share method and path, the body's member `type` tells which is meant, and then whether it has a `member`.
    """

    name: str = ""
    method: str
    path: str
    about: str
    does: Callable[[Asked, Model], Awaitable[Answer]]
    takes: type[Model]
    source: Source = Source.NOWHERE
    type: str = ""
    member: str = ""
    by_link: bool = False
    """Whether the token of an attachment's URL opens it, too."""


HEALTH: Final = "checkStatus"
"""The one word after `/{org}` that is no item."""
