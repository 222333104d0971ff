"""The pages of the documentation, and the code blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
GENERATED: Final = "state_machine.md"
FENCE: Final = re.compile(r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.M | re.S)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
LANGUAGES: Final = frozenset({"python", "sh", "javascript", "text", "toml", "json"})
"""`python` and `sh` are run, `javascript` where there is Node, `toml` and `json` are read; `text` is what can't be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: where it begins, what it is, and the file that it shows, if it shows a whole one."""

    page: Path
    line: int
    language: str
    title: str | None
    text: str

    @property
    def padded(self) -> str:
        """The text after as many empty lines as stand before it in the page, so that errors name the page's line."""
        return "\n" * self.line + self.text

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, one a line; a backslash at the end joins the next line."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if line.strip() and not line.startswith("#")]


def all_pages() -> list[Path]:
    """README, CONTRIBUTING, CHANGELOG, and every page below docs and example_plugin."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("example_plugin/*.md")]
    return sorted(page for page in pages if page.name != GENERATED)


def name_of(page: Path) -> str:
    """The page as it is called from the root."""
    return str(page.relative_to(ROOT))


def blocks_of(page: Path, *languages: str) -> list[Block]:
    """The page's blocks in these languages, in order; without any, all of them."""
    return [block for block in _blocks(page) if not languages or block.language in languages]


def links_of(page: Path) -> list[str]:
    """What the page links to on this side of the network, less what stands in code blocks; without fragments."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = (target.partition("#")[0] for target in LINK.findall(text))
    return [target for target in targets if target and "://" not in target]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page=page, line=line, language=found["language"], title=found["title"], text=found["text"])
