"""How a workflow goes on: what opens when a step is over. Pure: values in, values out.

Each step stands in one of these places:

    idle      not reached yet, or left
    joining   reached by one path; waits for others that can still come
    current   open: it waits for somebody, or runs
    ended     over, and what follows isn't open yet
    over      over, and left behind
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeAlias

from envoy_plugin.workflows.definitions import conditions
from envoy_plugin.workflows.definitions.diagrams import Diagram, Join, Path, Step


class Standing(StrEnum):
    """Where a step stands."""

    IDLE = "idle"
    JOINING = "joining"
    CURRENT = "current"
    ENDED = "ended"
    OVER = "over"


Standings: TypeAlias = Mapping[str, Standing]

ALIVE: Final = frozenset({Standing.CURRENT, Standing.ENDED})
"""What goes on by itself or by somebody, and opens other steps in the end."""
UNDER_WAY: Final = ALIVE | {Standing.JOINING}
SUCCEEDED: Final = "succeeded"
REJECTED: Final = "rejected"


class Stop(StrEnum):
    """Why a step that was over is open again, and waits for somebody."""

    FAILED = "failed"
    """It failed or was cancelled, and no path is for that."""
    NO_PATH = "no_path"
    """It succeeded, and no condition of its paths holds."""
    NO_THING = "no_thing"
    """The thing that is to do it was removed, or is another install's by now."""
    LOOPED = "looped"
    """It was done so often that somebody must say whether it is to be done once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a step ended. `result` is any JSON value; `answer` that of a question."""

    state: str = SUCCEEDED
    reason: str | None = None
    result: Any = field(default=None, repr=False)
    answer: Any = field(default=None, repr=False)
    code: int | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.state == SUCCEEDED

    @property
    def is_decided(self) -> bool:
        """Whether it ended well, or whoever did it decided that it has failed: trying again won't help."""
        return self.succeeded or self.reason == REJECTED

    def names(self) -> dict[str, Any]:
        """What conditions call it."""
        code = self.code if self.code is not None else int(self.succeeded)
        return {
            "state": self.state,
            "reason": self.reason,
            "result": self.result,
            "answer": self.answer,
            "returnCode": code,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What becomes of the steps. `opens` maps a step to the path by which it was reached."""

    standings: Standings
    opens: Mapping[str, Path] = field(default_factory=dict)
    stop: Stop | None = None
    """Why the step that ended opens again, to wait for somebody."""
    status: str = ""
    """What the workflow's status becomes; empty: it stays."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left that could open a step."""
        return not any(standing in UNDER_WAY for standing in self.standings.values())


def paths_of(step: Step, ending: Ending, names: conditions.Names) -> list[Path]:
    """The paths that are taken. After a failure only those count whose condition asks for how the step ended.

    Where none of these is, those are that are for whatever else: after a failure, too.
    """
    known = {**names, **ending.names()}
    asked = [path for path in step.paths if path.when != conditions.ELSE]
    taken = [path for path in asked if _is_taken(path, ending, known)]
    return taken or [path for path in step.paths if path.when == conditions.ELSE]


def _is_taken(path: Path, ending: Ending, known: conditions.Names) -> bool:
    if not path.when:
        return ending.succeeded
    condition = conditions.parse(path.when)
    return (ending.succeeded or condition.is_about_failure) and condition.holds(known)


def after(
    diagram: Diagram, standings: Standings, step_id: str, ending: Ending, names: conditions.Names | None = None
) -> Move:
    """What follows the end of a step. `names` are the values of `input` and `job`."""
    step = diagram[step_id]
    taken = paths_of(step, ending, names or {})
    if not taken and (step.paths or not ending.is_decided):
        stop = Stop.NO_PATH if ending.succeeded else Stop.FAILED
        return Move(standings={**standings, step_id: Standing.CURRENT}, stop=stop)
    reached = dict[str, Path]()
    for path in taken:
        reached.setdefault(path.to, path)
    left = {**standings, step_id: Standing.OVER}
    status = next((path.status for path in reversed(taken) if path.status), "")
    return replace(_arrive(diagram, left, reached), status=status)


def set_current(diagram: Diagram, standings: Standings, step_id: str) -> Move:
    """What follows when somebody says which step is the current one: every other that is under way is left."""
    left = {other: Standing.IDLE if standing in UNDER_WAY else standing for other, standing in standings.items()}
    return Move(standings={**left, step_id: Standing.CURRENT}, opens={step_id: Path(to=step_id)})


def _arrive(diagram: Diagram, standings: Standings, reached: Mapping[str, Path]) -> Move:
    """Open what was reached, but for joins that others can still reach; and joins that nobody can reach any more."""
    now = dict(standings)
    opens = dict[str, Path]()
    for step_id, path in reached.items():
        if now[step_id] in ALIVE:
            continue  # it is open: the arrival is one with the one before
        if diagram[step_id].join == Join.ALL:
            now[step_id] = Standing.JOINING
        else:
            now[step_id], opens[step_id] = Standing.CURRENT, path
    for step_id in complete(diagram, now):
        now[step_id] = Standing.CURRENT
        opens[step_id] = reached.get(step_id, Path(to=step_id))
    return Move(standings=now, opens=opens)


def complete(diagram: Diagram, standings: Standings) -> list[str]:
    """The joins that wait for nobody any more: no open step leads there, and no other join that opens before.

    Joins that lead to each other don't wait for each other. So one of them is complete where no step is open.
    """
    alive = [step_id for step_id, standing in standings.items() if standing in ALIVE]
    waiting = [step_id for step_id, standing in standings.items() if standing is Standing.JOINING]
    free = [join for join in waiting if not any(join in diagram.reach[step_id] for step_id in alive)]
    return [join for join in free if not any(_comes_before(diagram, other, join) for other in waiting)]


def _comes_before(diagram: Diagram, other: str, join: str) -> bool:
    return other != join and join in diagram.reach[other] and other not in diagram.reach[join]


def percent_complete(diagram: Diagram, standings: Standings) -> float:
    """Steps that are over, of those and of all that can still be reached: 100 where nothing is left."""
    under_way = {step_id for step_id, standing in standings.items() if standing in UNDER_WAY}
    ahead = under_way.union(*(diagram.reach[step_id] for step_id in under_way))
    over = sum(standing is Standing.OVER and step_id not in ahead for step_id, standing in standings.items())
    return 100 * over / (over + len(ahead)) if ahead else 100.0
