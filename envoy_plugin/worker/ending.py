"""How a run of a job ends: by one verb, or by several that stand or fall together."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from envoy_plugin.engine.batching import Batcher
from envoy_plugin.engine.engine import Engine, Mode
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Verb
from envoy_plugin.errors import CallRefused, EngineError, JobNotFound, WrongState

NO_HEIR: Final = "no_heir"
"""Why work can't go on in a job that there isn't; for the other words see `WrongState`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Verbs of one call, of which the last ends the job; if one is refused, nothing is written.

    `instead` is how the job ends if the first verb is refused, by why. `heir` is the job in which the work goes on.
    """

    verbs: tuple[Verb[Any], ...]
    heir: str
    instead: Mapping[str, "Ending"] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the log calls it."""
        return "+".join(verb.name for verb in self.verbs)

    def otherwise(self, refusals: Mapping[int, EngineError]) -> "Ending":
        """How the job ends after these refusals, by the place of the verb.

        Raises:
            EngineError: a refusal that is the job's own matter: it is this claim's no more.
        """
        refusal = refusals[min(refusals)]
        is_lost = isinstance(refusal, JobNotFound) and refusal.job_id == self.heir
        why = NO_HEIR if is_lost else refusal.why if isinstance(refusal, WrongState) else ""
        if 0 not in refusals or why not in self.instead:
            raise refusal
        return self.instead[why]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An end that writes itself, with what follows from it: of a step of a workflow. `name` is what the log calls it.

    `write` answers the state of the job then; called again where Redis couldn't be reached.
    """

    name: str
    write: Callable[[], Awaitable[State]]


Ending: TypeAlias = Verb[Any] | Together | Written


async def end_job(engine: Engine, batcher: Batcher, ending: Ending) -> State:
    """End a job; answers the state that it is in then.

    Raises:
        EngineError: it isn't this claim's any more; nothing was changed.
    """
    if isinstance(ending, Verb):
        state: State = await batcher.run(ending)
        return state
    if isinstance(ending, Written):
        return await ending.write()
    try:
        *_, state = await engine.call(ending.verbs, Mode.ALL)
    except CallRefused as refused:
        otherwise = ending.otherwise(refused.refusals)
    else:
        return state
    return await end_job(engine, batcher, otherwise)
