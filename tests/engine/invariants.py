"""What holds in Redis after every call, whatever was called: read from a picture alone, without the model."""

from collections.abc import Iterator
from typing import Final

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.engine import KEEP_BYTES
from envoy_plugin.engine.states import ENDED, State
from tests.engine.life import NAMESPACE, Seen, hash_of, index_of, see_jobs
from tests.engine.picture import Picture

HISTORY: Final = 100
BELONGING: Final = ("job", "payload", "blobs", "attempts")


def broken(picture: Picture) -> list[str]:
    """Everything that doesn't hold, as sentences."""
    jobs = see_jobs(picture)
    faults = [*_indexes(picture, jobs), *_keys(picture, jobs), *_orphans(picture, jobs)]
    for job_id, job in jobs.items():
        faults += [
            f"{job_id}: {fault}" for fault in (*_history(job), *_debt(job_id, jobs), *_bytes(job_id, picture, jobs))
        ]
    return faults


def _ended(job: Seen) -> bool:
    return State(job.state) in ENDED


def _indexes(picture: Picture, jobs: dict[str, Seen]) -> Iterator[str]:
    names = [key.removeprefix(NAMESPACE) for key, entry in picture.items() if _is_index(key)]
    listed = [(job_id, name) for name in names for job_id in index_of(picture, name)]
    homes = [
        (job_id, f"available:{job.queue}" if job.state == "available" else job.state) for job_id, job in jobs.items()
    ]
    if sorted(listed) != sorted(homes):
        yield f"the indexes hold {sorted(listed)}, the jobs name {sorted(homes)}"
    queues = picture.get(f"{NAMESPACE}queues")
    for job_id, job in jobs.items():
        facts = hash_of(picture, "job", job_id)
        if job.place is None or not _well_placed(job, {name: value.decode() for name, value in facts.items()}):
            yield f"{job_id} is {job.state} and has the score {job.place}"
        if job.state == "available" and not (queues and job.queue in queues.value):
            yield f"{job_id} waits in a queue that nobody knows"


def _is_index(key: str) -> bool:
    name = key.removeprefix(NAMESPACE)
    return name.startswith("available:") or name in set(State)


def _well_placed(job: Seen, facts: dict[str, str]) -> bool:
    assert job.place is not None
    at = int(job.history[job.version].split(" ")[2])
    if job.state == "available":
        return job.place == int(facts["rank"])
    if job.state == "scheduled":
        return job.place == int(facts["due"])
    if job.state == "running":
        return job.place <= int(facts.get("limit_at", 0) or 0) or "limit" not in facts
    return job.place >= at


def _history(job: Seen) -> Iterator[str]:
    rows, gone = job.history, max(0, job.version - HISTORY)
    if max(rows) != job.version or min(rows) <= gone:
        yield f"version {job.version} has the rows {sorted(rows)}"
    if not gone and len(rows) + job.replaced != job.version:
        yield f"version {job.version} is not {len(rows)} rows and {job.replaced} replaced ones"
    if rows[job.version].split(" ")[1] != job.state:
        yield f"the last row is {rows[job.version]!r}, the state {job.state}"
    if sorted(job.records) != list(range(1, job.attempt)):
        yield f"attempt {job.attempt} has the records {sorted(job.records)} before it"
    if job.state == "running" and not job.claim:
        yield "it runs and was never claimed"


def _debt(job_id: str, jobs: dict[str, Seen]) -> Iterator[str]:
    job = jobs[job_id]
    follow_up = jobs.get(f"{job_id}.{job.attempt}")
    if follow_up and not (job.owes and _ended(job)):
        yield "an end that has not come, or that owes nothing, has a follow-up"
    for number in range(1, job.attempt):
        earlier = jobs.get(f"{job_id}.{number}")
        if earlier and not _ended(earlier):
            yield f"the follow-up of attempt {number} goes on, and the job is on attempt {job.attempt}"


def unreported(picture: Picture) -> list[str]:
    """The jobs that owe, have ended, and have no follow-up. Right only where no follow-up was retired."""
    jobs = see_jobs(picture)
    return [i for i, job in jobs.items() if job.owes and _ended(job) and f"{i}.{job.attempt}" not in jobs]


def _bytes(job_id: str, picture: Picture, jobs: dict[str, Seen]) -> Iterator[str]:
    job = jobs[job_id]
    report = jobs.get(f"{job_id}.{job.attempt}") if job.owes else None
    needed = not _ended(job) or job.state == "failed" or (report is not None and not _ended(report))
    for kind in ("payload", "blobs"):
        entry = picture.get(f"{NAMESPACE}{kind}:{job_id}")
        if entry and needed and entry.ttl is not None:
            yield f"its {kind} is needed and goes in {entry.ttl} ms"
        if entry and not needed and not 0 < (entry.ttl or 0) <= milliseconds(KEEP_BYTES):
            yield f"its {kind} is not needed any more and stays"
    for kind in ("job", "attempts"):
        entry = picture.get(f"{NAMESPACE}{kind}:{job_id}")
        if entry and entry.ttl is not None:
            yield f"its {kind} goes by itself"


def _keys(picture: Picture, jobs: dict[str, Seen]) -> Iterator[str]:
    head = f"{NAMESPACE}unique:"
    owners = {key.removeprefix(head): entry for key, entry in picture.items() if key.startswith(head)}
    for name, entry in owners.items():
        assert isinstance(entry.value, bytes)
        owner = jobs.get(entry.value.decode())
        if owner is None or owner.unique != name:
            yield f"the key {name} is held by {entry.value!r}, which doesn't want it"
            continue
        till = hash_of(picture, "job", entry.value.decode())["till"]
        if _ended(owner) and till == b"0":
            yield f"the key {name} is held by a job that is over"
        if (entry.ttl is not None) != (_ended(owner) and till not in {b"0", b"kept"}):
            yield f"the key {name} of a job that is {owner.state} has the time {entry.ttl}"
    for job_id, job in jobs.items():
        if job.unique and not _ended(job) and (job.unique not in owners or owners[job.unique].value != job_id.encode()):
            yield f"{job_id} is not over and doesn't hold its key"


def _orphans(picture: Picture, jobs: dict[str, Seen]) -> Iterator[str]:
    for key in picture:
        kind, _, name = key.removeprefix(NAMESPACE).partition(":")
        belongs = kind in BELONGING and name in jobs
        alone = kind in {"unique", "wake"} or key.removeprefix(NAMESPACE) in {"queues", "schema"}
        if not key.startswith(NAMESPACE) or not (belongs or alone or _is_index(key)):
            yield f"the key {key} belongs to nobody"
