"""What the engine promises, in plain Python: the same verbs on plain values, to be compared with what Redis holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from envoy_plugin.engine.clock import milliseconds, stamp_of
from envoy_plugin.engine.engine import KEEP_BYTES, Mode
from envoy_plugin.engine.model import Claimed, Enqueued
from envoy_plugin.engine.retries import Debt, FollowUp
from envoy_plugin.engine.states import FROM, NEVER_RETRIED, State
from envoy_plugin.engine.verbs import (
    Cancel,
    Claim,
    Enqueue,
    Expire,
    Fail,
    Note,
    Promote,
    Release,
    Retire,
    Retry,
    Succeed,
    Touch,
    Verb,
)
from envoy_plugin.errors import EngineError, JobNotFound, LostLease, StateError, VersionMismatch, WrongState
from tests.engine.life import Life

HISTORY: Final = 100
FOREVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A refusal, as far as two of them can be compared."""

    error: type[EngineError]
    state: str | None = None
    why: str | None = None

    @classmethod
    def of(cls, error: EngineError) -> "Refused":
        """What the engine raised or answered."""
        state = error.state if isinstance(error, StateError) else None
        return cls(type(error), state, error.why if isinstance(error, WrongState) else None)


def wrong(state: str, why: str = "wrong_state") -> Refused:
    """The refusal of a verb that the state, or something else about the job, forbids."""
    return Refused(WrongState, str(state), why)


@dataclass(frozen=True, slots=True)
class Held:
    """A unique key: who holds it, and until when; None: until somebody lets go."""

    by: str
    until: int | None = None


