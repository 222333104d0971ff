"""Saying something of a job that isn't its end; gates by hand; pauses."""

from envoy_plugin.engine.clock import stamp_of
from envoy_plugin.engine.queues import is_fair, is_owned
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import (
    Assign,
    Depend,
    Describe,
    Expect,
    Hold,
    Note,
    PassDebt,
    Pause,
    Reschedule,
    Undepend,
    Unhold,
    Unpause,
)
from envoy_plugin.errors import JobNotFound, VersionMismatch
from tests.engine.life import Life
from tests.engine.model.moves import Moves
from tests.engine.model.world import CYCLE, Refused, wrong


class Facts(Moves):
    """The verbs that change facts of a job."""

    def note(self, verb: Note) -> int:
        life = self.admit(verb)
        if verb.blob and verb.blob not in self.world.stored:
            raise wrong(life.state, "blob_gone")
        self.keep(life, f"once:{verb.memo}" if verb.memo else f"details:{life.attempt}", verb.content)
        if verb.blob:
            self.keep_ref(life, verb.blob_name or f"log:{life.attempt}", verb.blob)
        elif verb.blob_name:
            self.drop_ref(life, verb.blob_name)
        self.replace_row(life, life.noted)
        life.noted = life.version + 1
        self.move(life, State.RUNNING, "noted")
        return life.version

    def describe(self, verb: Describe) -> int:
        life = self.admit(verb)
        life.fields = {name: text for name, text in (life.fields | {**verb.fields}).items() if name not in verb.drop}
        life.tags = (life.tags | {*verb.tags}) - {*verb.untag}
        self.replace_row(life, life.described)
        life.described = life.version + 1
        self.move(life, life.state, "described")
        return life.version

    def replace_row(self, life: Life, number: int) -> None:
        """Take the row of the one before out of the history."""
        if number:
            life.history.pop(number, None)
            life.replaced += 1

    def expect(self, verb: Expect) -> State:
        life = self.admit(verb)
        if verb.revision is not None and verb.revision != life.revision:
            raise Refused(VersionMismatch, str(life.state))
        return life.state

    def assign(self, verb: Assign) -> State:
        life = self.admit(verb)
        if verb.queue and verb.queue != life.queue:
            life.revision = life.revision if is_owned(verb.queue) else 0
            life.queue = verb.queue
            life.rank = life.rank // 10**15 * 10**15 + life.created
            if life.state is State.AVAILABLE and is_fair(life.queue):
                self.give_turn(life)
        if verb.assignee is not None:
            life.assignee = verb.assignee or None
        self.changed(life, "assigned", verb.queue or "")
        return life.state

    def reschedule(self, verb: Reschedule) -> State:
        life = self.admit(verb)
        self.wait(life, stamp_of(verb.at) if verb.at else 0)
        self.changed(life, "rescheduled")
        return life.state

    def hold(self, verb: Hold) -> State:
        life = self.admit(verb)
        if verb.hold in life.waits("hold"):
            raise wrong(life.state, "held")
        life.gates[f"hold:{verb.hold}"] = str(stamp_of(verb.until) if verb.until else 0)
        self.changed(life, "held", verb.hold)
        return life.state

    def unhold(self, verb: Unhold) -> State:
        life = self.admit(verb)
        if verb.hold not in life.waits("hold"):
            raise wrong(life.state, "not_held")
        self.open(life, f"hold:{verb.hold}")
        self.changed(life, "unheld", verb.hold)
        return life.state

    def depend(self, verb: Depend) -> State:
        life = self.admit(verb)
        if verb.upstream not in self.jobs:
            raise Refused(JobNotFound)
        if verb.upstream in life.waits("wait"):
            raise wrong(life.state, "depends")
        if self.closes_cycle(life.id, life.parent, [verb.upstream]):
            raise CYCLE
        if self.wait_for(life, self.jobs[verb.upstream], verb.policy):
            self.end_with_upstream(life)
        else:
            self.changed(life, "depends", verb.upstream)
        return life.state

    def undepend(self, verb: Undepend) -> State:
        life = self.admit(verb)
        if verb.upstream not in life.waits("wait"):
            raise wrong(life.state, "not_depending")
        self.open(life, f"wait:{verb.upstream}")
        self.changed(life, "undepended", verb.upstream)
        return life.state

    def pass_debt(self, verb: PassDebt) -> State:
        life, heir = self.admit(verb), self.jobs.get(verb.heir)
        if heir is None or heir.deleted:
            raise Refused(JobNotFound)
        if not life.owing:
            raise wrong(life.state, "owes_nothing")
        if heir is life or heir.owing or heir.heir or heir.is_report:
            raise wrong(heir.state, "owes_already")
        heir.debt, heir.owing, heir.root = life.debt, True, life.root or life.id
        life.owing, life.heir = False, heir.id
        if heir.ended:
            heir.bytes_until = None
            self.follow_up(heir)
        return heir.state

    def pause(self, verb: Pause) -> bool:
        is_news = verb.queue not in self.world.paused
        self.world.paused[verb.queue] = verb.why
        return is_news

    def unpause(self, verb: Unpause) -> bool:
        is_news = self.world.paused.pop(verb.queue, None) is not None
        self.woken |= {verb.queue} if is_news else set()
        return is_news
