"""Where diagrams and templates are kept. A version of a diagram never changes, so it is read once in a process.

What a plugin defines in its code is kept under the item `-`, which every install has: each process writes the version
that its code has, and uses that one, so that two releases can run at once.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter

from envoy_plugin.engine.engine import Engine
from envoy_plugin.engine.queries import text_of
from envoy_plugin.errors import BadDiagram, NoTemplate
from envoy_plugin.logs import get_logger
from envoy_plugin.workflows.definitions.checks import faults_in, unreachable
from envoy_plugin.workflows.definitions.diagrams import Diagram
from envoy_plugin.workflows.definitions.templates import ACTIVE, OF_PLUGIN, Template
from envoy_plugin.workflows.links import Links

MOST_CACHED: Final = 256
ACTIVE_VERSION: Final = "active"
DRAFT: Final = "draft"
LATEST: Final = "latest"
NO_TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType({})
_diagrams: Final = TypeAdapter(Diagram)
_templates: Final = TypeAdapter(Template)


log = get_logger(__name__)


class Store:
    """Diagrams and templates of every item, over one engine.

    `own` are the templates in the plugin's code, by id; `functions` the names of its steps, None: not known here.
    `digest` is a keyed digest of a text, for what is to be found by it; `digests` are those under every secret that
    there is, for what was kept under an older one. `links` make URLs of attachments; None: there are none here.
    Whoever looks at many workflows takes a `turn` for some at a time, so that all else here is served in between.
    """

    def __init__(
        self,
        engine: Engine,
        digest: Callable[[str], str],
        *,
        own: Mapping[str, Template] = NO_TEMPLATES,
        functions: Collection[str] | None = None,
        digests: Callable[[str], Sequence[str]] | None = None,
        links: Links | None = None,
    ) -> None:
        self.engine: Final = engine
        self.digest: Final = digest
        self.digests: Final = digests or (lambda text: (digest(text),))
        self.own: Final = own
        self.links: Final = links
        self.turn: Final = asyncio.Lock()
        self._functions = functions
        self._cache: OrderedDict[tuple[str, str, int], Diagram] = OrderedDict()
        self._published: dict[str, Diagram] = {}
        self._listeners: list[Callable[[str], None]] = []

    def hear(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Let `listener` be told the id of a workflow that this process has changed; answers what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, workflow_id: str) -> None:
        """Say that a workflow was changed here. Whoever must know of it all looks: this only makes them look soon."""
        for listener in self._listeners:
            listener(workflow_id)

    def faults_in(self, diagram: Diagram) -> list[str]:
        """Why a diagram can't be active, a sentence each."""
        return list(faults_in(diagram, self._functions))

    async def save_diagram(self, item: str, diagram: Diagram) -> Diagram:
        """Make a new version of a diagram, and make it the active one; answers it with its number.

        Raises:
            BadDiagram: with everything that is wrong with it.
        """
        faults = self.faults_in(diagram)
        if faults:
            raise BadDiagram(faults)
        lost = unreachable(diagram)
        if lost:
            log.warning("diagram.unreachable", diagram=diagram.id, steps=lost)
        key = self._key(item, diagram.id)
        redis = self.engine.redis
        version = await redis.hincrby(key, LATEST, 1)
        made = replace(diagram, version=version)
        async with redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={str(version): self._seal(_diagrams, made), ACTIVE_VERSION: str(version)})
            pipe.sadd(self.engine.keys.diagrams(item), diagram.id)
            await pipe.execute()
        return made

    async def save_draft(self, item: str, diagram: Diagram) -> Diagram:
        """Keep a draft of a diagram, unchecked; its version is 0."""
        made = replace(diagram, version=0)
        async with self.engine.redis.pipeline(transaction=True) as pipe:
            pipe.hset(self._key(item, diagram.id), DRAFT, self._seal(_diagrams, made))
            pipe.sadd(self.engine.keys.diagrams(item), diagram.id)
            await pipe.execute()
        return made

    async def find_diagram(self, item: str, diagram_id: str, version: int | None = None) -> Diagram | None:
        """A version of a diagram; None: the active one. 0: the draft. Answers None where there is none."""
        known = self._cache.get((item, diagram_id, version or 0))
        if known is not None:
            return known
        key = self._key(item, diagram_id)
        if version is None:
            active = await self.engine.redis.hget(key, ACTIVE_VERSION)
            return await self.find_diagram(item, diagram_id, int(active)) if active else None
        sealed = await self.engine.redis.hget(key, str(version) if version else DRAFT)
        if not isinstance(sealed, bytes):
            return None
        found = _diagrams.validate_json(self.engine.open(sealed))
        if version:
            self._remember(item, found)
        return found

    async def list_diagrams(self, item: str) -> list[str]:
        """The ids of an item's diagrams, in order."""
        return sorted(map(text_of, await self.engine.redis.smembers(self.engine.keys.diagrams(item))))

    async def delete_diagram(self, item: str, diagram_id: str) -> bool:
        """Forget a diagram with all its versions; False: there was none. Workflows that run on it can't go on.

        How many it had stays: other processes remember versions, and one made later must be none of those.
        """
        key, redis = self._key(item, diagram_id), self.engine.redis
        latest = await redis.hget(key, LATEST)
        async with redis.pipeline(transaction=True) as pipe:
            pipe.srem(self.engine.keys.diagrams(item), diagram_id)
            pipe.unlink(key)
            if latest is not None:
                pipe.hset(key, LATEST, latest)
            gone, *_ = await pipe.execute()
        for known in [known for known in self._cache if known[:2] == (item, diagram_id)]:
            del self._cache[known]
        return bool(gone)

    async def delete_draft(self, item: str, diagram_id: str) -> bool:
        """Forget the draft of a diagram; False: there was none."""
        return bool(await self.engine.redis.hdel(self._key(item, diagram_id), DRAFT))

    async def save_template(self, item: str, template: Template) -> None:
        """Keep a template, in place of the one that had its id."""
        kept = self._seal(_templates, replace(template, diagram=None))
        await self.engine.redis.hset(self.engine.keys.templates(item), template.id, kept)

    async def find_template(self, item: str, template_id: str) -> Template | None:
        """A template of an item, or else the plugin's own of this id."""
        sealed = await self.engine.redis.hget(self.engine.keys.templates(item), template_id)
        if isinstance(sealed, bytes):
            return _templates.validate_json(self.engine.open(sealed))
        return self.own.get(template_id)

    async def list_templates(self, item: str) -> list[Template]:
        """The templates that an item has, the plugin's own among them, by id."""
        found: Any = await self.engine.redis.hgetall(self.engine.keys.templates(item))
        stored = [_templates.validate_json(self.engine.open(sealed)) for sealed in found.values()]
        by_id = {**self.own, **{template.id: template for template in stored}}
        return [by_id[template_id] for template_id in sorted(by_id)]

    async def delete_template(self, item: str, template_id: str) -> bool:
        """Forget a template; False: there was none."""
        return bool(await self.engine.redis.hdel(self.engine.keys.templates(item), template_id))

    async def diagram_of(self, item: str, template: Template) -> tuple[str, Diagram]:
        """The diagram on which a workflow made from this template now runs, and the item that has it.

        Raises:
            NoTemplate: it isn't active, or its diagram isn't.
        """
        if template.state != ACTIVE:
            raise NoTemplate(template.id)
        if template.diagram is not None:
            return OF_PLUGIN, await self._publish(template.diagram)
        found = await self.find_diagram(item, template.diagram_id)
        if found is None:
            raise NoTemplate(template.id)
        return item, found

    async def _publish(self, diagram: Diagram) -> Diagram:
        """The stored version of a diagram in code: the one with the same content, or else a new one."""
        content = _diagrams.dump_json(replace(diagram, version=0))
        mark = f"digest:{hashlib.sha256(content).hexdigest()}"
        if mark not in self._published:
            known = await self.engine.redis.hget(self._key(OF_PLUGIN, diagram.id), mark)
            found = await self.find_diagram(OF_PLUGIN, diagram.id, int(known)) if known else None
            if found is None:
                found = await self.save_diagram(OF_PLUGIN, diagram)
                await self.engine.redis.hset(self._key(OF_PLUGIN, diagram.id), mark, str(found.version))
            self._published[mark] = found
        return self._published[mark]

    def _key(self, item: str, diagram_id: str) -> str:
        return self.engine.keys.diagram(item, diagram_id)

    def _seal(self, adapter: TypeAdapter[Any], value: object) -> bytes:
        return self.engine.seal(adapter.dump_json(value))

    def _remember(self, item: str, diagram: Diagram) -> None:
        self._cache[item, diagram.id, diagram.version] = diagram
        if len(self._cache) > MOST_CACHED:
            self._cache.popitem(last=False)
