"""From the registry of engines to processes: pure functions, used by the filters of the same names."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.background import TAKEN

Group = dict[str, Any]

# Half of the memory, because two releases run side by side while one replaces the other; a Django process of middling
# size takes 100 MiB (the sample's 28 to 54, docs/servers.md).
MEMORY_SHARE = 0.5
PROCESS_MIB = 100


def server_groups(
    server: str,
    engines: Mapping[str, Mapping[str, Any]],
    aliases: Mapping[str, str],
    *,
    tuning: Mapping[str, Mapping[str, Any]],
    host: Mapping[str, int],
    values: Mapping[str, Any],
) -> list[Group]:
    """Expand a server word into its groups of processes.

    Args:
        server: an engine, `A+B` (A answers HTTP under WSGI, B the WebSockets and async routes under ASGI) or an alias.
        engines: the registry.
        aliases: other names of compositions.
        tuning: what the site says, by interface: workers, args, and the numbers of the entries' `tuning`; empty or 0
            where it says nothing.
        host: cores, memory (MiB), slots (socket names that there are).
        values: what fills the remaining placeholders of argv: venv, wsgi, asgi, runtime (directory of the sockets),
            websocket_timeout (seconds). `{instance}` stays in the result, for the process manager to fill.

    Returns:
        One group per engine, in the order of the word, with name (wsgi or asgi), engine, interface, offers
        (which of http, async, ws it answers), instances, workers, tuning (the numbers in force), argv, packages,
        environment, unit, relax, stop_signal and grace (seconds).

    Raises:
        ValueError: when the word names no such server.
    """
    names = aliases.get(server, server).split("+")
    missing = [name for name in names if name not in engines]
    if missing:
        raise ValueError(f"{missing[0]} is not a server. One of: {', '.join(sorted([*engines, *aliases]))}")
    return [_group(name, engines[name], len(names), tuning[engines[name]["interface"]], host, values) for name in names]


def _group(
    name: str,
    engine: Mapping[str, Any],
    groups: int,
    said: Mapping[str, Any],
    host: Mapping[str, int],
    values: Mapping[str, Any],
) -> Group:
    interface = str(engine["interface"])
    forks = engine["scale"] == "workers"
    if groups > 1:
        offers = ["http"] if interface == "wsgi" else ["async", "ws"]
    else:
        offers = ["http", "async"] + (["ws"] if interface == "asgi" else [])
    defaults = dict(engine["tuning"])
    per_core = int(defaults.pop("workers_per_core", 1))
    workers = int(said.get("workers") or 0) or default_workers(per_core, groups, host)
    numbers = {key: int(said.get(key) or default) for key, default in defaults.items()}
    placeholders = {
        **values,
        **numbers,
        "app": values[interface],
        "socket": f"{values['runtime']}/{interface}-{{instance}}.sock",
        "workers": workers if forks else 1,
        "grace": engine["grace"],
    }
    return {
        "name": interface,
        "engine": name,
        "interface": interface,
        "offers": offers,
        "instances": 1 if forks else workers,
        "workers": workers,
        "tuning": numbers,
        "socket": placeholders["socket"],
        "argv": _command(engine["argv"], placeholders, [str(part) for part in said.get("args") or []]),
        "packages": list(engine["packages"]),
        "environment": dict(engine["environment"]),
        "unit": dict(engine["unit"]),
        "relax": dict(engine["relax"]),
        "stop_signal": str(engine["stop_signal"]),
        "grace": int(engine["grace"]),
        "close_code": int(engine["close_code"]),
    }


def default_workers(per_core: int, groups: int, host: Mapping[str, int]) -> int:
    """Return how many processes an engine gets: by cores, at least 2, and no more than fit into memory and slots."""
    wanted = max(2, host["cores"] * per_core)
    fit = int(host["memory"] * MEMORY_SHARE) // (PROCESS_MIB * groups)
    return max(1, min(wanted, fit, host["slots"]))


def _command(argv: Sequence[Any], placeholders: Mapping[str, Any], own: Sequence[str]) -> list[str]:
    """Fill the placeholders; the site's own arguments stand where {args} is, as they are, or else at the end."""
    parts = [str(part) for part in argv]
    at = parts.index("{args}") if "{args}" in parts else len(parts)
    before, after = parts[:at], parts[at + 1 :]
    return [_fill(part, placeholders) for part in before] + list(own) + [_fill(part, placeholders) for part in after]


def _fill(text: str, placeholders: Mapping[str, Any]) -> str:
    """Replace {name}s; plain replacement, because an argv may hold braces of its own."""
    for key, value in placeholders.items():
        text = text.replace("{" + key + "}", str(value))
    return text


def command_line(argv: Sequence[str], manager: str) -> str:
    """Write argv as a process manager reads it.

    systemd expands % specifiers and $ variables and splits like a shell (systemd.service(5), "Command lines");
    supervisor expands %(name)s and splits with shlex. `{instance}` becomes the number of the process.

    Raises:
        ValueError: for a manager other than systemd or supervisor, and for a line break under supervisor.
    """
    if manager == "systemd":
        return " ".join(_systemd_word(part) for part in argv).replace("{instance}", "%i")
    if manager == "supervisor":
        if any("\n" in part for part in argv):
            raise ValueError("supervisor cannot pass an argument with a line break")
        line = shlex.join(part.replace("%", "%%") for part in argv).replace("{instance}", "%(process_num)d")
        # its parser takes ; and # after a blank for a comment even inside of quotes, so these end and begin again
        return re.sub(r"(\s)(?=[;#])", r"\1''", line)
    raise ValueError(f"{manager} is not a process manager. One of: systemd, supervisor")


