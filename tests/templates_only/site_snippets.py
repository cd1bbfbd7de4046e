"""What the README tells a reader who wants the templates alone: its commands and files, word for word."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## Only the templates"


def section() -> str:
    """Return the README's section."""
    text = (ROOT / "README.md").read_text()
    return text.split(SECTION + "\n", 1)[1].split("\n## ", 1)[0]


def commands() -> list[str]:
    """Return the lines of the section's first shell block that copy something."""
    block = re.search(r"```sh\n(.*?)```", section(), re.S)
    assert block, "the README's section has no ```sh block"
    return [line for line in block[1].splitlines() if line.startswith("cp ")]


def files() -> dict[str, str]:
    """Return name -> text of the section's YAML blocks; the first line of each is `# NAME`."""
    blocks = re.findall(r"```yaml\n# (\S+)\n(.*?)```", section(), re.S)
    assert blocks, "the README's section has no ```yaml block that begins with a file's name"
    return dict(blocks)
