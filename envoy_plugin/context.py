"""The context in which a plugin's code runs: through which engine, for which install, within which job.

Whoever makes jobs on behalf of a handler asks here for their install and for their key: a handler that runs again,
since its worker died or it failed, then finds the jobs that it has made already.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.verbs import NO_INSTALL, Unique


@dataclass(slots=True, kw_only=True, eq=False)
class Context:
    """One run of a handler, a setup step or a task; or (`install` is `-`) a process of the plugin, outside of them.

    `owner` is the plugin. `envoy_job` is Envoy's id of the event's job, `job` the engine's id of the job that runs:
    None inline and outside.
    """

    owner: object
    engine: Engine
    batcher: Batcher
    install: str = NO_INSTALL
    envoy_job: str | None = None
    job: str | None = None
    _made: dict[str, int] = field(default_factory=dict)

    def unique(self, function: str) -> Unique | None:
        """The key of the next job that `function` makes here, held for as long as that job is kept.

        It says which job runs, and the how-manieth job of `function` in this run it is. None where no job runs:
        nothing runs again there by itself.
        """
        if self.job is None:
            return None
        number = self._made[function] = self._made.get(function, 0) + 1
        return Unique(key=f"made:{self.job}:{function}:{number}", kept=True)


_CURRENT: Final[ContextVar[Context | None]] = ContextVar("context", default=None)


def current_context() -> Context | None:
    """The context of the code that runs; None outside of handlers, setup steps and tasks."""
    return _CURRENT.get()


def unique_here(function: str) -> Unique | None:
    """The key of the next job that `function` makes in the job that runs, see `Context.unique`; None: no job runs."""
    context = _CURRENT.get()
    return None if context is None else context.unique(function)


class Entered:
    """Makes a context the current one within the block. A class, as it is on the hot path."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._context)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)
