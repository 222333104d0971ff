"""What a workflow is found by: a summary of it, from which a row of a list is made, and the tags in Redis.

Both are written in the call that changes the workflow, so a list shows what is there. A tag is a keyed digest of a
field with a value, or of a word, for one item: Redis holds nothing that could be read.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from unicodedata import normalize

from envoy_plugin.workflows.definitions.documents import assigned_words
from envoy_plugin.workflows.definitions.store import Store
from envoy_plugin.workflows.index.truth import Facts, Value
from envoy_plugin.workflows.index.where import DATE, FIELDS, NUMBER, TEXT

SUMMARY: Final = "_summary"
Summary: TypeAlias = Mapping[str, Any]
"""JSON: by field of a query its values, as a list; `box` is left, bottom, right and top of where the job is."""
Pair: TypeAlias = tuple[str, str]
"""A field, or `word`, or `all`, and the value that is looked for."""

PROPERTIES: Final[Mapping[str, str]] = {
    "jobName": "job_name",
    "jobStatus": "job_status",
    "description": "description",
    "notes": "notes",
    "ownedBy": "owned_by",
    "createdBy": "created_by",
    "priority": "priority",
    "parentJob": "parent_job",
    "startDate": "start_date",
    "startedDate": "started_date",
    "dueDate": "due_date",
    "endDate": "end_date",
}
"""The fields of a query that are properties, and what each is called among them."""
BRIEFLY: Final[Mapping[str, str]] = {"status": "jobStatus", "name": "jobName"}
"""What conditions may call some of them, too."""
INDEXED: Final = (
    "closed",
    "jobStatus",
    "priority",
    "ownedBy",
    "createdBy",
    "jobName",
    "jobTemplateId",
    "jobTemplateName",
    "diagramId",
    "parentJob",
    "currentStep",
    "currentStepId",
    "assignedType",
    "assignedTo",
    "hasLocation",
)
LONG: Final = ("description", "notes")
SEARCHED: Final = (*(name for name, kind in FIELDS.items() if kind == TEXT and name not in LONG), *LONG)
"""The fields whose words are searched; the long ones last, so that they leave the others' words their place."""
EVERY: Final[Pair] = ("all", "")
WORD: Final = re.compile(r"\w+")
MOST_WORDS: Final = 256
"""How many different words of a job can be searched for: the first ones."""
TAG_CHARACTERS: Final = 32
ENGINE_ID: Final = re.compile(r"a[0-9a-z]{15}")


def summarize(
    facts: Mapping[str, Any], properties: Mapping[str, Any], current: Sequence[tuple[str, str, str]]
) -> dict[str, list[Any]]:
    """The summary of a workflow: `facts` by field, its properties, and id, name and assignee of each current step."""
    told = {name: [value] for name, own in PROPERTIES.items() if (value := properties.get(own)) not in {None, ""}}
    told |= {name: [value] for name, value in facts.items() if value not in {None, ""}}
    location = properties.get("location")
    words = [assigned_words(assignee) for _, _, assignee in current]
    steps: dict[str, list[Any]] = {
        "currentStepId": [step_id for step_id, _, _ in current],
        "currentStep": [name for _, name, _ in current],
        "assignedType": [kind for kind, _ in words],
        "assignedTo": [name for _, name in words if name],
        "hasLocation": [int(bool(location))],
        "box": list(location["box"]) if location else [],
    }
    return told | {name: values for name, values in steps.items() if values}


def pairs_of(summary: Summary) -> set[Pair]:
    """What a workflow with this summary is found by; nothing, where there is none."""
    if not summary:
        return set()
    fields = {(name, tag_text(value)) for name in INDEXED for value in summary.get(name, ())}
    return {EVERY} | fields | {("word", word) for word in words_of(summary)}


def words_of(summary: Summary) -> list[str]:
    """The different words in the fields that are searched, in order, at most so many; not an id that we have given."""
    found = dict.fromkeys(word for words in texts_of(summary) for word in words)
    own = str(summary.get("jobId", [""])[0])
    return [word for word in found if word != own or not ENGINE_ID.fullmatch(own)][:MOST_WORDS]


def texts_of(summary: Summary) -> list[list[str]]:
    """The words of each text that is searched."""
    return [split(str(value)) for name in SEARCHED for value in summary.get(name, ())]


def split(text: str) -> list[str]:
    """A text's words, without regard to case, nor to how letters with accents are put together."""
    return WORD.findall(normalize("NFKC", normalize("NFKC", text).casefold()))


def tag_of(store: Store, item: str, pair: Pair) -> str:
    """The tag under which workflows are kept that have this."""
    return store.digest(_digested(item, pair))[:TAG_CHARACTERS]


def tags_of(store: Store, item: str, pair: Pair) -> list[str]:
    """The tags under which they are found: that, and those of older secrets."""
    return [digest[:TAG_CHARACTERS] for digest in store.digests(_digested(item, pair))]


def changed_tags(store: Store, item: str, before: Summary, after: Summary) -> tuple[list[str], list[str]]:
    """The tags that come, and those that go."""
    old, new = pairs_of(before), pairs_of(after)
    gone = [tag for pair in sorted(old - new) for tag in tags_of(store, item, pair)]
    return [tag_of(store, item, pair) for pair in sorted(new - old)], gone


def facts_of(summary: Summary, fields: Collection[str]) -> Facts:
    """The values of these fields as where-clauses compare them; none of one that the summary doesn't have."""
    return {name: [_value(name, value) for value in summary[name]] for name in fields if name in summary}


def called(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties by what queries call them, briefly or not, and by their own names."""
    public = {name: properties.get(own) for name, own in PROPERTIES.items()}
    return {**{brief: public[name] for brief, name in BRIEFLY.items()}, **public, **properties}


def read_date(text: str) -> datetime:
    """A moment as it is kept; one without an offset is in UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _digested(item: str, pair: Pair) -> str:
    field, value = pair
    return f"{item}\n{field}\n{tag_text(value)}"


def _value(name: str, value: Any) -> Value:
    if FIELDS[name] == DATE:
        return read_date(value)
    return float(value) if FIELDS[name] == NUMBER else str(value)


def tag_text(value: Any) -> str:
    """A value in a tag; numbers that are equal have one text, and no others have it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
