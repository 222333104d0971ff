"""Diagrams of every shape for the walks: loops, parallel branches, joins, every kind of step."""

from dataclasses import replace
from random import Random

from envoy_plugin.workflows.definitions.diagrams import Diagram, Facts, Join, Path, Step

CONDITIONS = (
    "",
    "",
    "",
    "returnCode == 1",
    "returnCode == 0",
    'state != "succeeded"',
    "result.again",
    "answer == 'Yes'",
    "else",
)
THING = "printer"
OWNERS = ("", "", "unassigned", "user:ada", "user:bob", "group:front-desk", "last_run_by", "creator", "maintain")


def make_step(dice: Random, step_id: str) -> Step:
    """A step of any kind, with no path yet."""
    facts: Facts = {
        "can_skip": dice.random() < 0.3,
        "proceeds": dice.random() < 0.85,
        "held": dice.random() < 0.1,
        "assigned": dice.choice(OWNERS),
        "join": dice.choice(list(Join)),
    }
    by_itself: Facts = {"automatic": dice.random() < 0.8}
    match dice.randrange(6):
        case 0 | 1:
            return Step.function(step_id, "f", retries=dice.choice([0, 1]), **(facts | by_itself))
        case 2:
            return Step.device(step_id, thing=THING, document={"do": step_id}, timeout=dice.choice([0, 60]), **facts)
        case 3:
            return Step.titan(step_id, payload="p", timeout=30, **facts)
        case 4:
            timeout = dice.choice([0, 60])
            return Step.question(step_id, "Well?", answers=["Yes", "No"], timeout=timeout, **(facts | by_itself))
    return Step.manual(step_id, timeout=dice.choice([0, 0, 60]), **facts)


def make_diagram(dice: Random, *, name: str = "d", most: int = 6) -> Diagram:
    """A diagram of up to `most` steps whose paths lead anywhere."""
    ids = [str(at) for at in range(dice.randint(1, most))]
    steps = []
    for step_id in ids:
        made = make_step(dice, step_id)
        chosen = dice.sample(ids, k=min(len(ids), dice.choice([0, 1, 1, 1, 2, 2, 3])))
        paths = tuple(Path(to=to, when=dice.choice(CONDITIONS), assigned=dice.choice(OWNERS)) for to in chosen)
        steps.append(replace(made, paths=paths))
    return Diagram(id=name, initial="0", steps=tuple(steps))
