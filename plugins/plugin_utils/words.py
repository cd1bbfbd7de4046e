"""The words of a deploy: all rules together, by their modules. No Ansible in here.

Every error is one sentence that names the value, what is allowed, and the command to type when there is one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.cross import check_effect, check_pairs, check_slots
from ansible_collections.asgiway.django.plugins.plugin_utils.declaration import (
    COMMAND,
    Spec,
    Word,
    WordsError,
    parse_spec,
)
from ansible_collections.asgiway.django.plugins.plugin_utils.names import check_extra, check_inventory
from ansible_collections.asgiway.django.plugins.plugin_utils.project_path import check_path
from ansible_collections.asgiway.django.plugins.plugin_utils.role_specs import (
    Roles,
    check_agreement,
    check_roles,
    read_roles,
)
from ansible_collections.asgiway.django.plugins.plugin_utils.server_word import Servers, check_server, parse_servers
from ansible_collections.asgiway.django.plugins.plugin_utils.sources import WORDS as SOURCES
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import one_slip, suggest
from ansible_collections.asgiway.django.plugins.plugin_utils.values import cast, show, try_word

__all__ = [
    "COMMAND",
    "Roles",
    "Servers",
    "Spec",
    "Word",
    "WordsError",
    "cast",
    "check",
    "check_agreement",
    "check_effect",
    "check_extra",
    "check_inventory",
    "check_pairs",
    "check_path",
    "check_roles",
    "check_server",
    "check_slots",
    "message",
    "one_slip",
    "parse_servers",
    "parse_spec",
    "read_roles",
    "show",
    "suggest",
]


def check(
    spec: Spec,
    given: Mapping[str, Any],
    servers: Servers,
    start: str,
    ignore: Collection[str] = (),
    command: str = COMMAND,
) -> tuple[dict[str, Any], list[str]]:
    """Check and cast all words.

    Args:
        spec: the declaration.
        given: values by word, already templated; None counts as not given.
        servers: what the registry says.
        start: the directory that relative paths begin at.
        ignore: words that this playbook does not use; they are not checked and come out as None.
        command: the command that messages suggest.

    Returns:
        The words with their defaults, without secret ones, and all errors.
    """
    words: dict[str, Any] = {}
    errors: list[str] = []
    for name, word in spec.words.items():
        words[name] = None
        value = given.get(name)
        value = word.default if value is None else value
        if name in ignore or (value is None and not word.required):
            continue
        try:
            if value is None:
                raise WordsError(f"{name} is not set.{try_word(word, command)}")
            value = cast(word, value, command)
            if name == "server":
                check_server(value, servers, command)
            words[name] = value
            if name == "app_path":
                words[name] = _source(word, value, given, start, command)
        except WordsError as error:
            errors.append(str(error))
    return {name: value for name, value in words.items() if not spec.words[name].secret}, errors


def _source(word: Word, value: str, given: Mapping[str, Any], start: str, command: str) -> str:
    """Return app_path as an absolute path, or "" where the project comes from elsewhere."""
    others = [other for other in SOURCES if other != word.name and given.get(other)]
    if not value and others:
        return ""
    if not value:
        raise WordsError(f"app_path is not set, nor is app_repo or app_archive.{try_word(word, command)}")
    settings, subdirectory = (str(given.get(f"app_{key}") or "") for key in ("settings", "subdirectory"))
    return check_path(value, start, settings, command, subdirectory)


def message(errors: list[str]) -> str:
    """Join the sentences: one alone as it is, several as a list."""
    if len(errors) == 1:
        return errors[0]
    return f"{len(errors)} things to correct, nothing was changed:\n" + "\n".join(f"- {error}" for error in errors)
