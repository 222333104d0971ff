"""A picture of Redis, read once: every job, and whatever else an invariant asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tests.engine.picture import Picture
from tests.engine.seen import NAMESPACE, Seen, facts_of, index_of, names_of, see_jobs, value_of


@dataclass(frozen=True, slots=True)
class View:
    """The jobs by id, their raw facts, and the picture that they were read from."""

    picture: Picture
    jobs: Mapping[str, Seen]
    facts: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, picture: Picture) -> Self:
        """Read a picture."""
        jobs = see_jobs(picture)
        return cls(picture, jobs, {job_id: facts_of(picture, job_id) for job_id in jobs})

    def has(self, job_id: str, letter: str) -> bool:
        """Whether a job says that it has a rare thing."""
        return letter in self.facts[job_id].get("more", "")

    def there(self, name: str) -> bool:
        """Whether there is a key."""
        return f"{NAMESPACE}{name}" in self.picture

    def ttl(self, name: str) -> int | None:
        """For how many ms more a key is kept; None: for good."""
        return self.picture[f"{NAMESPACE}{name}"].ttl

    def text(self, name: str) -> str:
        """What a string holds."""
        return value_of(self.picture, name, bytes).decode()

    def members(self, name: str) -> set[str]:
        """What a set holds."""
        return value_of(self.picture, name, set)

    def scores(self, name: str) -> dict[str, float]:
        """What a sorted set holds."""
        return index_of(self.picture, name)

    def names(self, kind: str) -> list[str]:
        """The names of the keys of a kind."""
        return names_of(self.picture, kind)

    def is_owed(self, job_id: str) -> bool:
        """Whether Envoy isn't told yet what became of a job: by its report, or by the last heir's."""
        job = self.jobs[job_id]
        report, heir = self.jobs.get(f"{job_id}.{job.attempt}"), self.jobs.get(job.heir or "")
        if job.owes and report and not report.ended:
            return True
        return bool(job.heir and heir and (not (heir.ended or heir.heir) or self.is_owed(job.heir)))

    def in_open_envelope(self, job_id: str) -> bool:
        """Whether a job's envelope isn't over."""
        parent = self.jobs.get(self.jobs[job_id].parent)
        return parent is not None and not parent.ended
