"""Processes beside the server, and commands by the clock: from what a site says to groups of a release."""

from __future__ import annotations

import difflib
import re
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.calendar_times import cron_times, parse_times
from ansible_collections.asgiway.django.plugins.plugin_utils.spelling import show

Group = dict[str, Any]

NAME = re.compile("[a-z][a-z0-9]{0,19}")
# the names of the server's own groups
TAKEN = ("asgi", "wsgi")
WHERE = "docs/processes.md explains the keys"
# nobody takes a singleton's place until it has stopped, and the deploy waits for that
SINGLETON_STOP = 300  # seconds
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
PROCESS: Group = {
    "instances": 1,
    "singleton": False,
    "stop_signal": "TERM",
    "stop_seconds": 60,
    "environment": {},
    "connections": 5,
}
SCHEDULE: Group = {"catch_up": False, "environment": {}}


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _variables(value: Any) -> bool:
    """Tell whether systemd and supervisor both take all values between quotes as they are."""
    return isinstance(value, Mapping) and all(
        isinstance(name, str)
        and re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name)
        and isinstance(text, (str, int, float))
        and not isinstance(text, bool)
        and not CONTROL.search(str(text))
        and not re.search(r'["\\%]|\s[;#]', str(text))
        for name, text in value.items()
    )


# key -> whether a value will do, and what it must be
KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "instances": (_whole(1, 64), "a whole number from 1 to 64"),
    "singleton": (lambda value: isinstance(value, bool), "true or false"),
    "stop_signal": (
        lambda value: isinstance(value, str) and f"SIG{value}" in signal.Signals.__members__ and value != "KILL",
        "a name such as TERM, INT or QUIT",
    ),
    "stop_seconds": (_whole(1, 86400), "a whole number of seconds from 1 to 86400"),
    "environment": (
        _variables,
        'a dictionary of variables, whose values hold no ", \\, % or line break, and no ; or # after a blank',
    ),
    "connections": (_whole(0, 500), "a whole number from 0 to 500"),
    "catch_up": (lambda value: isinstance(value, bool), "true or false"),
}


def process_entries(processes: Any, word: str = "app_processes") -> dict[str, Group]:
    """Check the processes that a site wants, and complete them.

    Args:
        processes: name -> command, and the keys of PROCESS.
        word: what the user calls it, for the messages.

    Returns:
        The same, with every key, and the command as a list of words.

    Raises:
        ValueError: one sentence about the first entry that cannot work.
    """
    entries = _entries(processes, word, PROCESS, ())
    for name, entry in entries.items():
        if name in TAKEN:
            raise ValueError(f"{word} has an entry {name}, which is the server's own; choose another name")
        if entry["singleton"] and entry["instances"] > 1:
            raise ValueError(f"{word}.{name} is a singleton with {entry['instances']} instances; leave one of them out")
        if entry["singleton"] and entry["stop_seconds"] > SINGLETON_STOP:
            raise ValueError(
                f"{word}.{name} says stop_seconds: {entry['stop_seconds']}; of a singleton it must be {SINGLETON_STOP}"
                " or less, because a deploy waits until it has stopped before the next one starts"
            )
    return entries


def schedule_entries(schedules: Any, word: str = "app_schedules") -> dict[str, Group]:
    """Check the commands that a site wants at certain times, and complete them; as `process_entries`.

    Raises:
        ValueError: one sentence about the first entry that cannot work.
    """
    entries = _entries(schedules, word, SCHEDULE, ("on_calendar",))
    for name, entry in entries.items():
        text = entry["on_calendar"]
        try:
            if not isinstance(text, str):
                raise ValueError("it must be text")
            parse_times(text)
        except ValueError as error:
            raise ValueError(f"{word}.{name} says on_calendar: {show(text)}; {error}") from error
    return entries


def _entries(given: Any, word: str, optional: Mapping[str, Any], required: Sequence[str]) -> dict[str, Group]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{word} is {show(given)}; it must be a dictionary; {WHERE}")
    return {str(name): _entry(name, entry, word, optional, ("command", *required)) for name, entry in given.items()}


def _entry(name: Any, entry: Any, word: str, optional: Mapping[str, Any], required: Sequence[str]) -> Group:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        allowed = "1 to 20 small letters and digits, the first a letter"
        raise ValueError(f"{word} has an entry {show(name)}; a name must be {allowed}")
    where = f"{word}.{name}"
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is {show(entry)}; it must be a dictionary with {' and '.join(required)}; {WHERE}")
    known = [*required, *optional]
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
            raise ValueError(f"{where} has the key {show(key)}; {meant}")
    for key in required:
        if key not in entry:
            raise ValueError(f"{where} lacks {key}; {WHERE}")
    for key, (good, allowed) in KINDS.items():
        if key in entry and not good(entry[key]):
            raise ValueError(f"{where} says {key}: {show(entry[key])}; it must be {allowed}")
    return {**optional, **entry, "command": command_words(entry["command"], f"{where} says command")}


