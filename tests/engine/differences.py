"""Where Redis and the model's world differ, apart from the jobs themselves."""

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from tests.engine.life import Life
from tests.engine.model.world import World
from tests.engine.picture import Picture
from tests.engine.seen import NAMESPACE, Seen, hash_of, names_of, value_of

SLACK: Final = 60_000


def learn_backoff(life: Life, seen: Seen) -> None:
    """A backoff has a jitter: what it came to is known afterwards, and must be within its bounds."""
    if life.slack:
        assert life.due <= seen.due <= life.due + life.slack
        life.place = seen.due if life.state == seen.state == "scheduled" else life.place
        life.due, life.slack = seen.due, 0


def differences_in_jobs(world: World, seen: Mapping[str, Seen]) -> list[str]:
    """Where a job isn't what the model says."""
    contents = {ref: blob.content for ref, blob in world.stored.items()}
    faults = [f"{job_id} is on one side alone" for job_id in sorted(world.jobs.keys() ^ seen.keys())]
    for job_id in world.jobs.keys() & seen.keys():
        learn_backoff(world.jobs[job_id], seen[job_id])
        here, there = seen[job_id], world.jobs[job_id].seen(contents)
        if here != there:
            pairs = [(f.name, getattr(here, f.name), getattr(there, f.name)) for f in fields(Seen)]
            faults += [f"{job_id}: {name} is {one!r}, not {other!r}" for name, one, other in pairs if one != other]
    return faults


def differences_in_world(world: World, picture: Picture) -> list[str]:
    """What isn't a job's own: queues, their tokens, turns and pauses, lanes, and ends that a sweep goes on with."""
    found = {
        "tokens": {queue: value_of(picture, f"wake:{queue}", list) for queue in names_of(picture, "wake")},
        "queues": value_of(picture, "queues", set),
        "turns": {queue: turns_in(picture, queue) for queue in names_of(picture, "turns")},
        "pauses": {queue: value_of(picture, f"paused:{queue}", bytes) for queue in names_of(picture, "paused")},
        "lanes": {lane: value_of(picture, f"lane:{lane}", bytes).decode() for lane in names_of(picture, "lane")},
        "unsettled": value_of(picture, "unsettled", set),
    }
    expected = {
        "tokens": {queue: ["1"] for queue in world.tokens},
        "queues": world.queues,
        "turns": {queue: turns for queue, turns in world.turns.items() if turns},
        "pauses": world.paused,
        "lanes": world.lanes,
        "unsettled": world.unsettled,
    }
    return [f"{name}: {found[name]}, not {expected[name]}" for name in found if found[name] != expected[name]]


def turns_in(picture: Picture, queue: str) -> dict[str, int]:
    """The turns of a queue, by priority and install."""
    return {field: int(turn) for field, turn in hash_of(picture, "turns", queue).items()}


def times_in(world: World) -> dict[str, int | None]:
    """When each key goes by itself that can: unique keys and bytes."""
    times = {f"unique:{name}": held.until for name, held in world.keys.items()}
    times |= {f"blob:{ref}": blob.until for ref, blob in world.stored.items()}
    for life in world.jobs.values():
        names = [f"blob:{ref}" for ref in life.refs.values()]
        names += [f"payload:{life.id}"] if life.payload else []
        names += [f"blobs:{life.id}"] if life.blobs else []
        names += [f"refs:{life.id}"] if life.refs else []
        times |= dict.fromkeys(names, life.bytes_until)
    return times


def differences_in_time(world: World, picture: Picture) -> list[str]:
    """Where Redis holds a key that the model doesn't, or for another time: unique keys, and bytes of ended jobs."""
    real_now, expected = time.time_ns() // 1_000_000, times_in(world)
    kinds = tuple(f"{NAMESPACE}{kind}:" for kind in ("unique", "payload", "blobs", "refs", "blob"))
    found = {key.removeprefix(NAMESPACE): entry for key, entry in picture.items() if key.startswith(kinds)}
    faults = sorted(expected.keys() ^ found.keys())
    for key in expected.keys() & found.keys():
        until, ttl = expected[key], found[key].ttl
        ends = None if ttl is None else ttl + (real_now if key.startswith("unique:") else world.now)
        if (until is None) != (ends is None) or abs((until or 0) - (ends or 0)) > SLACK:
            faults.append(f"{key}: until {until}, not {ends}")
    return faults
