"""Queries answered without an index: every job is read by itself, and each condition is worked out in plain Python.

A condition is made together with its text, so that nothing of what reads clauses is used here.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cmp_to_key
from random import Random
from typing import Any

from envoy_plugin.workflows.models import Job, SortField

Facts = dict[str, list[Any]]
Truth = bool | None
OF_JOBS = (
    *("jobId", "jobName", "jobStatus", "jobTemplateId", "jobTemplateName", "diagramId"),
    *("description", "notes", "ownedBy", "createdBy", "priority", "parentJob"),
)
SEARCHED = (*OF_JOBS, "currentStep", "currentStepId", "assignedType", "assignedTo")
NUMBERS = ("closed", "hasLocation", "percentComplete")
DATES = ("createdDate", "startDate", "startedDate", "dueDate", "endDate")


def facts_of(job: Job) -> Facts:
    """What a query can ask of a job."""
    own = {name: getattr(job, re.sub("([A-Z])", r"_\1", name).lower()) for name in (*OF_JOBS, *DATES)}
    facts = {name: [] if value in {None, ""} else [value] for name, value in own.items()}
    steps = job.current_steps
    facts |= {"currentStep": [step.step_name for step in steps], "currentStepId": [step.step_id for step in steps]}
    facts |= {"assignedType": [str(step.assigned_type) for step in steps]}
    facts |= {"assignedTo": [step.assigned_to for step in steps if step.assigned_to]}
    return facts | {
        "closed": [int(job.closed)],
        "hasLocation": [int(job.has_location)],
        "percentComplete": [job.percent_complete],
    }


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition, as text and as what it means."""

    text: str
    truth: Callable[[Facts], Truth]


class Maker:
    """Makes conditions, words and orders about jobs with these facts."""

    def __init__(self, dice: Random, facts: Sequence[Facts]) -> None:
        self.dice = dice
        self.facts = facts

    def value(self, field: str) -> Any:
        """One that a job has, or almost."""
        known = [value for facts in self.facts for value in facts[field]] or [None]
        value = self.dice.choice(known)
        if field in DATES:
            return (value or datetime(2026, 5, 1, tzinfo=UTC)) + timedelta(days=self.dice.choice([0, 0, 1, -1]))
        if field in NUMBERS:
            return value if self.dice.random() < 0.8 else self.dice.choice([-1, 0.5, 2, 1e9])
        return self.dice.choice([value or "x", value or "x", (value or "x").upper(), "", "nobody", "it's"])

    def leaf(self) -> Condition:
        """A condition on one field."""
        field = self.dice.choice([*SEARCHED, *NUMBERS, *DATES])
        one, other, sign = self.value(field), self.value(field), self.dice.choice([*SIGNS])
        name = self.dice.choice([field, field.lower(), re.sub("([A-Z])", r"_\1", field).lower()])
        match self.dice.randrange(7):
            case 0:
                return Condition(text=f"{name} IS NULL", truth=lambda facts: not facts[field])
            case 1:
                return Condition(text=f"{name} IS NOT NULL", truth=lambda facts: bool(facts[field]))
            case 2:
                no = self.dice.choice(["", "NOT "])
                text = f"{name} {no}IN ({literal(one)}, {literal(other)}, {literal(one)})"
                return Condition(text=text, truth=some(field, lambda found: found in {one, other}, no))
            case 3:
                no = self.dice.choice(["", "NOT "])
                text = f"{name} {no}BETWEEN {literal(one)} AND {literal(other)}"
                return Condition(text=text, truth=some(field, lambda found: one <= found <= other, no))
            case 4 if field in SEARCHED:
                return self.like(field, name, str(one))
            case _:
                return Condition(text=f"{name} {sign} {literal(one)}", truth=some(field, SIGNS[sign](one)))

    def like(self, field: str, name: str, value: str) -> Condition:
        """A pattern that is almost a value."""
        cut = self.dice.randrange(len(value) + 1)
        pattern = self.dice.choice([value[:cut] + "%", "%" + value[cut:], f"{value[:cut]}_{value[cut + 1 :]}", "%_%"])
        no = self.dice.choice(["", "NOT "])
        shape = re.compile("".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in pattern), re.DOTALL)
        text = f"{name} {no}LIKE {literal(pattern)}"
        return Condition(text=text, truth=some(field, lambda found: bool(shape.fullmatch(found)), no))

    def condition(self, depth: int = 0) -> Condition:
        """Any condition."""
        chance = self.dice.random()
        if depth > 3 or chance < 0.35:
            return self.leaf()
        if chance < 0.5:
            inner = self.condition(depth + 1)
            return Condition(text=f"NOT ({inner.text})", truth=lambda facts: not_(inner.truth(facts)))
        sides = [self.condition(depth + 1) for _ in range(self.dice.choice([2, 2, 3]))]
        word = self.dice.choice(["AND", "AND", "OR"])
        combine = both if word == "AND" else either
        text = f" {word} ".join(f"({side.text})" for side in sides)
        return Condition(text=text, truth=lambda facts: combine([side.truth(facts) for side in sides]))

    def search(self, depth: int = 0) -> Condition:
        """Any search."""
        words = words_of(self.dice.choice([text for text in texts_of(self.dice.choice(self.facts)) if words_of(text)]))
        at = self.dice.randrange(len(words))
        chance = self.dice.random()
        if depth > 2 or chance < 0.5:
            word = self.dice.choice([words[at], words[at].upper(), "nothing"])
            return Condition(text=word, truth=lambda facts: follows(facts, [word.casefold()]))
        if chance < 0.65:
            phrase = words[at : at + 2]
            return Condition(text=f"'{' '.join(phrase)}'", truth=lambda facts: follows(facts, phrase))
        if chance < 0.75:
            inner = self.search(depth + 1)
            return Condition(text=f"NOT ({inner.text})", truth=lambda facts: not inner.truth(facts))
        one, other = self.search(depth + 1), self.search(depth + 1)
        word, combine = self.dice.choice([(" AND ", both), (" ", both), (" OR ", either)])
        text = f"({one.text}){word}({other.text})"
        return Condition(text=text, truth=lambda facts: combine([one.truth(facts), other.truth(facts)]))

    def order(self) -> list[SortField]:
        """None, one or two fields to sort by."""
        names = self.dice.sample([*SEARCHED, *NUMBERS, *DATES], k=self.dice.choice([0, 0, 1, 1, 2]))
        return [SortField(field=name, sort_order=self.dice.choice(["Asc", "Desc"])) for name in names]


