"""Contenders that serve over HTTP, measured in turns: what each does in a round, and how they compare."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from targets import print_table


class Rated(Protocol):
    """What is measured of a contender in a round, a rate at least."""

    @property
    def rate(self) -> float:
        """How much it has done in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Jobs a second, and CPU of the server for each; `load_busy` is the share of a core that the load needed."""

    rate: float
    cpu_us: float
    load_busy: float


def in_turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Whose turn it is: each once a round, and each round begins with another."""
    for number in range(rounds):
        for place in range(len(names)):
            yield names[(number + place) % len(names)]


def paired(results: Mapping[str, Sequence[Rated]], name: str, peer: str) -> float:
    """The median of the ratio of rates in the same round."""
    return median(one.rate / other.rate for one, other in zip(results[name], results[peer], strict=True))


def print_machine(redis_version: str) -> None:
    """Where it was measured."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, Redis {redis_version}")


def print_rounds(
    results: Mapping[str, Sequence[Round]], names: Mapping[str, str], peers: Iterable[tuple[str, str]]
) -> None:
    """A row for each contender, medians of the rounds; `peers`: what each is compared with, and how that is called."""
    peers = tuple(peers)
    head = ("", "jobs/s", *(f"vs {word}" for _, word in peers), "CPU µs", "load busy")
    rows = (
        (
            names[name],
            median(one.rate for one in rounds),
            *(paired(results, name, peer) for peer, _ in peers),
            median(one.cpu_us for one in rounds),
            median(one.load_busy for one in rounds),
        )
        for name, rounds in results.items()
    )
    print_table(head, rows)
