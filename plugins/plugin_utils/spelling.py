"""How a value is shown, and which known name a name is near to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 80  # characters of a value in a message


def show(value: Any) -> str:
    """Write a value for a message: short, printable, without the password of a URL."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, (list, tuple, set)):
        return "a list"
    try:
        text = str(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a very long number"
    text = re.sub(r"//[^/\s]*@", "//***@", text)
    text = "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def suggest(name: str, known: Iterable[str], cutoff: float) -> str:
    """Return the known name nearest to this one, or ''."""
    names = {candidate.lower(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.lower()[:200], names, n=1, cutoff=cutoff)
    return names[near[0]] if near else ""


def one_slip(name: str, word: str) -> bool:
    """Tell whether a name is a word with one slip: a letter missing, doubled, wrong, swapped or in the wrong case.

    A name that adds an `s`, a digit or an underscore is somebody's own (servers, app_path2, https_port).
    """
    if name == word:
        return False
    if name.lower() == word:
        return True
    if len(name) == len(word):
        wrong = [index for index in range(len(word)) if name[index] != word[index]]
        if len(wrong) == 1:
            return name[wrong[0]].isalpha() and word[wrong[0]].isalpha()
        return (
            len(wrong) == 2 and wrong[1] == wrong[0] + 1 and [name[i] for i in wrong] == [word[i] for i in wrong[::-1]]
        )
    longer, shorter = (name, word) if len(name) > len(word) else (word, name)
    if len(longer) != len(shorter) + 1:
        return False
    index = next((i for i, char in enumerate(shorter) if char != longer[i]), len(shorter))
    if longer[index + 1 :] != shorter[index:]:
        return False
    return longer == word or longer[index] not in "s_0123456789"