SIGNS: dict[str, Callable[[Any], Callable[[Any], bool]]] = {
    "=": lambda value: lambda found: bool(found == value),
    "<>": lambda value: lambda found: bool(found != value),
    "<": lambda value: lambda found: bool(found < value),
    "<=": lambda value: lambda found: bool(found <= value),
    ">": lambda value: lambda found: bool(found > value),
    ">=": lambda value: lambda found: bool(found >= value),
}


def literal(value: object) -> str:
    """A value as a clause has it."""
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    return repr(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def some(field: str, fits: Callable[[Any], bool], no: str = "") -> Callable[[Facts], Truth]:
    """Whether one of the field's values fits; `no`: whether none does. Unknown where there are none."""

    def truth(facts: Facts) -> Truth:
        found = any(fits(value) for value in facts[field]) if facts[field] else None
        return not_(found) if no else found

    return truth


def not_(found: Truth) -> Truth:
    """SQL's NOT."""
    return None if found is None else not found


def both(found: Sequence[Truth]) -> Truth:
    """SQL's AND."""
    return False if False in found else None if None in found else True


def either(found: Sequence[Truth]) -> Truth:
    """SQL's OR."""
    return True if True in found else None if None in found else False


def texts_of(facts: Facts) -> list[str]:
    """What words are looked for in."""
    return [str(value) for name in SEARCHED for value in facts[name]]


def words_of(text: str) -> list[str]:
    """The words of a text."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def follows(facts: Facts, words: Sequence[str]) -> bool:
    """Whether these words follow each other in a text."""
    wanted = f" {' '.join(words)} "
    return any(wanted in f" {' '.join(words_of(text))} " for text in texts_of(facts))


def ordered(found: Sequence[Facts], order: Sequence[SortField]) -> list[Facts]:
    """Facts that came the newest first, in this order."""

    def compare(left: Facts, right: Facts) -> int:
        for one in order:
            mine, theirs = left[one.field][:1], right[one.field][:1]
            if mine != theirs:
                if not mine or not theirs:
                    return -1 if mine else 1
                return (-1 if mine < theirs else 1) * (1 if one.sort_order == "Asc" else -1)
        return -1 if left["jobId"] < right["jobId"] else 1

    return sorted(found, key=cmp_to_key(compare)) if order else list(found)


def grouped(found: Sequence[Facts], field: str) -> dict[str | None, int]:
    """How many have each value; each once, whatever steps have it."""
    return dict(Counter(value for facts in found for value in set(facts[field]) or {None}))
