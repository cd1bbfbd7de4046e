"""A reader of nginx configuration, for rules that `nginx -t` does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

TOKEN = re.compile(r"""\s+|\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|[^\s{};"'\#][^\s;{]*""", re.DOTALL)


@dataclass
class Directive:
    """A directive: its words, and what stands in its block."""

    words: list[str]
    block: list[Directive] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.words[0]

    def all(self, name: str, deep: bool = False) -> list[Directive]:
        """Return the directives of that name in the block, or below it at any depth."""
        return [entry for entry in (walk(self.block) if deep else self.block) if entry.name == name]

    def value(self, name: str) -> str:
        """Return the words behind the one directive of that name in the block; empty when there is none."""
        found = self.all(name)
        assert len(found) < 2, f"{' '.join(self.words)} says {name} {len(found)} times"
        return " ".join(found[0].words[1:]) if found else ""

    def headers(self) -> dict[str, str]:
        """Return the headers that this block sets for the upstream; nginx inherits none once a block sets one."""
        headers: dict[str, str] = {}
        for _, name, value in (entry.words for entry in self.all("proxy_set_header")):
            assert name not in headers, f"{' '.join(self.words)} sets {name} twice"
            headers[name] = value
        return headers


@cache
def parse(text: str) -> Directive:
    """Return the file as one block, to be read only: most servers have the same site.

    Raises:
        ValueError: for what is no configuration.
    """
    root = Directive(["file"])
    stack, words, at = [root], list[str](), 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"cannot read {text[at : at + 40]!r}")
        token, at = match.group(), match.end()
        if token in (";", "{"):
            directive, words = Directive(words), []
            stack[-1].block.append(directive)
            if token == "{":
                stack.append(directive)
        elif token == "}":
            stack.pop()
        elif not token.isspace() and not token.startswith("#"):
            words.append(token[1:-1] if token[0] in "\"'" else token)
    if len(stack) != 1 or words:
        raise ValueError("a block or a directive is not finished")
    return root


def walk(block: list[Directive]) -> Iterator[Directive]:
    for entry in block:
        yield entry
        yield from walk(entry.block)
