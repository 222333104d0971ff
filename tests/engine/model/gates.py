"""What a job waits for: holds, other jobs' ends, its lane; and who would wait for himself."""

from collections.abc import Iterable

from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Policy
from tests.engine.life import Life
from tests.engine.model.world import World


class Gates:
    """One call, which works on a copy of the world, and what it knows of gates.

    `before` is the world as it was: indexes are read there. A call settles at most `most` dependents.
    """

    def __init__(self, before: World, most: int) -> None:
        self.before, self.world, self.most = before, before.copy(), most
        self.now, self.jobs = self.world.now, self.world.jobs
        self.fresh: list[Life] = []
        self.woken: set[str] = set()
        self.forgotten: set[str] = set()
        self.changes = 0
        self.emptied: list[str] = []

    def changed(self, life: Life, event: str, detail: str = "") -> None:
        """A fact has changed that may change where a job waits."""
        raise NotImplementedError

    def open(self, life: Life, gate: str) -> None:
        """Take a gate away, from both sides."""
        del life.gates[gate]
        upstream = self.jobs.get(gate[5:]) if gate.startswith("wait:") else None
        if upstream:
            del upstream.dependents[life.id]

    def wait_for(self, life: Life, upstream: Life, policy: Policy) -> bool:
        """Make a job wait for another; True where that one's end ends it, too."""
        if upstream.ended and policy is Policy.CANCEL:
            return upstream.state is not State.SUCCEEDED
        if not upstream.ended or (upstream.state is not State.SUCCEEDED and policy is Policy.HOLD):
            life.gates[f"wait:{upstream.id}"] = upstream.dependents[life.id] = str(policy)
        return False

    def ahead_of(self, life: Life) -> set[str]:
        """Whom a job waits for: upstreams, the one before it in its lane, an envelope for its children."""
        return {*life.waits("wait"), *life.waits("lane"), *life.children}

    def closes_cycle(self, job_id: str, parent: str, upstreams: Iterable[str]) -> bool:
        """Whether one of these upstreams has to wait for the job, or for an envelope around it."""
        goals = {job_id}
        while parent:
            goals.add(parent)
            parent = self.jobs[parent].parent
        seen, ahead = set[str](), set(upstreams)
        while ahead:
            name = ahead.pop()
            if name in goals:
                return True
            if name not in seen and name in self.jobs and not self.jobs[name].ended:
                ahead |= self.ahead_of(self.jobs[name])
            seen.add(name)
        return False

    def join_lane(self, life: Life) -> None:
        """Line up at the end."""
        last = self.world.lanes.get(life.lane)
        if last:
            self.link(self.jobs[last], life)
        self.world.lanes[life.lane] = life.id

    def link(self, before: Life, life: Life) -> None:
        """Make a job wait for its turn after another."""
        life.gates[f"lane:{before.id}"] = "1"
        before.next = life.id

    def leave_lane(self, life: Life) -> None:
        """Let the next one go on, or wait for the one before."""
        before = self.jobs[life.before] if life.before else None
        after = self.jobs[life.next] if life.next else None
        if before:
            before.next = None
            self.open(life, f"lane:{before.id}")
        if after:
            life.next = None
            self.open(after, f"lane:{life.id}")
            if before:
                self.link(before, after)
            self.changed(after, "lane", life.id)
        elif before:
            self.world.lanes[life.lane] = before.id
        else:
            del self.world.lanes[life.lane]
