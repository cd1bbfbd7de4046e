"""The registry of engines: its entries, which may be somebody's own, checked and completed."""

from __future__ import annotations

import difflib
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.values import show

Entry = dict[str, Any]

WHERE = "its keys are explained in roles/app_server/defaults/main/engines.yml"
CHOICES = {"interface": ("wsgi", "asgi"), "scale": ("instances", "workers")}
MIN_KEEP_ALIVE = 3  # seconds
# what an entry need not say
OPTIONAL: Entry = {
    "packages": [],
    "tuning": {},
    "grace": 10,  # seconds
    "stop_signal": "TERM",
    "environment": {},
    "unit": {},
    "relax": {},
    "believes": [],
    "close_code": 1012,
    "about": "",
    "docs": "",
    "facts": {},
}


def _text(value: Any) -> bool:
    """Tell whether it is one line of text, or a number."""
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and not re.search(CONTROL, str(value))


def _texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(_text(item) for item in value)


def _pairs(value: Any, name: str, good: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and re.fullmatch(name, key) and good(item) for key, item in value.items()
    )


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _systemd(value: Any) -> bool:
    return _text(value) or isinstance(value, bool)


def _variable(value: Any) -> bool:
    """Tell whether systemd and supervisor both take it between quotes as it is."""
    return _text(value) and not re.search(r'["\\%]|\s[;#]', str(value))


def _exception(value: Any) -> bool:
    """Tell whether it is an exception of the sandbox; a list of values is a line for each."""
    if not isinstance(value, Mapping) or {*value} != {"value", "reason"}:
        return False
    return (_systemd(value["value"]) or _texts(value["value"])) and _text(value["reason"])


CONTROL = r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]"
# key -> whether a value will do, and what it must be
KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "packages": (_texts, "a list of requirements"),
    "tuning": (
        lambda value: (
            _pairs(value, "[a-z_]+", _whole(1, 2**31)) and not 0 < value.get("keep_alive", 0) < MIN_KEEP_ALIVE
        ),
        f"a dictionary of whole numbers, keep_alive at least {MIN_KEEP_ALIVE} because nginx lets go after 2",
    ),
    "grace": (_whole(1, 3600), "a whole number of seconds from 1 to 3600"),
    "environment": (
        lambda value: _pairs(value, "[A-Za-z_][A-Za-z0-9_]*", _variable),
        'a dictionary of variables, whose values hold no ", \\, % or line break, and no ; or # after a blank',
    ),
    "unit": (
        lambda value: _pairs(value, "[A-Za-z0-9]+", _systemd),
        "a dictionary of systemd's keys, each with one line",
    ),
    "relax": (
        lambda value: _pairs(value, "[A-Za-z0-9]+", _exception),
        "a dictionary of systemd's keys, each with value and reason",
    ),
    "believes": (_texts, "a list of request headers"),
    "close_code": (lambda value: value == 0 or _whole(1000, 4999)(value), "a WebSocket's close code from 1000 to 4999"),
    "about": (_text, "one line of text"),
    "docs": (_text, "one line of text"),
    "facts": (lambda value: isinstance(value, Mapping), "a dictionary"),
}


def with_own(kit: Mapping[str, Any], own: Any, name: str) -> dict[str, Any]:
    """Lay a dictionary from an inventory over the kit's, and its dictionaries over the kit's dictionaries.

    Args:
        kit: what the kit brings.
        own: what the variable of this name says.
        name: the variable, for the message.

    Raises:
        ValueError: when it is no dictionary.
    """
    if not isinstance(own, Mapping):
        raise ValueError(f"{name} is {show(own)}; it must be a dictionary")
    return _merged(kit, own)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(under, value) if both else value  # type: ignore[arg-type]
    return result


def _shown(value: Any) -> str:
    """Write a value in one short line."""
    text = str(value) if isinstance(value, str) else repr(value)
    return "".join(char if char.isprintable() else "?" for char in text[:60])


def engine_entries(engines: Mapping[str, Mapping[str, Any]]) -> dict[str, Entry]:
    """Check the registry's entries, which may be somebody's own, and complete them.

    Raises:
        ValueError: one sentence about the first entry that cannot work.
    """
    return {str(name): _entry(str(name), entry) for name, entry in engines.items()}


def _entry(name: str, entry: Any) -> Entry:
    if not isinstance(entry, Mapping):
        raise ValueError(f"the engine {_shown(name)} must be a dictionary; {WHERE}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
        raise ValueError(f"{_shown(name)} cannot name an engine; letters, digits, _ . and - can, the first a letter")
    known = [*CHOICES, "argv", *OPTIONAL]
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            meant = f"; did you mean {near[0]}?" if near else f"; {WHERE}"
            raise ValueError(f"the engine {name} has the key {_shown(key)}, which nothing reads{meant}")
    for key, choices in CHOICES.items():
        if entry.get(key) not in choices:
            said = f"says {key}: {_shown(entry[key])}" if key in entry else f"lacks {key}"
            raise ValueError(f"the engine {name} {said}; it must be {' or '.join(choices)}")
    argv = entry.get("argv")
    if not _texts(argv) or not argv:
        raise ValueError(f"the engine {name} needs argv, the list of its command's words; {WHERE}")
    for placeholder, why in (("{socket}", "where it listens"), ("{app}", "what it serves")):
        if not any(placeholder in str(word) for word in argv):
            raise ValueError(f"argv of the engine {name} has no {placeholder}, {why}; {WHERE}")
    for key, (good, allowed) in KINDS.items():
        if key in entry and not good(entry[key]):
            raise ValueError(f"the engine {name} says {key}: {_shown(entry[key])}; it must be {allowed}")
    if f"SIG{entry.get('stop_signal', 'TERM')}" not in signal.Signals.__members__:
        raise ValueError(
            f"the engine {name} says stop_signal: {_shown(entry['stop_signal'])}; it must be a name such as TERM"
        )
    return {**OPTIONAL, **entry}
