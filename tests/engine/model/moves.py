"""Where a job goes: who may ask, where it waits, what an end brings with it, the next attempt."""

from typing import Any

from envoy_plugin.engine.clock import milliseconds, stamp_of
from envoy_plugin.engine.queues import is_fair, is_owned
from envoy_plugin.engine.states import FROM, OF_ENVELOPES, SKIPPABLE, State
from envoy_plugin.engine.verbs import Policy
from envoy_plugin.errors import JobNotFound, LostLease, VersionMismatch
from tests.engine.life import Life
from tests.engine.model.debts import Debts
from tests.engine.model.world import Held, Refused, wrong

HISTORY = 100
FOREVER = float("inf")


class Moves(Debts):
    """What one call knows of states."""

    def admit(self, verb: Any) -> Life:
        """The job that a verb names, where it may act on it."""
        life = self.jobs.get(verb.id)
        attempt, claim, version = (getattr(verb, name, None) for name in ("attempt", "claim", "version"))
        if life is None:
            raise Refused(JobNotFound)
        if attempt is not None and attempt != life.attempt:
            if attempt in life.records:
                raise wrong(life.records[attempt].split()[0])
            raise Refused(JobNotFound)
        if life.deleted:
            raise Refused(JobNotFound)
        if claim is not None and (claim != life.claim or life.state is not State.RUNNING):
            raise Refused(LostLease, str(life.state))
        if version is not None and version != life.version:
            raise Refused(VersionMismatch, str(life.state))
        return self.admit_state(verb.name, life)

    def admit_state(self, verb: str, life: Life) -> Life:
        """The same, as far as the state and what kind of job it is go."""
        if life.envelope and verb not in OF_ENVELOPES:
            raise wrong(life.state, "envelope")
        if life.state not in FROM[verb] and not (verb in SKIPPABLE and self.may_skip(life)):
            raise wrong(life.state)
        return life

    def may_skip(self, life: Life) -> bool:
        """Whether a job can end without having been claimed."""
        at_run = life.state is State.BLOCKED and [*life.gates] == ["hold:run"]
        return life.skippable and (life.state is State.AVAILABLE or at_run)

    def put(self, life: Life, place: float) -> None:
        """Give a job another place in the index of its state."""
        life.place, life.moved = place, True

    def move(self, life: Life, state: State, event: str, detail: str = "", place: float | None = None) -> None:
        """Take a job to a state; without a place it stays where it was."""
        ends, life.state = state.ended and not life.ended, state
        life.version += 1
        row = f"{event} {state} {self.now} {life.attempt}"
        life.history[life.version] = f"{row} {detail}" if detail else row
        life.history.pop(life.version - HISTORY, None)
        if place is not None:
            self.put(life, place)
        if is_owned(life.queue):
            is_new = state is State.AVAILABLE and not life.revision
            life.revision += ends or is_new or event in {"claimed", "noted"}
        if life.parent in self.jobs:
            self.jobs[life.parent].children[life.id] = state
            self.emptied += [life.parent] if ends and self.jobs[life.parent].closes else []
        if ends:
            self.end(life)

    def finish(self, life: Life, state: State, event: str, detail: str = "") -> None:
        """Take a job to a state that ends it."""
        self.move(life, state, event, detail, self.now)

    def settle(self, life: Life, event: str, detail: str = "") -> None:
        """Decide where a job waits that neither runs nor is over."""
        if life.envelope:
            self.move(life, State.RUNNING, event, detail, FOREVER)
        elif life.gates:
            self.move(life, State.BLOCKED, event, detail, self.now)
        elif life.due > self.now:
            self.move(life, State.SCHEDULED, event, detail, life.due)
        else:
            if is_fair(life.queue) and life.state is not State.AVAILABLE:
                self.give_turn(life)
            self.move(life, State.AVAILABLE, event, detail, life.rank)
            self.fresh.append(life)

    def give_turn(self, life: Life) -> None:
        """Give a job the place one turn after its install's last, and not before the turn that is being served."""
        turns, priority = self.world.turns.setdefault(life.queue, {}), str(life.rank // 10**15)
        mine = f"{priority}{life.install}"
        turns[mine] = max(turns.get(mine, 0), turns.get(priority, 0)) + 1
        life.rank = int(f"{priority}{turns[mine]:015}")

    def changed(self, life: Life, event: str, detail: str = "") -> None:
        """A waiting job is settled again, a running one remembers, an ended one keeps it for its retry."""
        if life.state is State.RUNNING:
            self.move(life, State.RUNNING, event, detail)
        elif not life.ended:
            self.settle(life, event, detail)

    def wait(self, life: Life, due: int, slack: int = 0) -> None:
        """Say when a job may be claimed."""
        life.due, life.slack = due, slack

    def born(self, job_id: str, queue: str, kind: str, install: str, priority: int) -> Life:
        """A job that is in no state yet."""
        rank = int(f"{9 - priority}00{self.now}")
        life = Life(
            id=job_id, queue=queue, kind=kind, install=install, rank=rank, created=self.now, left=0, state=State.RUNNING
        )
        self.jobs[job_id] = life
        return life

    # -- ends

    def end(self, life: Life) -> None:
        """What an end brings with it."""
        if life.owing:
            self.follow_up(life)
        elif not self.is_owed(life):
            self.expire_bytes(life)
        debtor = self.debtor_of(life)
        if debtor and self.is_report_of(life, debtor):
            for other in self.line_of(debtor):
                self.expire_bytes(other)
        self.let_go(life)
        if life.lane:
            self.leave_lane(life)
        self.settle_dependents(life)
        for child in (self.jobs[child] for child in life.children):
            if not self.is_owed(child):
                self.expire_bytes(child)

    def let_go(self, life: Life) -> None:
        """The unique key is free, at once, later, or never."""
        if life.unique and life.unique.until:
            self.world.keys[life.unique.key] = Held(life.id, stamp_of(life.unique.until))
        elif life.unique and not life.unique.kept:
            del self.world.keys[life.unique.key]

    def follow_up(self, life: Life) -> None:
        """Make a job of what another owes; one that tells the same end again has a new attempt."""
        assert life.debt
        told, debt = self.report_of(life), life.debt
        if told:
            told.deleted = False
            self.supersede(told)
            self.keep_all_bytes(told)
            self.next_attempt(told, told.state)
        report = told or self.born(f"{life.id}.{life.attempt}", debt.kind, debt.kind, life.install, 4)
        report.left, report.backoff, report.bare, report.is_report = debt.retries, debt.backoff, True, True
        self.wait(report, 0)
        self.settle(report, "retried" if told else "enqueued", life.id)

    def supersede(self, report: Life | None) -> None:
        """End a report of what isn't true any more."""
        if report and not report.ended:
            report.reason = "superseded"
            self.finish(report, State.CANCELLED, "cancelled", "superseded")

    def settle_dependents(self, life: Life) -> bool:
        """Tell those that wait for a job, the older first; False where some are left to the next sweep."""
        for job_id, policy in sorted(life.dependents.items()):
            dependent = self.jobs[job_id]
            opens = life.state is State.SUCCEEDED or policy == Policy.RUN
            ends = policy == Policy.CANCEL and not dependent.ended
            self.changes += opens or ends
            if self.changes > self.most:
                self.world.unsettled.add(life.id)
                return False
            if opens:
                self.open(dependent, f"wait:{life.id}")
                self.changed(dependent, "dependency_met", life.id)
            elif ends:
                self.end_with_upstream(dependent)
        return True

    def end_with_upstream(self, life: Life) -> None:
        """Cancel a job whose upstream has failed."""
        life.reason = "upstream"
        self.finish(life, State.CANCELLED, "cancelled", "upstream")

    def is_going(self, life: Life) -> bool:
        """Whether an envelope that closes by itself is being cancelled."""
        return life.closes and "hold:closing" in life.gates

    def close_emptied(self) -> None:
        """End the envelopes that close by themselves and have nobody left, and so on outwards."""
        for job_id in self.emptied:
            life = self.jobs.get(job_id)
            if life and not life.alive and not life.ended:
                state, reason = State.SUCCEEDED, ""
                if {*life.children.values()} - {State.SUCCEEDED}:
                    state, reason = State.FAILED, "not_all_succeeded"
                if self.is_going(life):
                    state, reason = State.CANCELLED, "operator"
                life.reason = reason or life.reason
                self.finish(life, state, str(state), reason)

    # -- attempts

    def lose(self, life: Life, reason: str, *, final: bool, delay: int | None) -> None:
        """End an attempt badly."""
        life.reason = reason
        lefts = reason if reason in life.lefts else "*" if life.left < 0 else None
        left = life.left if lefts is None else life.lefts.get(lefts, 0)
        parent = self.jobs.get(life.parent)
        if final or left <= 0 or (parent and self.is_going(parent)):
            return self.finish(life, State.FAILED, "failed", reason)
        life.revision += is_owned(life.queue)
        wait, slack = self.backoff_of(life, delay)
        self.next_attempt(life, State.FAILED)
        if lefts is None:
            life.left -= 1
        else:
            life.lefts[lefts] = left - 1
        self.wait(life, self.now + wait, slack)
        return self.settle(life, "attempt_failed", reason)

    def backoff_of(self, life: Life, delay: int | None) -> tuple[int, int]:
        """How long an attempt is waited for, at least, and how much longer at most."""
        if delay is not None or not life.backoff:
            return delay or 0, 0
        nominal = milliseconds(life.backoff.base) * life.backoff.factor ** (life.attempt - 1)
        nominal = min(nominal, milliseconds(life.backoff.cap))
        if life.backoff.factor == 1:
            return int(nominal), 0
        return int(nominal * 0.8), int(nominal * 1.2) - int(nominal * 0.8)

    def next_attempt(self, life: Life, state: State) -> None:
        """Close the record of an attempt, and begin another."""
        owned = is_owned(life.queue)
        revision, life.revision = (life.revision, 0) if owned else (0, life.revision)
        record = (state, life.reason or "-", life.created, life.started or "-", self.now, life.left, revision)
        life.records[life.attempt] = " ".join(str(fact) for fact in record)
        life.attempt += 1
        life.created, life.started, life.reason, life.crashes, life.noted = self.now, None, None, 0, 0
        if owned:
            life.rank = life.rank // 10**15 * 10**15 + self.now