def _systemd_word(word: str) -> str:
    word = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if word and not set(word) & set(" \t\n'\";"):
        return word
    return '"' + word.replace('"', '\\"').replace("\n", "\\n") + '"'


def env_file(values: Mapping[str, Any]) -> str:
    r"""Write KEY="value" lines that systemd's EnvironmentFile= and sh's `.` read alike.

    Both take a backslash before one of " \\ $ ` inside double quotes (systemd.exec(5), POSIX sh 2.2.3).
    """
    lines = []
    for key, value in sorted(values.items()):
        text = str(value)
        for special in '\\"$`':
            text = text.replace(special, "\\" + special)
        lines.append(f'{key}="{text}"\n')
    return "".join(lines)


def group_sockets(groups: Sequence[Group], release: str, offer: str = "") -> list[str]:
    """Return the socket paths of all processes that have one, or of those that offer http, async or ws."""
    return [
        group["socket"].replace("{instance}", str(number)).replace("@RELEASE@", release)
        for group in groups
        if group["socket"] and (not offer or offer in group["offers"])
        for number in range(1, group["instances"] + 1)
    ]


def units(groups: Sequence[Group], app: str, release: str) -> list[str]:
    """Return the name of the systemd unit of each process of a release, numbers from 1."""
    return [
        f"{app}-{release}-{group['name']}@{number}.service"
        for group in groups
        for number in range(1, group["instances"] + 1)
    ]


def process_groups(processes: Sequence[Mapping[str, Any]], app: str, release: str) -> list[Group]:
    """Return the groups of a release as far as its processes on a host tell them (see asgiway.django.app_state)."""
    numbers: dict[str, list[int]] = {}
    for process in processes:
        if process["release"] == release:
            numbers.setdefault(str(process["group"]), []).append(int(process["instance"]))
    return [
        {
            "name": name,
            "kind": "web" if name in TAKEN else "process",
            "instances": max(found),
            "offers": [],
            "socket": f"/run/{app}/{release}/{name}-{{instance}}.sock" if name in TAKEN else "",
        }
        for name, found in sorted(numbers.items())
    ]


def socket_links(groups: Sequence[Group], release: str, slots: int) -> list[dict[str, str]]:
    """Spread the processes over the fixed names that nginx knows.

    Returns:
        One {name: "http/1.sock", target: "/run/..."} per name; ws/ is absent when nothing speaks WebSocket.

    Raises:
        ValueError: when there are more processes than names.
    """
    links = []
    for offer in ("http", "async", "ws"):
        sockets = group_sockets(groups, release, offer)
        if len(sockets) > slots:
            raise ValueError(f"{len(sockets)} processes do not fit into {slots} socket names; lower workers")
        if sockets:
            links += [
                {"name": f"{offer}/{slot + 1}.sock", "target": sockets[slot % len(sockets)]} for slot in range(slots)
            ]
    return links


def release_id(*parts: Any) -> str:
    """Return the first 12 hex digits of the SHA-256 of whatever would make the running site differ."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def retired(releases: Sequence[Mapping[str, Any]], keep: int, protected: Sequence[str], made: str) -> list[str]:
    """Return the ids of the releases to remove: half-made ones, and all but the newest `keep`; never a protected one.

    Args:
        releases: each with id, complete and mtime (ISO 8601 in UTC, which sorts as text).
        keep: how many stay, with the one that this run made.
        protected: ids that stay whatever their age (the live one and its predecessor).
        made: the release that this run deploys; releases does not hold it when it was built after they were read.
    """
    newest = sorted(releases, key=lambda release: str(release["mtime"]), reverse=True)
    whole = [release["id"] for release in newest if release["complete"]]
    stay = {*whole[: keep if made in whole else keep - 1], *protected}
    return [str(release["id"]) for release in newest if release["id"] not in stay]


def cause(result: Mapping[str, Any], lines: int = 15) -> str:
    """Return what a person needs of a failed task's result: its message, or the last lines that the command printed.

    Args:
        result: the task's result (ansible_failed_result).
        lines: how many of the last lines of stderr, or of stdout when stderr is empty.
    """
    for item in result.get("results") or []:  # a loop's own message says only that some item failed
        if item.get("failed"):
            return cause(item, lines)
    message = str(result.get("msg") or "")
    printed = str(result.get("stderr") or result.get("stdout") or "")
    tail = [line for line in printed.splitlines() if line.strip() and "<frozen " not in line][-lines:]
    if tail and message == "non-zero return code":
        message = ""
    return "\n".join([message, *tail]).strip() or "no cause was given"


def database_connections(groups: Sequence[Mapping[str, Any]], pool: int) -> int:
    """Return how many connections to a database the processes of a release may have at a time.

    A thread of a WSGI engine has one of its own; a process of an ASGI engine shares a pool among its requests; of
    another process nobody knows but who says so.

    Args:
        groups: of `server_groups` and `background_groups`; a schedule counts as one.
        pool: connections of one ASGI process.
    """

    def of_one(group: Mapping[str, Any]) -> int:
        if "connections" in group:
            return int(group["connections"])
        return int(pool) if group["interface"] == "asgi" else int(group["tuning"].get("threads") or 1)

    return sum(max(int(group["workers"]), group.get("kind") == "schedule") * of_one(group) for group in groups)
