"""Making jobs."""

from envoy_plugin.engine.clock import milliseconds, stamp_of
from envoy_plugin.engine.model import Enqueued
from envoy_plugin.engine.verbs import Enqueue, Listing
from envoy_plugin.errors import JobNotFound
from tests.engine.life import Life
from tests.engine.model.moves import Moves
from tests.engine.model.world import CYCLE, Held, Refused, wrong


class Making(Moves):
    """The verb that makes a job."""

    def enqueue(self, verb: Enqueue) -> Enqueued:
        held = self.world.keys.get(verb.unique.key) if verb.unique else None
        known = held.by if held else verb.id if verb.id in self.jobs.keys() | self.forgotten else None
        if known:
            state = self.jobs[known].state if known in self.jobs else "gone"
            return Enqueued(id=known, state=state, created=False)
        self.check_gates(verb)
        life = self.create(verb)
        self.world.named += 1
        ended = [self.wait_for(life, self.jobs[upstream], policy) for upstream, policy in verb.after.items()]
        if verb.unique:
            self.world.keys[verb.unique.key] = Held(life.id)
        if verb.lane:
            self.join_lane(life)
        self.settle(life, "enqueued")
        if any(ended):
            self.end_with_upstream(life)
        return Enqueued(id=life.id, state=life.state, created=True)

    def check_gates(self, verb: Enqueue) -> None:
        """Refuse an envelope or an upstream that isn't there, or a cycle."""
        last = self.world.lanes.get(verb.lane) if verb.lane and verb.parent else None
        if verb.parent:
            self.check_parent(verb.parent)
        for upstream in [*verb.after, *([last] if last else [])]:
            if upstream not in self.jobs:
                raise Refused(JobNotFound)
            if verb.parent and self.closes_cycle(verb.id, verb.parent, [upstream]):
                raise CYCLE

    def check_parent(self, name: str) -> None:
        """Refuse an envelope that isn't there, is none, or is over."""
        parent = self.jobs.get(name)
        if parent is None:
            raise Refused(JobNotFound)
        if not parent.envelope or parent.ended:
            raise wrong(parent.state, "wrong_state" if parent.envelope else "no_envelope")

    def create(self, verb: Enqueue) -> Life:
        """A job with the facts that it is given."""
        life = self.born(verb.id, verb.queue, verb.kind, verb.install, verb.priority)
        by_reason = not isinstance(verb.retries, int)
        life.left = verb.retries if isinstance(verb.retries, int) else -1
        life.lefts = dict(verb.retries) if not isinstance(verb.retries, int) else {}
        life.backoff = verb.backoff if verb.retries or by_reason else None
        life.payload, life.bare = verb.payload or None, not verb.payload
        life.due = self.now + milliseconds(verb.delay) if verb.delay else stamp_of(verb.at) if verb.at else 0
        life.lease = milliseconds(verb.lease) if verb.lease else 0
        life.limit = milliseconds(verb.limit) if verb.limit else 0
        life.max_crashes, life.fails_on_lost_lease = verb.max_crashes or 0, verb.fails_on_lost_lease
        life.unique, life.debt, life.owing = verb.unique, verb.owes, bool(verb.owes)
        life.gates = {f"hold:{name}": str(stamp_of(till) if till else 0) for name, till in verb.holds.items()}
        life.lane, life.parent, life.envelope, life.closes = verb.lane, verb.parent, verb.envelope, verb.closes
        life.assignee, life.skippable = verb.assignee or None, verb.skippable
        life.listed = tuple(sorted(fact for fact in verb.listed if fact != Listing.PARENT or verb.parent))
        return life
