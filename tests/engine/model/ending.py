"""Ending attempts, starting others, and forgetting them."""

from typing import Any

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.states import NEVER_RETRIED, State
from envoy_plugin.engine.verbs import Cancel, Delete, Fail, Retry, Succeed
from envoy_plugin.errors import JobNotFound
from tests.engine.life import Life
from tests.engine.model.forgetting import Forgetting
from tests.engine.model.world import CYCLE, Held, Refused, wrong


class Ending(Forgetting):
    """The verbs that end an attempt, and what may follow."""

    def admit_end(self, verb: Succeed | Fail | Cancel) -> Life:
        """The job, where it may end."""
        life = self.admit(verb)
        if life.alive:
            raise wrong(life.state, "children_left")
        if getattr(verb, "log", "") and verb.log not in self.world.stored:  # type: ignore[union-attr]  # Cancel has none
            raise wrong(life.state, "blob_gone")
        return life

    def keep_end(self, life: Life, verb: Succeed | Fail) -> None:
        """What an end leaves."""
        self.keep(life, f"outcome:{life.attempt}", verb.outcome)
        self.keep(life, f"details:{life.attempt}", verb.details)
        self.keep_ref(life, f"log:{life.attempt}", verb.log)

    def succeed(self, verb: Succeed) -> State:
        life = self.admit_end(verb)
        self.keep_end(life, verb)
        life.reason = verb.reason or life.reason
        self.finish(life, State.SUCCEEDED, "succeeded", verb.reason)
        return life.state

    def fail(self, verb: Fail) -> State:
        life = self.admit_end(verb)
        self.keep_end(life, verb)
        delay = None if verb.delay is None else milliseconds(verb.delay)
        self.lose(life, verb.reason, final=verb.reason in NEVER_RETRIED, delay=delay)
        return life.state

    def cancel(self, verb: Cancel) -> State:
        life = self.admit_end(verb)
        if verb.unless_running and life.state is State.RUNNING:
            raise wrong(life.state)
        self.keep(life, f"details:{life.attempt}", verb.details)
        life.reason = verb.reason
        self.finish(life, State.CANCELLED, "cancelled", verb.reason)
        return life.state

    def retry(self, verb: Retry) -> tuple[State, int]:
        life = self.admit(verb)
        self.check_retry(life)
        self.reopen(life)
        self.supersede(self.report_of(life))
        self.take_debt_back(life)
        self.keep_all_bytes(life)
        for upstream in life.waits("wait"):
            if self.jobs[upstream].ended:
                self.open(life, f"wait:{upstream}")
        self.next_attempt(life, life.state)
        self.wait(life, 0)
        self.set_retries(life, verb.retries)
        if life.unique:
            self.world.keys[life.unique.key] = Held(life.id)
        if life.lane:
            self.join_lane(life)
        self.settle(life, "retried")
        self.emptied += [life.id] if life.closes else []
        return life.state, life.attempt

    def reopen(self, life: Life) -> None:
        """Open the envelope around a job again, where that closes by itself."""
        parent = self.jobs.get(life.parent)
        if parent and parent.ended:
            try:
                self.retry(Retry(id=parent.id))
            except Refused:
                raise wrong(life.state, "envelope_over") from None

    def check_retry(self, life: Life) -> None:
        """Refuse what can't be tried again."""
        debtor, parent = self.debtor_of(life), self.jobs.get(life.parent)
        if parent and parent.ended and not parent.closes:
            raise wrong(life.state, "envelope_over")
        if life.is_report and not (debtor and self.is_report_of(life, debtor)):
            raise wrong(life.state, "superseded")
        if any(other.payload is None and not other.bare for other in self.sources_of(life, debtor)):
            raise wrong(life.state, "payload_gone")
        if life.unique and life.unique.key in self.world.keys and self.world.keys[life.unique.key].by != life.id:
            raise wrong(life.state, "key_taken")
        last = self.world.lanes.get(life.lane)
        ahead = [other for other in life.waits("wait") if not self.jobs[other].ended]
        if self.closes_cycle(life.id, life.parent, [*ahead, *([last] if last else [])]):
            raise CYCLE

    def sources_of(self, life: Life, debtor: Life | None) -> list[Life]:
        """Whose payloads another attempt needs: its own and its root's; a report has none of its own."""
        root = self.root_of(debtor or life)
        if debtor:
            return [root or debtor]
        return [life, root] if root else [life]

    def take_debt_back(self, life: Life) -> None:
        """A debt that was passed on comes back from whoever has it now."""
        last, life.owing = life, life.owing or life.heir is not None
        while last.heir:
            heir, last.heir = self.jobs.get(last.heir), None
            if heir is None:
                break
            self.supersede(self.report_of(heir))
            heir.owing, heir.root, heir.debt = False, None, None
            self.expire_bytes(heir)
            last = heir

    def set_retries(self, life: Life, retries: int | None) -> None:
        """Say how many are left."""
        if retries is not None and life.left < 0:
            life.lefts["*"] = retries
        elif retries is not None:
            life.left = retries

    def delete(self, verb: Delete) -> bool:
        life = self.jobs.get(verb.id)
        if life is None or (verb.attempt not in life.records and not self.is_latest(life, verb)):
            raise Refused(JobNotFound)
        if verb.attempt == life.attempt and not life.ended:
            raise wrong(life.state)
        parent = self.jobs.get(life.parent)
        if verb.attempt == life.attempt and life.owing and parent and not parent.ended:
            raise wrong(life.state, "envelope_open")
        if life.kept == 1 and not self.is_needed(life):
            self.forget(life)
            return True
        life.records.pop(verb.attempt, None)
        life.deleted = life.deleted or verb.attempt == life.attempt
        self.drop_attempt(life, verb.attempt)
        if life.kept == 0:
            self.put(life, 0)
        return False

    def is_latest(self, life: Life, verb: Any) -> bool:
        """Whether a verb names the attempt that can still be read."""
        return bool(verb.attempt == life.attempt and not life.deleted)

    def drop_attempt(self, life: Life, attempt: int) -> None:
        """Its bytes go; those of an end that Envoy isn't told yet stay for the report."""
        if not (attempt == life.attempt and self.is_owed(life)):
            life.blobs.pop(f"details:{attempt}", None)
            life.blobs.pop(f"outcome:{attempt}", None)
            self.drop_ref(life, f"log:{attempt}")
