"""What is kept for how long: unique keys, bytes, blobs."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from envoy_plugin.engine.clock import milliseconds
from envoy_plugin.engine.engine import BLOB_LIFE, KEEP_BYTES
from envoy_plugin.engine.states import State
from tests.engine.invariants.view import View
from tests.engine.seen import Seen, hash_of

FOR_GOOD: Final = ("job", "attempts", "dependents", "children", "described", "tags")
SLACK: Final = 60_000


def owners(view: View) -> Iterator[str]:
    """A unique key is held by one job that wants it: while it isn't over, and after that for as long as it said."""
    for name in view.names("unique"):
        owner = view.jobs.get(view.text(f"unique:{name}"))
        if owner is None or owner.unique != name:
            yield f"the key {name} is held by {view.text(f'unique:{name}')}, which doesn't want it"
            continue
        till = view.facts[view.text(f"unique:{name}")]["till"]
        if owner.ended and till == "0":
            yield f"the key {name} is held by a job that is over"
        if (view.ttl(f"unique:{name}") is not None) != (owner.ended and till not in {"0", "kept"}):
            yield f"the key {name} of a job that is {owner.state} has the time {view.ttl(f'unique:{name}')}"


def wanted_keys(view: View) -> Iterator[str]:
    """Whoever isn't over holds his key; so does whoever keeps it."""
    for job_id, job in view.jobs.items():
        wants = job.unique and (not job.ended or view.facts[job_id]["till"] == "kept")
        if wants and view.text(f"unique:{job.unique}") != job_id:
            yield f"{job_id} is {job.state} and doesn't hold its key"


def facts(view: View) -> Iterator[str]:
    """Nothing of a job goes by itself but its bytes."""
    for kind in FOR_GOOD:
        for name in view.names(kind):
            if view.ttl(f"{kind}:{name}") is not None:
                yield f"{name}: its {kind} goes by itself"


def needs_bytes(view: View, job_id: str) -> bool:
    """Whether a job's bytes are needed: it isn't over or has failed, is owed, or is in an open envelope."""
    job = view.jobs[job_id]
    return not job.ended or job.state == State.FAILED or view.is_owed(job_id) or view.in_open_envelope(job_id)


def keeps(view: View) -> Iterator[str]:
    """Bytes stay while they are needed, and go after that."""
    for job_id in view.jobs:
        needed = needs_bytes(view, job_id)
        for name in bytes_of(view, job_id):
            ttl = view.ttl(name)
            if needed and ttl is not None:
                yield f"{job_id}: its {name} is needed and goes in {ttl} ms"
            if not needed and not 0 < (ttl or 0) <= milliseconds(KEEP_BYTES):
                yield f"{job_id}: its {name} is not needed any more and stays"


def bytes_of(view: View, job_id: str) -> list[str]:
    """The keys that hold a job's bytes."""
    refs = hash_of(view.picture, "refs", job_id).values()
    names = [f"{kind}:{job_id}" for kind in ("payload", "blobs", "refs")] + [f"blob:{ref.decode()}" for ref in refs]
    return [name for name in names if view.there(name)]


def blobs(view: View) -> Iterator[str]:
    """A kept blob is there, one job's alone; another has an hour to live."""
    refs = [ref.decode() for job_id in view.names("refs") for ref in hash_of(view.picture, "refs", job_id).values()]
    for ref, times in Counter(refs).items():
        if times > 1 or not view.there(f"blob:{ref}"):
            yield f"the blob {ref} is kept {times} times and is {'' if view.there(f'blob:{ref}') else 'not '}there"
    for ref in set(view.names("blob")) - set(refs):
        if not 0 < (view.ttl(f"blob:{ref}") or 0) <= milliseconds(BLOB_LIFE) + SLACK:
            yield f"the blob {ref} is nobody's and stays"


def letters(view: View) -> Iterator[str]:
    """Whoever has a rare thing says so, or nobody would look for it."""
    for job_id, job in view.jobs.items():
        for letter, there in rare(view, job_id, job).items():
            if there and not view.has(job_id, letter):
                yield f"{job_id} has something rare ({letter}) and doesn't say so"


def rare(view: View, job_id: str, job: Seen) -> dict[str, object]:
    """By letter, what a job has."""
    refs = view.there(f"refs:{job_id}")
    things = {"a": job.records, "b": job.blobs, "k": refs, "m": job.fields or job.tags, "h": job.heir, "j": job.root}
    return things | {"c": job.parent, "i": job.listed, "l": job.lane, "u": job.unique, "w": job.lefts}


ALL: Final = (owners, wanted_keys, facts, keeps, blobs, letters)
