"""What the plugin of these tests did: the lines that its handlers left."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that a handler did; `at` is in seconds since 1970."""

    what: str
    job: str
    attempt: int
    pid: int
    at: float


def effects_in(directory: Path, what: str | None = None, job: str | None = None) -> list[Effect]:
    """What was done, in order."""
    path = directory / "effects.log"
    lines = path.read_text().splitlines() if path.exists() else []
    effects = [Effect(**json.loads(line)) for line in lines]
    return [effect for effect in effects if what in {None, effect.what} and job in {None, effect.job}]


def count_effects(directory: Path, what: str) -> Counter[str]:
    """How often each job had this effect."""
    return Counter(effect.job for effect in effects_in(directory, what))
