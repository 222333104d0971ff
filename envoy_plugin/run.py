"""What a background handler or a task knows of the job it runs as, and the pieces of it that run once."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, ParamSpec, Protocol, TypeVar, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.queries import find_memo
from envoy_plugin.errors import DeclarationError, TooLarge

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LONGEST_NAME: Final = 64
MOST_BYTES: Final = 256 * 1024


class Process(Protocol):
    """What a job sees of the process that runs it."""

    @property
    def stopping(self) -> bool:
        """Whether the process has been told to stop."""
        ...


class Run:
    """The run of a background handler or a task: one claim of one attempt of a job.

    `times` is how often the job was done before, in `before` attempts: a step of a workflow to which a loop leads back.
    """

    def __init__(self, engine: Engine, held: Claimed, process: Process, *, before: int = 0, times: int = 0) -> None:
        self._engine = engine
        self._held = held
        self._before = before
        self._process = process
        self._prefix = f"{times}:" if times else ""
        self._memos: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Run({self.id!r}, attempt={self.attempt})"

    @property
    def id(self) -> str:
        """The job's id in the engine."""
        return self._held.id

    @property
    def kind(self) -> str:
        """What the job is for: the event's name, or `task:` and the task's."""
        return self._held.kind

    @property
    def attempt(self) -> int:
        """Which try this is, from 1. A handler whose worker crashed runs again in the same attempt.

        Of a step that a workflow comes to again, it counts from 1 again.
        """
        return self._held.attempt - self._before

    @property
    def shutting_down(self) -> bool:
        """Whether the process has been told to stop: what isn't over within the drain time-out is given back."""
        return self._process.stopping

    async def once(
        self,
        name: str,
        function: Callable[Arguments, Awaitable[Result]],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """The result of `function`, which is called once for this job: a later run finds what the first one recorded.

        A step that a workflow comes to again, as in a loop, does it again, once.

        A worker that dies between the function's end and the record calls it again; once recorded, never. The result
        is kept sealed, as JSON, and comes back as the type that the function is annotated to return. The name can be
        read in Redis.

        Raises:
            DeclarationError: the name is empty or over 64 characters, or the result would come back as another.
            TooLarge: the result has more than 256 KiB as JSON.
            LostLease: the job is no longer this worker's.
        """
        _check_name(name)
        if name in self._memos:
            return self._memos[name]  # type: ignore[no-any-return]  # what the same name gave before
        adapter: TypeAdapter[Result] = TypeAdapter(_result_type(function))
        known = await find_memo(self._engine, self.id, self._prefix + name) if self._held.claim > 1 else None
        if known is not None:
            result = adapter.validate_json(known)
        else:
            result = await function(*args, **kwargs)
            await self._engine.note(self._held, _encode(name, adapter, result), memo=self._prefix + name)
        self._memos[name] = result
        return result

    async def progress(self, message: str, *, fraction: float | None = None) -> None:
        """Note how far the work is. Operators see it with the job; for Envoy's dashboard use `EnvoyPluginJob.update`.

        Raises:
            LostLease: the job is no longer this worker's.
        """
        await self._engine.note(self._held, to_json({"message": message, "fraction": fraction}))


def _check_name(name: str) -> None:
    if not name or len(name) > LONGEST_NAME:
        raise DeclarationError(f"The name of a piece has 1 to {LONGEST_NAME} characters, not {len(name)}.")


def _result_type(function: Callable[..., Awaitable[object]]) -> Any:
    target = function if hasattr(function, "__annotations__") else type(function).__call__
    return get_type_hints(target).get("return", Any)


def _encode(name: str, adapter: TypeAdapter[Result], result: Result) -> bytes:
    try:
        content = adapter.dump_json(result, warnings="error")
        same = adapter.validate_json(content) == result
    except (PydanticSerializationError, ValueError) as error:
        raise DeclarationError(f"The result of {name!r}, a {type(result).__name__}, can't be kept as JSON.") from error
    if not same:
        raise DeclarationError(
            f"The result of {name!r}, a {type(result).__name__}, would come back from JSON as another value;"
            " annotate what the function returns, with a type that JSON can hold."
        )
    if len(content) > MOST_BYTES:
        raise TooLarge(f"The result of {name!r}", size=len(content), limit=MOST_BYTES)
    return content
