"""What time alone brings about."""

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import Expire, Promote, Retire
from tests.engine.life import Life
from tests.engine.model.forgetting import Forgetting


class Upkeep(Forgetting):
    """The sweeper's verbs."""

    def promote(self, verb: Promote) -> int:
        looked = self.promote_due(verb)
        unsettled = sorted(self.before.unsettled)[: verb.limit]
        for job_id in unsettled:
            life = self.jobs.get(job_id)
            if self.changes < self.most and (not life or not life.ended or self.settle_dependents(life)):
                self.world.unsettled.discard(job_id)
        return min(looked + len(unsettled), verb.limit)

    def promote_due(self, verb: Promote) -> int:
        """What is due becomes available, what was held until now opens."""
        due = [job_id for place, job_id in self.before.index("scheduled") if place <= self.now][: verb.limit]
        for job_id in due:
            life = self.jobs.get(job_id)
            if life and life.state is State.SCHEDULED and life.due <= self.now:
                self.settle(life, "promoted")
        timers = [timer for timer in self.before.timers() if timer[0] <= self.now][: verb.limit]
        for _, job_id, gate in timers:
            life = self.jobs.get(job_id)
            if life and 0 < int(life.gates.get(gate, "0")) <= self.now:
                self.open(life, gate)
                self.changed(life, "unheld", gate.removeprefix("hold:"))
        return len(due) + len(timers)

    def expire(self, verb: Expire) -> int:
        lost = [job_id for place, job_id in self.before.index("running") if place <= self.now][: verb.limit]
        for job_id in lost:
            life = self.jobs.get(job_id)
            if life and life.state is State.RUNNING and not life.moved:
                self.end_lease(life, life.max_crashes or verb.max_crashes)
        return len(lost)

    def end_lease(self, life: Life, most: int) -> None:
        """A past limit ends the attempt, a past lease is a crash."""
        if life.fails_on_lost_lease or (life.limit_at and life.limit_at <= self.now):
            return self.lose(life, "timeout", final=False, delay=None)
        life.crashes += 1
        if life.crashes >= most:
            return self.lose(life, "crashed", final=True, delay=None)
        self.wait(life, 0)
        return self.settle(life, "lost")

    def retire(self, verb: Retire) -> int:
        index, old = self.before.index(verb.state), self.now - milliseconds(verb.age)
        ids, again = [job_id for place, job_id in index if place <= old][: verb.limit], old + milliseconds(verb.again)
        surplus = min(len(index) - verb.most, verb.limit)
        if surplus > len(ids):
            ids, again = [job_id for _, job_id in index[:surplus]], self.now
        for life in [self.jobs[job_id] for job_id in ids if job_id in self.jobs]:
            if life.state is not verb.state or life.moved:
                continue
            if self.is_needed(life):
                self.put(life, again)
            else:
                self.forget(life)
        return len(ids)
