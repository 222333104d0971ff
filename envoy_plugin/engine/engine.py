"""The engine: calls of verbs, each call one script and one round trip."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from redis.asyncio import Redis

from envoy_plugin.engine.clock import milliseconds, moment
from envoy_plugin.engine.keys import SCHEMA, Keys
from envoy_plugin.engine.model import Claimed, Codec, Enqueued, PlainCodec
from envoy_plugin.engine.scripts import run_script
from envoy_plugin.engine.states import State
from envoy_plugin.engine.verbs import (
    Cancel,
    Claim,
    Enqueue,
    Fail,
    Note,
    Release,
    Retry,
    Succeed,
    Touch,
    Verb,
)
from envoy_plugin.errors import (
    CallRefused,
    DependencyCycle,
    EngineError,
    JobNotFound,
    LostLease,
    SchemaTooNew,
    TooLarge,
    VersionMismatch,
    WrongState,
)

Answer = TypeVar("Answer")

MOST_ITEMS: Final = 256
KEEP_BYTES: Final = timedelta(hours=24)
MOST_BLOB: Final = 10 * 1024 * 1024
BLOB_LIFE: Final = timedelta(hours=1)
"""How long a stored blob waits for the verb that keeps it."""


class Mode(StrEnum):
    """What one refusal in a call means for the rest."""

    ALL = "all"
    """Nothing is written."""
    EACH = "each"
    """That item is left out."""


class Engine:
    """Durable jobs of one plugin, in Redis.

    `keep_bytes` is how long payload and outcome of an ended job are kept, from the end of its report. `clock` gives now
    in ms, for tests; None: Redis' own clock.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str,
        codec: Codec | None = None,
        keep_bytes: timedelta = KEEP_BYTES,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.redis: Final = redis
        self.keys: Final = Keys(prefix)
        self._codec = codec or PlainCodec()
        self._clock = clock
        self._keep = milliseconds(keep_bytes)

    async def check_schema(self) -> None:
        """Say which layout of keys this release writes.

        Raises:
            SchemaTooNew: a newer release has written here.
        """
        found = int(await self.redis.get(self.keys.schema) or 0)
        if found > SCHEMA:
            raise SchemaTooNew(found=found, known=SCHEMA)
        if found < SCHEMA:
            await self.redis.set(self.keys.schema, SCHEMA)

    async def now(self) -> datetime:
        """The time that leases, limits and delays go by: Redis', or the tests'."""
        return self.read_time((0, 0) if self._clock is not None else await self.redis.time())

    def read_time(self, time: tuple[bytes | int, bytes | int]) -> datetime:
        """The time that Redis tells as seconds and microseconds, or the tests' all the same."""
        if self._clock is not None:
            return moment(self._clock())
        seconds, microseconds = map(int, time)
        return moment(seconds * 1000 + microseconds // 1000)

    def seal(self, plain: bytes) -> bytes:
        """What a verb takes as a payload or an outcome."""
        return self._codec.seal(plain)

    def open(self, sealed: bytes) -> bytes:
        """The bytes of a payload or an outcome. What it raises is the codec's."""
        return self._codec.open(sealed)

    async def store_blob(self, content: bytes) -> str:
        """Keep bytes (sealed here) for an hour, for a verb of the next call that keeps them; answers what names them.

        Raises:
            TooLarge: more than 10 MiB.
        """
        if len(content) > MOST_BLOB:
            raise TooLarge("A blob", size=len(content), limit=MOST_BLOB)
        ref = secrets.token_hex(8)
        await self.redis.set(self.keys.blob(ref), self.seal(content), ex=BLOB_LIFE)
        return ref

    async def call(self, verbs: Sequence[Verb[Any]], mode: Mode = Mode.ALL) -> list[Any]:
        """Run these verbs, in order, as one unit: a later one sees what the earlier ones changed.

        Answers what each verb answers; in mode `each` a refused one answers its error instead.

        Raises:
            CallRefused: in mode `all`, one or more verbs were refused and nothing was written.
            TooLarge: more than 256 verbs.
        """
        if len(verbs) > MOST_ITEMS:
            raise TooLarge("A call", size=len(verbs), limit=MOST_ITEMS)
        now: str | int = self._clock() if self._clock else ""
        arguments: list[object] = [now, mode.value, self._keep]
        for verb in verbs:
            own = verb.arguments()
            arguments += (verb.name, len(own), *own)
        replies = await run_script(self.redis, frozenset(verb.name for verb in verbs), self.keys.namespace, arguments)
        answers = [_read(verb, reply) for verb, reply in zip(verbs, replies, strict=True)]
        if mode is Mode.ALL and (refusals := {at: a for at, a in enumerate(answers) if isinstance(a, EngineError)}):
            raise CallRefused(refusals)
        return answers

    async def run(self, verb: Verb[Answer]) -> Answer:
        """Run one verb.

        Raises:
            JobNotFound: no such job or attempt.
            WrongState: the attempt that was named is in a state that forbids it.
            LostLease: the claim that was named is over.
            VersionMismatch: the job has changed since the version that was named.
        """
        answer: Answer | EngineError = (await self.call([verb], Mode.EACH))[0]
        if isinstance(answer, EngineError):
            raise answer
        return answer

    async def enqueue(self, job: Enqueue) -> Enqueued:
        """Make a job, or find the one that holds its unique key."""
        return await self.run(job)

    async def claim(self, queue: str, n: int, *, who: str, lease: timedelta | None) -> list[Claimed]:
        """Take up to `n` jobs of `queue`: the next by priority, then by age. See `Claim`."""
        return await self.run(Claim(queue=queue, n=n, who=who, lease=lease))

    async def touch(self, held: Claimed, lease: timedelta) -> State:
        """Extend the lease of a running job to `lease` from now."""
        return await self.run(Touch.of(held, lease=lease))

    async def note(self, held: Claimed, content: bytes, *, memo: str | None = None) -> int:
        """Keep bytes with a running job. See `Note`."""
        return await self.run(
            Note(id=held.id, attempt=held.attempt, claim=held.claim, content=self.seal(content), memo=memo)
        )

    async def succeed(self, held: Claimed, *, reason: str = "", outcome: bytes = b"") -> State:
        """End a running job well."""
        sealed = self.seal(outcome) if outcome else b""
        return await self.run(Succeed.of(held, reason=reason, outcome=sealed))

    async def fail(self, held: Claimed, *, reason: str, delay: timedelta | None = None, outcome: bytes = b"") -> State:
        """End a running attempt badly. See `Fail`."""
        sealed = self.seal(outcome) if outcome else b""
        return await self.run(Fail.of(held, reason=reason, delay=delay, outcome=sealed))

    async def release(self, held: Claimed, *, delay: timedelta = timedelta()) -> State:
        """Give a running job back. See `Release`."""
        return await self.run(Release.of(held, delay=delay))

    async def cancel(self, job_id: str, *, reason: str) -> State:
        """End a job that isn't over."""
        return await self.run(Cancel(id=job_id, reason=reason))

    async def retry(self, job_id: str, *, retries: int | None = None) -> tuple[State, int]:
        """Give an ended job a new attempt. See `Retry`."""
        return await self.run(Retry(id=job_id, retries=retries))


def _read(verb: Verb[Answer], reply: Any) -> Answer | EngineError:
    if isinstance(reply, list) and reply and reply[0] == b"!":
        return _refusal(*(part.decode() for part in reply[1:]))
    return verb.read(reply)


def _refusal(why: str, job_id: str, state: str) -> EngineError:
    match why:
        case "not_found":
            return JobNotFound(job_id)
        case "lost_lease":
            return LostLease(job_id, state)
        case "version_mismatch":
            return VersionMismatch(job_id, state)
        case "no_job":
            return JobNotFound(state)
        case "cycle":
            return DependencyCycle(state.split())
        case _:
            return WrongState(job_id, state, why)
