"""The words as playbooks/deploy.meta.yml declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COMMAND = "./asgiway deploy"
TYPES = ("str", "path", "int", "bool", "list", "dict")


class WordsError(ValueError):
    """A sentence for the user."""


@dataclass(frozen=True)
class Word:
    """One declared word."""

    name: str
    type: str = "str"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    example: Any = None
    minimum: int | None = None
    maximum: int | None = None
    unit: str = ""
    pattern: str = ""
    meaning: str = ""
    reserved: frozenset[str] = frozenset()
    secret: bool = False


@dataclass(frozen=True)
class Spec:
    """All declared words, and old names with the new ones."""

    words: Mapping[str, Word]
    renamed: Mapping[str, str] = field(default_factory=dict)


def parse_spec(data: Any) -> Spec:
    """Read the content of playbooks/deploy.meta.yml.

    Raises:
        WordsError: when the declaration itself is wrong.
    """
    try:
        main = data["argument_specs"]["main"]
        options, constraints = main["options"], main.get("constraints") or {}
        words = {str(name): _word(str(name), option, constraints.get(name) or {}) for name, option in options.items()}
        renamed = {str(old): str(new) for old, new in (main.get("renamed") or {}).items()}
    except (KeyError, TypeError, AttributeError, re.error) as error:
        raise WordsError(f"the declaration of the words cannot be read ({type(error).__name__}: {error})") from error
    for name in constraints:
        if name not in words:
            raise WordsError(f"the declaration of the words constrains {name}, which it does not declare")
    for old, new in renamed.items():
        if new not in words or old in words:
            raise WordsError(f"the declaration of the words renames {old} to {new}, which does not fit its options")
    return Spec(words, renamed)


def _word(name: str, option: Mapping[str, Any], constraint: Mapping[str, Any]) -> Word:
    kind = str(option.get("type", "str"))
    if kind not in TYPES:
        raise WordsError(f"the declaration of {name} has the type {kind}; known are {', '.join(TYPES)}")
    re.compile(str(constraint.get("pattern", "")))
    return Word(
        name=name,
        type=kind,
        default=option.get("default"),
        required=bool(option.get("required", False)),
        choices=tuple(str(choice) for choice in option.get("choices", ())),
        example=option.get("example"),
        minimum=constraint.get("min"),
        maximum=constraint.get("max"),
        unit=str(constraint.get("unit", "")),
        pattern=str(constraint.get("pattern", "")),
        meaning=str(constraint.get("meaning", "")),
        reserved=frozenset(str(value) for value in constraint.get("reserved", ())),
        secret=bool(option.get("no_log", False)),
    )
