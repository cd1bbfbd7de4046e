"""Commands of the project's own, each at its moment of a deploy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import show, suggest

# in the order of a deploy
MOMENTS = ("before_packages", "before_static", "after_static", "before_migrate", "after_migrate", "after_switch")
USUAL = "before_static"
KEYS = ("run", "when")


def check_command(entry: Mapping[Any, Any], word: str) -> str:
    """Check a command that says when it is run, and return the command.

    Args:
        entry: run and, where it is not USUAL, when.
        word: what the user calls the list, for the messages.

    Raises:
        ValueError: a sentence about what cannot be.
    """
    for key in entry:
        if key not in KEYS:
            near = suggest(str(key), KEYS, 0.6)
            meant = f"did you mean {near}?" if near else "the keys are run and when"
            raise ValueError(f"{word} holds a command with the key {show(key)}; {meant}")
    if not isinstance(entry.get("run"), str):
        raise ValueError(f"{word} holds {show(dict(entry))}; run must be there, and be the command as text")
    moment = entry.get("when", USUAL)
    if moment not in MOMENTS:
        near = suggest(str(moment), MOMENTS, 0.6)
        meant = f"did you mean {near}? One" if near else "one"
        raise ValueError(f"{word} holds a command with when: {show(moment)}; {meant} of: {', '.join(MOMENTS)}")
    return str(entry["run"])


def commands_at(commands: Sequence[Any], moment: str) -> list[str]:
    """Return the commands of a moment, in their order.

    Args:
        commands: as the site says them: text, which is for USUAL, or a dictionary.
        moment: one of MOMENTS.

    Raises:
        ValueError: when one of them is not as `check_command` wants it, or there is no such moment.
    """
    if moment not in MOMENTS:
        raise ValueError(f"{moment} is no moment of a deploy; one of: {', '.join(MOMENTS)}")
    chosen = []
    for command in commands:
        entry = command if isinstance(command, Mapping) else {"run": command}
        run = check_command(entry, "the list of commands")
        if entry.get("when", USUAL) == moment:
            chosen.append(run)
    return chosen
