"""README and the pages in docs/: what they say is tested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = ROOT / "docs"
DOCUMENTS = [README, *sorted(PAGES.glob("*.md"))]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code in a document."""

    place: str
    """`name.md:12`, where its first line stands."""
    language: str
    code: str


def blocks(document: Path, *languages: str) -> Iterator[Block]:
    """The blocks of a document that are in one of these languages."""
    text = document.read_text()
    for found in _BLOCK.finditer(text):
        if found[1] in languages:
            line = text.count("\n", 0, found.start(2)) + 1
            yield Block(f"{document.name}:{line}", found[1], found[2])
