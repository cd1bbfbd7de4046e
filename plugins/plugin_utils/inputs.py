"""Checksums of what a deploy depends on, so that the next one knows whether the same is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils import source_tree

# what of the kit decides how a host becomes; the runtime is a part of the release
KIT = ("playbooks", "plugins", "roles", "templates")


def checksum(value: Any) -> str:
    """Return the SHA-256 (hex) of a value of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def kit(root: Path) -> str:
    """Return the SHA-256 (hex) of the kit's own files below its root."""
    return source_tree.identity({name: root / name for name in KIT})


def files(values: Iterable[Any], places: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 (hex) of each file that a value names, such as a certificate or a template of the user's.

    Args:
        values: texts, and lists and dictionaries of them.
        places: where relative paths may begin.
    """
    starts, found = list(places), {}
    for text in _texts(values):
        for start in starts:
            try:
                path = start / Path(text).expanduser()
                if path.is_file():
                    found[f"{text} in {start}"] = hashlib.sha256(path.read_bytes()).hexdigest()
            except (OSError, RuntimeError, ValueError):  # no name of a file, or nobody's home
                continue
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(value.values())
    elif isinstance(value, Iterable):
        for one in value:
            yield from _texts(one)