class Model:
    """All jobs, unique keys and wake tokens, as they stand between two calls."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.jobs: dict[str, Life] = {}
        self.keys: dict[str, Held] = {}
        self.tokens: set[str] = set()
        self.queues: set[str] = set()
        self.made = 0

    def call(self, verbs: Sequence[Verb[Any]], mode: Mode) -> list[object]:
        """What `Engine.call` answers, refusals as `Refused`."""
        unit = Unit(self)
        answers = [unit.run(verb) for verb in verbs]
        if mode is Mode.EACH or not any(isinstance(answer, Refused) for answer in answers):
            self.jobs, self.keys = unit.jobs, unit.keys
            self.made += 1
            self.wake({life.queue for life in self.jobs.values() if life.moved and life.state is State.AVAILABLE})
            self.wake(unit.woken)
        return answers

    def wake(self, queues: set[str]) -> None:
        """Leave a token for a claimant of each of these."""
        self.queues |= queues - self.tokens
        self.tokens |= queues

    def move_to(self, now: int) -> None:
        """Let time pass: bytes and keys whose time has come are gone."""
        self.now = now
        self.keys = {name: held for name, held in self.keys.items() if held.until is None or held.until > now}
        for life in self.jobs.values():
            if life.bytes_until is not None and life.bytes_until <= now:
                life.bytes_until, life.payload, life.blobs = None, None, {}

    def index(self, name: str) -> list[tuple[float, str]]:
        """The members of an index in order, with their scores."""
        return sorted((life.place, life.id) for life in self.jobs.values() if life.index == name)


class Unit:
    """One call: works on copies, and reads indexes as they were before it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.now = model.now
        self.jobs = {job_id: life.copy() for job_id, life in model.jobs.items()}
        self.keys = dict(model.keys)
        self.fresh: list[Life] = []
        self.woken: set[str] = set()
        self.forgotten: set[str] = set()

    def run(self, verb: Verb[Any]) -> object:
        """The verb's answer, or `Refused`."""
        try:
            return getattr(self, verb.name)(verb)
        except Refused as refused:
            return refused

    # -- verbs

    def enqueue(self, verb: Enqueue) -> Enqueued:
        held = self.keys.get(verb.unique.key) if verb.unique else None
        known = held.by if held else verb.id if verb.id in self.jobs.keys() | self.forgotten else None
        if known:
            state = self.jobs[known].state if known in self.jobs else "gone"
            return Enqueued(id=known, state=state, created=False)
        life = self.create(verb)
        if verb.unique:
            self.keys[verb.unique.key] = Held(life.id)
        self.settle(life, "enqueued")
        return Enqueued(id=life.id, state=life.state, created=True)

    def claim(self, verb: Claim) -> list[Claimed]:
        if verb.n < 1:
            return []
        ids = [job_id for _, job_id in self.model.index(f"available:{verb.queue}")][: verb.n]
        if len(ids) == verb.n:
            self.woken.add(verb.queue)
        else:
            self.promote(Promote(limit=verb.n))
        found = {job_id: self.jobs[job_id] for job_id in ids if job_id in self.jobs}
        found |= {life.id: life for life in self.fresh}
        able = [life for life in found.values() if life.state is State.AVAILABLE and life.queue == verb.queue]
        return [self.start(life, verb) for life in sorted(able, key=lambda life: (life.rank, life.id))[: verb.n]]

    def touch(self, verb: Touch) -> State:
        life = self.admit(verb)
        place = self.now + milliseconds(verb.lease)
        self.put(life, min(place, life.limit_at) if life.limit_at else place)
        return life.state

    def note(self, verb: Note) -> int:
        life = self.admit(verb)
        self.keep(life, f"once:{verb.memo}" if verb.memo else f"details:{life.attempt}", verb.content)
        if life.noted:
            life.history.pop(life.noted, None)
            life.replaced += 1
        life.noted = life.version + 1
        self.move(life, State.RUNNING, "noted")
        return life.version

    def succeed(self, verb: Succeed) -> State:
        life = self.admit(verb)
        self.keep(life, f"outcome:{life.attempt}", verb.outcome)
        life.reason = verb.reason or life.reason
        self.move(life, State.SUCCEEDED, "succeeded", verb.reason)
        return life.state

    def fail(self, verb: Fail) -> State:
        life = self.admit(verb)
        self.keep(life, f"outcome:{life.attempt}", verb.outcome)
        delay = None if verb.delay is None else milliseconds(verb.delay)
        self.lose(life, verb.reason, final=verb.reason in NEVER_RETRIED, delay=delay)
        return life.state

    def release(self, verb: Release) -> State:
        life = self.admit(verb)
        self.wait(life, self.now + milliseconds(verb.delay))
        self.settle(life, "released")
        return life.state

    def cancel(self, verb: Cancel) -> State:
        life = self.admit(verb)
        life.reason = verb.reason
        self.move(life, State.CANCELLED, "cancelled", verb.reason)
        return life.state

    def retry(self, verb: Retry) -> tuple[State, int]:
        life = self.admit(verb)
        debtor = self.debtor_of(life)
        if life.is_report and not (debtor and debtor.ended and life.id == f"{debtor.id}.{debtor.attempt}"):
            raise wrong(life.state, "superseded")
        source = debtor or life
        if source.payload is None and not source.bare:
            raise wrong(life.state, "payload_gone")
        if life.unique and self.keys.get(life.unique.key, Held(life.id)).by != life.id:
            raise wrong(life.state, "key_taken")
        report = self.report_of(life)
        if report and not report.ended:
            report.reason = "superseded"
            self.move(report, State.CANCELLED, "cancelled", "superseded")
        life.bytes_until = source.bytes_until = None
        self.next_attempt(life, life.state)
        self.wait(life, 0)
        life.left = life.left if verb.retries is None else verb.retries
        if life.unique:
            self.keys[life.unique.key] = Held(life.id)
        self.settle(life, "retried")
        return life.state, life.attempt

    def promote(self, verb: Promote) -> int:
        due = [job_id for place, job_id in self.model.index("scheduled") if place <= self.now][: verb.limit]
        for job_id in due:
            life = self.jobs.get(job_id)
            if life and life.state is State.SCHEDULED and life.due <= self.now:
                self.settle(life, "promoted")
        return len(due)

    def expire(self, verb: Expire) -> int:
        lost = [job_id for place, job_id in self.model.index("running") if place <= self.now][: verb.limit]
        for job_id in lost:
            life = self.jobs.get(job_id)
            if life and life.state is State.RUNNING and not life.moved:
                self.end_lease(life, life.max_crashes or verb.max_crashes)
        return len(lost)

    def retire(self, verb: Retire) -> int:
        index = self.model.index(verb.state)
        old = self.now - milliseconds(verb.age)
        ids, again = [job_id for place, job_id in index if place <= old][: verb.limit], old + milliseconds(verb.again)
        surplus = min(len(index) - verb.most, verb.limit)
        if surplus > len(ids):
            ids, again = [job_id for _, job_id in index[:surplus]], self.now
        for life in [self.jobs[job_id] for job_id in ids if job_id in self.jobs]:
            report = self.report_of(life)
            if life.state is not verb.state:
                continue
            if report and not report.ended:
                self.put(life, again)
            else:
                self.forget(life)
        return len(ids)

    # -- what verbs are made of

    def admit(self, verb: Any) -> Life:
        life = self.jobs.get(verb.id)
        if life is None:
            raise Refused(JobNotFound)
        if verb.attempt is not None and verb.attempt != life.attempt:
            if verb.attempt in life.records:
                raise wrong(life.records[verb.attempt].split()[0])
            raise Refused(JobNotFound)
        claim, version = getattr(verb, "claim", None), getattr(verb, "version", None)
        if claim is not None and (claim != life.claim or life.state is not State.RUNNING):
            raise Refused(LostLease, str(life.state))
        if version is not None and version != life.version:
            raise Refused(VersionMismatch, str(life.state))
        if life.state not in FROM[verb.name]:
            raise wrong(life.state)
        return life

    def create(self, verb: Enqueue) -> Life:
        life = self.born(verb.id, verb.queue, verb.kind, verb.install, verb.priority)
        life.left, life.backoff = verb.retries, verb.backoff if verb.retries else None
        life.payload, life.bare = verb.payload or None, not verb.payload
        life.due = self.now + milliseconds(verb.delay) if verb.delay else stamp_of(verb.at) if verb.at else 0
        life.lease = milliseconds(verb.lease) if verb.lease else 0
        life.limit = milliseconds(verb.limit) if verb.limit else 0
        life.max_crashes, life.fails_on_lost_lease = verb.max_crashes or 0, verb.fails_on_lost_lease
        life.unique, life.debt = verb.unique, verb.owes
        return life

    def born(self, job_id: str, queue: str, kind: str, install: str, priority: int) -> Life:
        rank = int(f"{9 - priority}00{self.now}")
        life = Life(
            id=job_id, queue=queue, kind=kind, install=install, rank=rank, created=self.now, left=0, state=State.RUNNING
        )
        self.jobs[job_id] = life
        return life

    def start(self, life: Life, verb: Claim) -> Claimed:
        lease = life.lease or (milliseconds(verb.lease) if verb.lease else 0)
        life.claim += 1
        life.started = self.now
        life.limit_at = self.now + life.limit if life.limit else 0
        ends = [self.now + lease] if lease else []
        ends += [life.limit_at] if life.limit_at else []
        self.move(life, State.RUNNING, "claimed", verb.who, min(ends, default=FOREVER))
        return Claimed(
            id=life.id,
            attempt=life.attempt,
            claim=life.claim,
            kind=life.kind,
            install=life.install,
            payload=life.payload,
        )

    def put(self, life: Life, place: float) -> None:
        life.place, life.moved = place, True

    def move(self, life: Life, state: State, event: str, detail: str = "", place: float | None = None) -> None:
        life.state = state
        life.version += 1
        row = f"{event} {state} {self.now} {life.attempt}"
        life.history[life.version] = f"{row} {detail}" if detail else row
        life.history.pop(life.version - HISTORY, None)
        if state.ended:
            self.end(life)
            place = self.now
        if place is not None:
            self.put(life, place)

    def wait(self, life: Life, due: int, slack: int = 0) -> None:
        life.due, life.slack = due, slack

    def settle(self, life: Life, event: str, detail: str = "") -> None:
        if life.due > self.now:
            return self.move(life, State.SCHEDULED, event, detail, life.due)
        self.move(life, State.AVAILABLE, event, detail, life.rank)
        return self.fresh.append(life)

    def end(self, life: Life) -> None:
        over = self.now + milliseconds(KEEP_BYTES)
        if life.debt:
            self.follow_up(life, life.debt)
        elif life.state is not State.FAILED:
            life.bytes_until = over
        debtor = self.debtor_of(life)
        if debtor and debtor.state is not State.FAILED and life.id == f"{debtor.id}.{debtor.attempt}":
            debtor.bytes_until = over
        if life.unique and not life.unique.kept:
            self.let_go(life.id, life.unique.key, stamp_of(life.unique.until) if life.unique.until else None)

    def let_go(self, job_id: str, key: str, until: int | None) -> None:
        if until is None:
            del self.keys[key]
        else:
            self.keys[key] = Held(job_id, until)

    def follow_up(self, life: Life, debt: Debt) -> None:
        report = self.born(f"{life.id}.{life.attempt}", debt.kind, debt.kind, life.install, 4)
        report.left, report.backoff, report.bare, report.is_report = debt.retries, debt.backoff, True, True
        self.settle(report, "enqueued", life.id)

    def debtor_of(self, life: Life) -> Life | None:
        whose = FollowUp.parse(life.id) if life.is_report else None
        return self.jobs.get(whose.job_id) if whose else None

    def report_of(self, life: Life) -> Life | None:
        return self.jobs.get(f"{life.id}.{life.attempt}") if life.debt else None

    def keep(self, life: Life, name: str, content: bytes) -> None:
        if content:
            life.blobs[name] = content

    def lose(self, life: Life, reason: str, *, final: bool, delay: int | None) -> None:
        life.reason = reason
        if final or life.left <= 0:
            return self.move(life, State.FAILED, "failed", reason)
        wait, slack = (0, 0) if delay is None else (delay, 0)
        if delay is None and life.backoff:
            nominal = life.backoff.base.total_seconds() * 1000 * life.backoff.factor ** (life.attempt - 1)
            nominal = min(nominal, milliseconds(life.backoff.cap))
            wait, slack = int(nominal * 0.8), int(nominal * 1.2) - int(nominal * 0.8)
        self.next_attempt(life, State.FAILED)
        life.left -= 1
        self.wait(life, self.now + wait, slack)
        return self.settle(life, "attempt_failed", reason)

    def next_attempt(self, life: Life, state: State) -> None:
        record = (state, life.reason or "-", life.created, life.started or "-", self.now, life.left)
        life.records[life.attempt] = " ".join(str(fact) for fact in record)
        life.attempt += 1
        life.created, life.started, life.reason, life.crashes, life.noted = self.now, None, None, 0, 0

    def end_lease(self, life: Life, most: int) -> None:
        if life.fails_on_lost_lease or (life.limit_at and life.limit_at <= self.now):
            return self.lose(life, "timeout", final=False, delay=None)
        life.crashes += 1
        if life.crashes >= most:
            return self.lose(life, "crashed", final=True, delay=None)
        self.wait(life, 0)
        return self.settle(life, "lost")

    def forget(self, life: Life) -> None:
        if life.unique and self.keys.get(life.unique.key, Held("")).by == life.id:
            del self.keys[life.unique.key]
        self.forgotten.add(life.id)
        del self.jobs[life.id]
