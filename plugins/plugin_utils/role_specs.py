"""What the roles declare, and which of their variables the playbooks set themselves."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import (
    COMMAND,
    Spec,
    Word,
    WordsError,
    parse_role,
)
from ansible_collections.asgiway.django.plugins.plugin_utils.values import cast, show

FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Roles:
    """The public variables of all roles."""

    specs: Mapping[str, Spec]  # by role
    # variable -> the words, or variables of other roles, that the playbooks set it from
    wired: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, Word]:
        """Return all variables by name."""
        return {name: word for spec in self.specs.values() for name, word in spec.words.items()}

    @property
    def renamed(self) -> dict[str, str]:
        """Return old names with the new ones."""
        return {old: new for spec in self.specs.values() for old, new in spec.renamed.items()}

    @property
    def names(self) -> dict[str, Collection[str]]:
        """Return role -> its variables."""
        return {role: spec.words for role, spec in self.specs.items()}


def read_roles(roles_path: str, playbooks: str = "", words: Collection[str] = ()) -> Roles:
    """Read meta/ of every role, and what the playbooks' wiring and tasks/ set.

    Args:
        roles_path: the directory of the roles.
        playbooks: the directory of the playbooks; empty when none sets variables of the roles.
        words: the names of the users' words.

    Raises:
        WordsError: when there are no roles, or a declaration is wrong.
    """
    specs = {}
    try:
        for meta in sorted(Path(roles_path).glob("*/meta/argument_specs.yml")):
            limits = meta.with_name("constraints.yml")
            texts = [file.read_text(encoding="utf-8") if file.is_file() else "" for file in (meta, limits)]
            role = meta.parents[1].name
            specs[role] = parse_role(role, *(yaml.load(text, FAST) for text in texts))  # noqa: S506  (a safe loader)
        if not specs:
            raise WordsError(f"there are no roles in {show(roles_path)}")
        known = {name for spec in specs.values() for name in spec.words}
        return Roles(specs, _wired(Path(playbooks), known, {*words}) if playbooks else {})
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise WordsError(f"the roles in {show(roles_path)} cannot be read ({type(error).__name__})") from error


def _wired(playbooks: Path, variables: set[str], words: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the roles' variables that the playbooks set, each with the words and variables behind its value."""
    # as text: a playbook's YAML may hold !vault and !unsafe
    places = {"vars": playbooks / "roles/wiring/vars", "tasks": playbooks / "tasks"}
    files = {part: [file.read_text("utf-8") for file in place.glob("*.yml")] for part, place in places.items()}
    found = [re.findall(r"^(\w+):(.*\n(?: +.*\n)*)", re.sub(r" *#.*", "", text), re.M) for text in files["vars"]]
    expressions = {name: value for pairs in found for name, value in pairs}
    # what a task gives to a role has its cause in the run, not in a word
    for text in files["tasks"]:
        expressions = dict.fromkeys(re.findall(r"^[ -]*(\w+):", text, re.M), "") | expressions
    sources = {*words, *(variables - set(expressions))}

    def origin(expression: str, seen: frozenset[str] = frozenset()) -> dict[str, None]:
        # what is found in the project is what the word app_... would say
        said = re.sub(r"__project\.", "__words.app_", expression)
        found = dict.fromkeys(word for word in re.findall(r"__words\.(\w+)", said) if word in words)
        for name in re.findall(r"(?<!['\w/.])\w+", " ".join(re.findall(r"\{\{.*?\}\}", expression, re.S))):
            if name in sources:
                found[name] = None
            elif name.startswith("__") and name not in seen:
                found |= origin(expressions.get(name, ""), seen | {name})
        return found

    return {name: tuple(origin(expressions[name])) for name in sorted(variables & set(expressions))}


def check_roles(
    roles: Roles, given: Mapping[str, Any], own: Collection[str] = (), command: str = COMMAND
) -> tuple[dict[str, Any], list[str]]:
    """Check the variables of the roles.

    Args:
        roles: what they declare.
        given: values by name, already templated.
        own: names that are the user's own business.
        command: the command that messages suggest.

    Returns:
        The good values in their types, and a sentence for each wrong one and for each that cannot be given.
    """
    good, errors = {}, []
    variables = roles.variables
    for name, value in given.items():
        if name not in variables or name in own:
            continue
        if name in roles.wired:
            errors.append(_wired_sentence(name, roles.wired[name]))
            continue
        try:
            good[name] = cast(variables[name], value, command)
        except WordsError as error:
            errors.append(str(error))
    return good, errors


def _wired_sentence(name: str, sources: tuple[str, ...]) -> str:
    if not sources:
        return f"{name} cannot be given, because the playbooks work it out; leave it out"
    listed = " and ".join([", ".join(sources[:-1]), sources[-1]] if len(sources) > 1 else sources)
    return f"{name} cannot be given, because the playbooks set it from {listed}; write that instead"


def check_agreement(agree: Collection[Mapping[str, str]], given: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each set of variables that must say the same and do not.

    Args:
        agree: sets of variable -> what its value has after the common part.
        given: values by name, already templated.
    """
    errors = []
    for one in agree:
        said = {name: given[name] for name in one if isinstance(given.get(name), str)}
        for name, value in said.items():
            base = value.removesuffix(one[name])
            other = {key: base + end for key, end in one.items() if said.get(key) != base + end}
            if not value.endswith(one[name]):
                errors.append(f"{name} is {show(value)}; it must end in {one[name]}, as the other roles expect it")
                break
            if other:
                wanted = ", ".join(f"{key}: {show(path)}" for key, path in other.items())
                errors.append(f"{name} is {show(value)}, and other roles must say the same: {wanted}")
                break
    return errors
