"""Every key in Redis, under one hash tag, so that all of them live in one slot of a cluster.

The scripts build theirs from the same namespace: `job:` `payload:` `blobs:` `refs:` `attempts:` `dependents:`
`children:` `described:` `tags:` and an id; `unique:` and a key; `lane:` and its name; `available:` `running:` `wake:`
`turns:` `paused:` and a queue; `by:`, a fact, its value and a state; `blob:` and a ref; `tag:` and a tag; the indexes
`blocked` `scheduled` `running` `succeeded` `failed` `cancelled` `timers`, and `unsettled`.
"""

from dataclasses import dataclass
from typing import Final

SCHEMA: Final = 1
"""The layout of the keys. A release works on this one and the one before, and refuses a newer one."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one plugin."""

    prefix: str

    @property
    def namespace(self) -> str:
        """What every key begins with: `{prefix}:`."""
        return f"{{{self.prefix}}}:"

    def of(self, kind: str, name: str = "") -> str:
        """The key of a kind of thing, and its name where there are several."""
        return f"{self.namespace}{kind}:{name}" if name else f"{self.namespace}{kind}"

    @property
    def schema(self) -> str:
        """The number of the layout."""
        return self.of("schema")

    @property
    def queues(self) -> str:
        """The set of queues that have held a job."""
        return self.of("queues")

    def job(self, job_id: str) -> str:
        """The facts of a job and its history."""
        return self.of("job", job_id)

    def payload(self, job_id: str) -> str:
        """What the job is about, sealed."""
        return self.of("payload", job_id)

    def blobs(self, job_id: str) -> str:
        """Outcomes and details by attempt, and memoised pieces, sealed."""
        return self.of("blobs", job_id)

    def attempts(self, job_id: str) -> str:
        """The records of earlier attempts."""
        return self.of("attempts", job_id)

    def index(self, state: str, queue: str = "") -> str:
        """The index of the jobs in a state; the available ones have an index for each queue."""
        return self.of(state, queue)

    def refs(self, job_id: str) -> str:
        """The names of a job's kept blobs, and what names them."""
        return self.of("refs", job_id)

    def blob(self, ref: str) -> str:
        """Bytes of their own, sealed: a log, an attachment."""
        return self.of("blob", ref)

    def children(self, job_id: str) -> str:
        """The children of an envelope, with their states."""
        return self.of("children", job_id)

    def listing(self, fact: str, value: str, state: str) -> str:
        """The jobs in a state of which a fact has this value, by id."""
        return self.of("by", f"{fact}:{value}:{state}")

    def described(self, job_id: str) -> str:
        """What the layer above keeps with a job."""
        return self.of("described", job_id)

    def tag(self, tag: str) -> str:
        """The jobs that have a tag, by id."""
        return self.of("tag", tag)

    def paused(self, queue: str) -> str:
        """Why a queue is paused, sealed, where it is."""
        return self.of("paused", queue)

    def wake(self, queue: str) -> str:
        """The list whose token wakes a waiting claimant of `queue`."""
        return self.of("wake", queue)

    def schedule(self, name: str) -> str:
        """Up to when a schedule was looked after."""
        return self.of("schedule", name)

    @property
    def workers(self) -> str:
        """The names of the workers that live, by when they were last heard of."""
        return self.of("workers")

    def worker(self, who: str) -> str:
        """What a worker does now."""
        return self.of("worker", who)

    def delivery(self, name: str) -> str:
        """The record of one inline delivery of Envoy's."""
        return self.of("delivery", name)

    def config(self, install: str) -> str:
        """The cached config of an install, sealed."""
        return self.of("config", install)

    def user_token(self, job_id: str) -> str:
        """The token of the user behind a job's event, sealed."""
        return self.of("user_token", job_id)

    def thing(self, name: str) -> str:
        """The facts of a thing, and when it was last heard of."""
        return self.of("thing", name)

    @property
    def things(self) -> str:
        """The names of all things, sorted."""
        return self.of("things")

    def access_key(self, key_id: str) -> str:
        """A key that requests of things are signed with; its secret is sealed."""
        return self.of("access_key", key_id)

    def access_keys(self, holder: str) -> str:
        """The keys of a thing, of a location, or for all of them, by generation."""
        return self.of("access_keys", holder)

    def diagram(self, item: str, diagram_id: str) -> str:
        """The versions of a diagram, sealed, and which of them is active."""
        return self.of("diagram", f"{item}:{diagram_id}")

    def diagrams(self, item: str) -> str:
        """The ids of an item's diagrams."""
        return self.of("diagrams", item)

    def templates(self, item: str) -> str:
        """The templates of an item, by id, sealed."""
        return self.of("templates", item)

    @property
    def token(self) -> str:
        """The plugin's token, sealed; its lock and its failures are named after it."""
        return self.of("token")

    @property
    def titan_tokens(self) -> str:
        """The tokens of pull-workers, by name, each with its digest."""
        return self.of("titan_tokens")

    def attached(self, item: str) -> str:
        """How much each attachment of an item's workflows has, and the job that it is of."""
        return self.of("attached", item)

    @property
    def operators_revoked(self) -> str:
        """The tokens of operators that are good no longer, each until it would have ended."""
        return self.of("operators_revoked")

    def storage(self, install: str | None) -> tuple[str, str, str, str]:
        """The storage of an install, or (None) of the plugin: items, their order, what is unique, when items end."""
        scope = "" if install is None else f":{install}"
        kinds = self.of("storage"), self.of("storage_order"), self.of("storage_unique"), self.of("storage_due")
        items, order, unique, due = (f"{kind}{scope}" for kind in kinds)
        return items, order, unique, due
