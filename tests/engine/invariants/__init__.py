"""What holds in Redis after every call, whatever was called: read from a picture alone, without the model."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.engine.invariants import debts, envelopes, histories, indexes, keeping, waiting
from tests.engine.invariants.view import View
from tests.engine.picture import Picture

ALL: Final[tuple[Callable[[View], Iterator[str]], ...]] = (
    *indexes.ALL,
    *histories.ALL,
    *waiting.ALL,
    *envelopes.ALL,
    *debts.ALL,
    *keeping.ALL,
)


def broken(picture: Picture) -> list[str]:
    """Everything that doesn't hold, as sentences."""
    return broken_in(View.of(picture))


def broken_in(view: View) -> list[str]:
    """The same of a picture that was read already."""
    return [fault for invariant in ALL for fault in invariant(view)]


def unreported(picture: Picture) -> list[str]:
    """The jobs that owe, have ended, and have no follow-up. Right only where no follow-up was retired."""
    jobs = View.of(picture).jobs
    return [i for i, job in jobs.items() if job.owes and job.ended and f"{i}.{job.attempt}" not in jobs]
