"""Forgetting jobs: who is still needed, and what goes with a job."""

from tests.engine.life import Life
from tests.engine.model.moves import Moves


class Forgetting(Moves):
    """What one call knows of forgetting."""

    def is_needed(self, life: Life) -> bool:
        """Whether a job is owed, in an open envelope, an envelope with children, or waited for."""
        parent = self.jobs.get(life.parent)
        waited_for = any(not self.jobs[other].ended for other in life.dependents)
        return bool(self.is_owed(life) or (parent and not parent.ended) or life.children or waited_for)

    def forget(self, life: Life) -> None:
        """Take a job away, with everything that hangs on it."""
        for gate in [*life.gates]:
            self.open(life, gate)
        for other in [*life.dependents]:
            self.open(self.jobs[other], f"wait:{life.id}")
        if life.parent in self.jobs:
            del self.jobs[life.parent].children[life.id]
        if life.unique and life.unique.key in self.world.keys and self.world.keys[life.unique.key].by == life.id:
            del self.world.keys[life.unique.key]
        for name in [*life.refs]:
            self.drop_ref(life, name)
        self.forgotten.add(life.id)
        del self.jobs[life.id]