def command_words(command: Any, where: str) -> list[str]:
    """Split a command as a shell would, without one; a list is taken as it is.

    Raises:
        ValueError: when there is no command in it, or its program is neither the release's nor an absolute path.
    """
    said = f"{where}: {show(command)}"
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"{said}; a quote in it does not end") from error
    elif isinstance(command, Sequence) and all(isinstance(part, (str, int, float)) for part in command):
        words = [str(part) for part in command]
    else:
        raise ValueError(f"{said}; it must be text or a list of words, such as celery -A config worker")
    if any(CONTROL.search(part) for part in words):
        raise ValueError(f"{said}; it must be one line without control characters")
    if not words or not words[0]:
        raise ValueError(f"{said}; it must name a program, such as celery -A config worker")
    if re.search("[|<>&;`]", "".join(part for part in words if len(part) < 3)):
        raise ValueError(f"{said}; no shell reads it, so put that into a script or a management command")
    if "=" in words[0]:
        raise ValueError(f"{said}; variables go into environment, and the first word is the program")
    if "/" in words[0] and not words[0].startswith("/"):
        raise ValueError(
            f"{said}; the program is manage.py, one that the project's requirements install, or has an absolute path"
        )
    return words


def background_groups(
    processes: Mapping[str, Any],
    schedules: Mapping[str, Any],
    root: str,
    manage: Sequence[str] = ("manage.py",),
    directory: str = "",
) -> list[Group]:
    """Turn processes and schedules into groups of a release, beside those of `server_groups`.

    Args:
        processes: as the site says them.
        schedules: as the site says them.
        root: directory of the releases; `@RELEASE@` stays in the result.
        manage: what Python is told for manage.py.
        directory: where commands start, relative to the source; a rollback, which has no project, reads it here.

    Returns:
        Groups with kind (process or schedule) and without sockets; a schedule has no instances.

    Raises:
        ValueError: one sentence about the first entry that cannot work.
    """
    venv = f"{root}/releases/@RELEASE@/venv"
    groups = []
    for name, entry in process_entries(processes).items():
        group = _group(name, "process", entry, venv, manage)
        group |= {"instances": entry["instances"], "workers": entry["instances"], "singleton": entry["singleton"]}
        group |= {"stop_signal": entry["stop_signal"], "grace": entry["stop_seconds"]}
        group["argv"] = [part.replace("{release}", "@RELEASE@") for part in group["argv"]]
        groups.append(group | {"connections": entry["connections"]})
    for name, entry in schedule_entries(schedules).items():
        group = _group(name, "schedule", entry, venv, manage)
        group |= {"on_calendar": entry["on_calendar"], "catch_up": entry["catch_up"], "connections": 1}
        group["directory"] = directory
        groups.append(group | {"command": entry["command"]})
    return groups


def _group(name: str, kind: str, entry: Mapping[str, Any], venv: str, manage: Sequence[str]) -> Group:
    program, *rest = entry["command"]
    if program == "manage.py":
        argv = [f"{venv}/bin/python", *manage, *rest]
    else:
        argv = [program if program.startswith("/") else f"{venv}/bin/{program}", *rest]
    return {
        "name": name,
        "kind": kind,
        "engine": name,
        "interface": kind,
        "offers": [],
        "instances": 0,
        "workers": 0,
        "tuning": {},
        "socket": "",
        "argv": argv,
        "packages": [],
        "environment": {key: str(value) for key, value in entry["environment"].items()},
        "unit": {},
        "relax": {},
        "stop_signal": "TERM",
        "grace": 60,
        "close_code": 0,
    }


def of_kind(groups: Sequence[Mapping[str, Any]], kind: str) -> list[Group]:
    """Return the groups of a kind: web (the server's own), process or schedule."""
    return [dict(group) for group in groups if group.get("kind", "web") == kind]


def unkept_schedules(schedules: Mapping[str, Any], word: str = "app_schedules") -> list[str]:
    """Return a sentence for each schedule that cron cannot keep."""
    found = []
    for name, entry in schedule_entries(schedules, word).items():
        try:
            cron_times(entry["on_calendar"])
            if entry["catch_up"]:
                found.append(f"{word}.{name} says catch_up: true, and cron makes up for nothing that it missed")
        except ValueError as error:
            found.append(f"{word}.{name} says on_calendar: {show(entry['on_calendar'])}; {error}")
    return found


def cron_line(group: Mapping[str, Any], command: Sequence[str], output: str) -> str:
    """Write a schedule's line of a file in /etc/cron.d; crontab(5) takes % for a line break.

    Args:
        group: of `background_groups`.
        command: the words of the command.
        output: the file that it appends to.
    """
    line = f"{shlex.join(command)} >>{shlex.quote(output)} 2>&1".replace("%", "\\%")
    return f"{cron_times(group['on_calendar'])} root {line}"


def leaving(
    processes: Sequence[Mapping[str, Any]], releases: Sequence[Mapping[str, Any]], stays: str
) -> list[dict[str, Any]]:
    """Return the background processes of every release but one, by release and group.

    Args:
        processes: of `asgiway.django.app_state`.
        releases: of the same; what they say of their groups tells which of them were singletons.
        stays: the release whose processes stay.

    Returns:
        Each with release, name, instances (the highest number) and singleton.
    """
    singletons = {
        (release["id"], group["name"])
        for release in releases
        for group in (release.get("info") or {}).get("groups") or []
        if group.get("singleton")
    }
    found: dict[tuple[str, str], int] = {}
    for process in processes:
        key = (str(process["release"]), str(process["group"]))
        if key[0] not in ("", stays) and key[1] not in TAKEN:
            found[key] = max(found.get(key, 0), int(process["instance"]))
    return [
        {"release": release, "name": name, "instances": number, "singleton": (release, name) in singletons}
        for (release, name), number in sorted(found.items())
    ]
