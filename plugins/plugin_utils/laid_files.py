"""Files of the user's, on the controller, that are laid into a project's source: app_files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.local_path import absolute
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import show

INSIDE = re.compile(r"(?!\.\.?(/|$))[\w. +@-]+(/(?!\.\.?(/|$))[\w. +@-]+)*")


def check_entries(value: Mapping[Any, Any], name: str) -> None:
    """Check {path in the source: file on this machine} as it is written.

    Raises:
        ValueError: with the sentence to show.
    """
    for inside, file in value.items():
        if not isinstance(inside, str) or not INSIDE.fullmatch(inside):
            place = show(inside)
            raise ValueError(f"{name}.{place} is no place in the source; a key must be a path such as shop/live.py")
        if not isinstance(file, str) or not file or any(ord(char) < 32 for char in file):
            raise ValueError(f"{name}.{inside} is {show(file)}; it must be the path of a file on this machine")


def find(
    value: Mapping[str, str], name: str, start: str, read: Callable[[str], Any]
) -> tuple[dict[str, str], list[str]]:
    """Look for the files.

    Args:
        value: the checked word, {path in the source: file}.
        name: of the word.
        start: the directory that relative paths begin at.
        read: opens a file, in a vault or not, and raises OSError or ValueError when that is impossible.

    Returns:
        {path in the source: absolute path}, and a sentence for each file that cannot be read.
    """
    found, errors = {}, []
    for inside, file in value.items():
        path = file
        try:
            path = str(absolute(file, start))
            read(path)
        except RuntimeError:
            errors.append(f"{name}.{inside}: {path} cannot be read: its links lead in a circle")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is in a vault that cannot be opened"
            errors.append(f"{name}.{inside}: {path} cannot be read: {why}")
        found[inside] = path
    return found, errors
