"""Words and variables as they are declared: playbooks/deploy.meta.yml, and meta/ of a role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COMMAND = "./asgiway deploy"
TYPES = ("str", "path", "int", "float", "bool", "list", "dict", "raw")


class WordsError(ValueError):
    """A sentence for the user."""


@dataclass(frozen=True)
class Word:
    """One declared word, or one variable of a role."""

    name: str
    type: str = "str"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    example: Any = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    pattern: str = ""
    meaning: str = ""
    format: str = ""  # network or ports
    reserved: frozenset[str] = frozenset()
    unreserved_for: str = ""  # the one command that takes a reserved name
    secret: bool = False
    elements: str = "str"
    description: str = ""
    options: Mapping[str, Word] = field(default_factory=dict)  # of a dictionary, or of the dictionaries in a list
    only: str = ""  # the one command that it counts for
    needs: str = ""  # wsgi, asgi or tuning: what the server must have for it to have an effect
    native: bool = False  # a role reads it as it is given, so that the text "false" would count as true

    @property
    def environment(self) -> bool:
        """Tell whether it is a dictionary of environment variables, whose values are never shown."""
        return self.type == "dict" and self.secret

    @property
    def allowed(self) -> str:
        """Say what it may be, to stand after "it must be"."""
        if self.choices:
            return f"one of: {', '.join(self.choices)}"
        if self.type in ("int", "float"):
            number = "a whole number" if self.type == "int" else "a number"
            return number + (f" of {self.unit}" if self.unit else "") + self._limits()
        if self.type == "list":
            return f"a list; each element {self.meaning or ELEMENTS.get(self.elements, 'text')}"
        if self.environment:
            return "a dictionary of environment variables"
        if self.type == "dict" and self.options:
            return f"a dictionary with the keys {', '.join(self.options)}"
        return self.meaning or KINDS[self.type]

    def _limits(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f" from {self.minimum} to {self.maximum}"
        return f" of at least {self.minimum}" if self.minimum is not None else ""


KINDS = {"str": "text", "path": "a path", "bool": "true or false", "dict": "a dictionary", "raw": "anything"}
ELEMENTS = {"dict": "a dictionary", "int": "a whole number"}


@dataclass(frozen=True)
class Spec:
    """All declared words, old names with the new ones, and what lies across words."""

    words: Mapping[str, Word]
    renamed: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # heading -> words
    late: frozenset[str] = frozenset()  # words that only releases depend on
    # variables of roles that must say the same: [{variable: what follows the common part}]
    agree: tuple[Mapping[str, str], ...] = ()


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
        groups = {str(head): tuple(str(name) for name in names) for head, names in (main.get("groups") or {}).items()}
        late = frozenset(str(name) for name in main.get("late") or ())
        agree = tuple({str(name): str(end) for name, end in one.items()} for one in main.get("agree") or ())
    except (KeyError, TypeError, AttributeError, re.error) as error:
        raise WordsError(f"the declaration of the words cannot be read ({type(error).__name__}: {error})") from error
    for head, names in {**groups, "late": late}.items():
        for name in names:
            if name not in words:
                raise WordsError(f"the declaration of the words lists {name} under {head} and does not declare it")
    _check_names("of the words", words, constraints, renamed)
    return Spec(words, renamed, groups, late, agree)


def parse_role(role: str, specs: Any, constraints: Any) -> Spec:
    """Read the content of a role's meta/argument_specs.yml and meta/constraints.yml (None when there is none).

    Raises:
        WordsError: when the declaration itself is wrong.
    """
    try:
        entries = specs["argument_specs"].values()
        options = {str(name): option for entry in entries for name, option in (entry.get("options") or {}).items()}
        limits, renamed = (constraints or {}).get("constraints") or {}, (constraints or {}).get("renamed") or {}
        words = {name: _word(name, option, limits.get(name) or {}, native=True) for name, option in options.items()}
        renamed = {str(old): str(new) for old, new in renamed.items()}
    except (KeyError, TypeError, AttributeError, re.error) as error:
        raise WordsError(f"the declaration of the role {role} cannot be read ({type(error).__name__})") from error
    _check_names(f"of the role {role}", words, limits, renamed)
    return Spec(words, renamed)


def _check_names(whose: str, words: Mapping[str, Word], limits: Mapping[str, Any], renamed: Mapping[str, str]) -> None:
    for name in limits:
        if name not in words:
            raise WordsError(f"the declaration {whose} constrains {name}, which it does not declare")
    for old, new in renamed.items():
        if new not in words or old in words:
            raise WordsError(f"the declaration {whose} renames {old} to {new}, which does not fit its options")


def _word(name: str, option: Mapping[str, Any], constraint: Mapping[str, Any], *, native: bool = False) -> Word:
    kind = str(option.get("type", "str"))
    if kind not in TYPES:
        raise WordsError(f"the declaration of {name} has the type {kind}; known are {', '.join(TYPES)}")
    re.compile(str(constraint.get("pattern", "")))
    default = option.get("default")
    plain = default not in (None, "", 0) and not isinstance(default, (list, dict)) and "{{" not in str(default)
    return Word(
        name=name,
        type=kind,
        default=default,
        required=bool(option.get("required", False)),
        choices=tuple(str(choice) for choice in option.get("choices") or ()),
        example=option.get("example", constraint.get("example", default if native and plain else None)),
        minimum=constraint.get("min"),
        maximum=constraint.get("max"),
        unit=str(constraint.get("unit", "")),
        pattern=str(constraint.get("pattern", "")),
        meaning=str(constraint.get("meaning", "")),
        format=str(constraint.get("format", "")),
        reserved=frozenset(str(value) for value in constraint.get("reserved", ())),
        unreserved_for=str(constraint.get("unreserved_for", "")),
        secret=bool(option.get("no_log", False)),
        elements=str(option.get("elements", "str")),
        description=" ".join(str(option.get("description", "")).split()),
        options={str(key): _word(f"{name}.{key}", part, {}) for key, part in (option.get("options") or {}).items()},
        only=str(constraint.get("only", "")),
        needs=str(constraint.get("needs", "")),
        native=native,
    )
