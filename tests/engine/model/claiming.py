"""Taking jobs, keeping them, and giving them back."""

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.model import Claimed
from envoy_plugin.engine.queues import is_fair
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Claim, ClaimJob, Promote, Release, Resume, Touch
from tests.engine.life import Life
from tests.engine.model.moves import FOREVER
from tests.engine.model.upkeep import Upkeep
from tests.engine.model.world import wrong


def claimed(life: Life) -> Claimed:
    """What a claimant is told."""
    return Claimed(
        id=life.id, attempt=life.attempt, claim=life.claim, kind=life.kind, install=life.install, payload=life.payload
    )


class Claiming(Upkeep):
    """The verbs of claimants that don't end an attempt."""

    def claim(self, verb: Claim) -> list[Claimed]:
        chosen = self.choose(verb.queue, verb.n)
        if verb.n and not chosen and not self.before.index(f"available:{verb.queue}"):
            self.world.turns.pop(verb.queue, None)
        return self.take(chosen, verb)

    def resume(self, verb: Resume) -> list[Claimed]:
        running = sorted(life.id for life in self.jobs.values() if runs_in(life, verb.queue))
        if running:
            first = self.jobs[running[0]]
            if verb.lease:
                self.lease_again(first, milliseconds(verb.lease))
            return [claimed(first)]
        taken = self.take(self.choose(verb.queue, 1), verb)
        for job in taken:
            self.keep(self.jobs[job.id], f"details:{job.attempt}", verb.details)
        return taken

    def claim_job(self, verb: ClaimJob) -> list[Claimed]:
        life = self.admit(verb)
        if life.queue in self.world.paused:
            raise wrong(life.state, "paused")
        self.keep(life, f"details:{life.attempt}", verb.details)
        self.start(life, verb)
        return [claimed(life)]

    def choose(self, queue: str, n: int) -> list[Life]:
        """The first of the index as it was, and what this call has made available."""
        if n < 1:
            return []
        ids = [job_id for _, job_id in self.before.index(f"available:{queue}")][:n]
        if len(ids) == n:
            self.woken.add(queue)
        else:
            self.promote_due(Promote(limit=n))
        found = {job_id: self.jobs[job_id] for job_id in ids if job_id in self.jobs}
        found |= {life.id: life for life in self.fresh}
        able = [life for life in found.values() if life.state is State.AVAILABLE and life.queue == queue]
        return sorted(able, key=lambda life: (life.rank, life.id))[:n]

    def take(self, chosen: list[Life], verb: Claim | Resume) -> list[Claimed]:
        """Start all of them, unless their queue is paused."""
        if chosen and verb.queue in self.world.paused:
            self.woken.discard(verb.queue)
            return []
        for life in chosen:
            self.start(life, verb)
            if is_fair(life.queue):
                priority, turn = divmod(life.rank, 10**15)
                self.world.turns.setdefault(life.queue, {})[str(priority)] = turn
        return [claimed(life) for life in chosen]

    def start(self, life: Life, verb: Claim | ClaimJob | Resume) -> None:
        """Make it the claimant's."""
        asked, insists = milliseconds(verb.lease) if verb.lease else 0, not isinstance(verb, Claim)
        lease = asked if asked and (insists or not life.lease) else life.lease
        life.claim += 1
        life.started = self.now
        life.limit_at = self.now + life.limit if life.limit else life.limit_at
        self.move(life, State.RUNNING, "claimed", verb.who, self.end_of(life, lease))

    def end_of(self, life: Life, lease: int) -> float:
        """When a lease from now ends, or the limit."""
        ends = [self.now + lease] if lease else []
        ends += [life.limit_at] if life.limit_at else []
        return min(ends, default=FOREVER)

    def lease_again(self, life: Life, lease: int) -> None:
        """Move the end of a lease, never past the limit."""
        self.put(life, self.end_of(life, lease))

    def touch(self, verb: Touch) -> State:
        life = self.admit(verb)
        self.lease_again(life, life.lease if verb.lease is None else milliseconds(verb.lease))
        return life.state

    def release(self, verb: Release) -> State:
        life = self.admit(verb)
        if verb.hold:
            life.gates.setdefault(f"hold:{verb.hold}", "0")
        self.wait(life, self.now + milliseconds(verb.delay))
        self.settle(life, "released")
        return life.state


def runs_in(life: Life, queue: str) -> bool:
    """Whether somebody works on this job of this queue."""
    return life.state is State.RUNNING and life.queue == queue and not life.envelope
