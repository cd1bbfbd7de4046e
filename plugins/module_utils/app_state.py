"""What stands on a host for an app, read without changing anything."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.asgiway.django.plugins.module_utils import managers
from ansible_collections.asgiway.django.plugins.module_utils.managers import Run

SYSTEMD_RUNS = "/run/systemd/system"  # sd_booted(3)
HISTORY = 10
RELEASE = re.compile(r"[0-9a-f]{12}")
# what the start of a release puts there, and its stop takes away
BOOT = {"systemd": "/etc/systemd/system/{name}.target.wants", "supervisor": "/etc/supervisor/conf.d"}
UNITS = "/etc/systemd/system"
CRON = "/etc/cron.d/asgiway-{name}"
PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "MainPID", "NRestarts", "ActiveEnterTimestampMonotonic")
# supervisor's words (supervisord.org/subprocess.html) in systemd's
ACTIVE = {"RUNNING": "active", "STARTING": "activating", "BACKOFF": "activating", "STOPPING": "deactivating"}
FAILED = ("FATAL", "UNKNOWN")


def iso(epoch: float) -> str:
    """Return an instant (seconds since the epoch) in UTC, to the second."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, None when there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def live_of(root: Path) -> str:
    """Return the id that `live` points at."""
    try:
        return (root / "live").readlink().name
    except OSError:
        return ""


def release_of(directory: Path, live: str) -> dict[str, Any]:
    """Return what is known of one release directory."""
    info = read_json(directory / "release.json")
    touched = directory / "release.json" if info is not None else directory
    bad = directory / "bad"
    reason = ""
    if bad.is_file():
        reason = bad.read_text(encoding="utf-8", errors="replace").strip()
    return {
        "id": directory.name,
        "complete": info is not None,
        "live": directory.name == live,
        "bad": bad.exists(),
        "bad_reason": reason,
        "mtime": touched.stat().st_mtime,
        "info": info or {},
    }


def releases_of(root: Path, live: str) -> list[dict[str, Any]]:
    """Return the releases under root, newest first; one that is removed meanwhile is left out."""
    found = []
    directory = root / "releases"
    for path in directory.iterdir() if directory.is_dir() else []:
        if not RELEASE.fullmatch(path.name) or not path.is_dir():
            continue
        try:
            found.append(release_of(path, live))
        except FileNotFoundError:
            continue
    found.sort(key=lambda one: (one["mtime"], one["id"]), reverse=True)
    return [{**one, "mtime": iso(one["mtime"])} for one in found]


def names_in(directory: Path) -> list[str]:
    """Return the names in a directory that look like a release's; those of shared venvs do."""
    found = [path.name for path in directory.iterdir()] if directory.is_dir() else []
    return sorted(name for name in found if RELEASE.fullmatch(name))


def neighbours_of(root: Path) -> list[dict[str, Any]]:
    """Return the apps beside root that use the host's PostgreSQL, with the connections of their live releases."""
    infos = {path.parents[1]: read_json(path) or {} for path in sorted(root.parent.glob("*/live/release.json"))}
    counts = {directory: info.get("connections") for directory, info in infos.items() if directory != root}
    return [
        {"name": path.name, "connections": count} for path, count in counts.items() if isinstance(count, int) and count
    ]


def history_of(root: Path) -> list[dict[str, Any]]:
    """Return the entries of the history; a line cut off by a crash is left out."""
    try:
        lines = (root / "history.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def recorded_of(history: list[dict[str, Any]], releases: list[dict[str, Any]], live: str) -> str:
    """Return the release that the history names last, or the live one."""
    kept = {one["id"] for one in releases if one["complete"]}
    return str(history[-1]["to"]) if history and history[-1]["to"] in kept else live


def previous_of(history: list[dict[str, Any]], releases: list[dict[str, Any]], live: str) -> str:
    """Return the release to go back to: the last other one in the history, otherwise the newest other one."""
    good = [one["id"] for one in releases if one["complete"] and not one["bad"] and one["id"] != live]
    ids = [str(entry.get(key, "")) for entry in reversed(history) for key in ("to", "from")]
    return next((id_ for id_ in ids if id_ in good), good[0] if good else "")


def unfinished_of(history: list[dict[str, Any]], releases: list[dict[str, Any]], live: str, standing: set[str]) -> str:
    """Return the live release when a rollback to it was killed after its switch, and '' otherwise.

    standing holds the releases that have processes or sockets.
    """
    recorded = recorded_of(history, releases, live)
    if recorded != live:  # a rollback marks what it leaves before it switches; a deploy does not
        return live if recorded in {one["id"] for one in releases if one["bad"]} else ""
    last = history[-1] if history else {}
    rolled_back = last.get("action") == "rollback" and last.get("to") == live
    return live if rolled_back and last.get("from") in standing else ""


def place(name: str, unit: str) -> dict[str, Any] | None:
    """Say which release, group and instance a unit or program of the app is; None for somebody else's.

    unit is NAME-ID-GROUP@N.service, NAME-ID-GROUP:PROCESS (supervisor) or NAME-SERVICE(.service).
    """
    plain = unit.removesuffix(".service")
    if not plain.startswith(f"{name}-"):
        return None
    rest = plain[len(name) + 1 :]
    found = re.fullmatch(r"([0-9a-f]{12})-([a-z][a-z0-9]*)(?:@(\d+)|:(.*))?", rest)
    if found:
        number = found[3] or "".join(re.findall(r"(\d+)$", found[4] or ""))
        return {"release": found[1], "group": found[2], "instance": int(number or 1)}
    # the app `shop` has no say in the units of an app `shop-eu`
    service = re.fullmatch(r"([a-z][a-z0-9]*)(?::\1)?", rest)
    return {"release": "", "group": service[1], "instance": 1} if service else None


def systemd_processes(name: str, output: str, now: float, monotonic: float) -> list[dict[str, Any]]:
    """Read `systemctl show`; now and monotonic are both clocks in seconds."""
    found = []
    for unit, values in managers.units(output).items():
        where = place(name, unit) if unit.endswith(".service") else None
        if where is None:
            continue
        active = values.get("ActiveState", "")
        # systemd remembers a unit that failed beyond its file; nothing can be done with it by its name
        if values.get("LoadState") == "not-found" and active in ("inactive", "failed"):
            continue
        entered = int(values.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        found.append(
            {
                "unit": unit,
                **where,
                "active": active,
                "sub": values.get("SubState", ""),
                "pid": int(values.get("MainPID") or 0),
                "since": iso(now - monotonic + entered) if entered and active == "active" else "",
                "restarts": int(values.get("NRestarts") or 0),
            }
        )
    return found


def supervisor_processes(name: str, output: str, now: float) -> list[dict[str, Any]]:
    """Read `supervisorctl status`; now in seconds since the epoch. Supervisor does not count restarts."""
    found = []
    for program, said in managers.programs(output).items():
        where = place(name, program)
        if where is None:
            continue
        state = said.split()[0]
        pid, seconds = managers.uptime(said)
        active = "failed" if state in FAILED else ACTIVE.get(state, "inactive")
        unit = {"unit": program, **where, "active": active, "sub": state}
        found.append({**unit, "pid": pid, "since": iso(now - seconds) if pid else "", "restarts": 0})
    return found


def schedules_of(name: str, manager: str, run: Run) -> list[dict[str, Any]]:
    """Return the schedules that stand; under systemd with what it knows of their timers."""
    nothing = {"active": "", "last": "", "next": "", "result": ""}
    if manager != "systemd":
        try:
            found = re.findall(r"^# schedule (\w+):", Path(CRON.format(name=name)).read_text(), re.MULTILINE)
        except OSError:
            found = []
        return [{"name": one, **nothing} for one in sorted(found)]
    files = sorted(Path(UNITS).glob(f"{name}-schedule@*.timer"))
    if not files:
        return []
    wanted = "Id,ActiveState,LastTriggerUSec,NextElapseUSecRealtime,Result"
    units = [unit for file in files for unit in (file.name, file.name.replace(".timer", ".service"))]
    told = managers.units(run(["systemctl", "show", f"--property={wanted}", *units]))
    schedules = []
    for file in files:
        timer, service = told.get(file.name, {}), told.get(file.name.replace(".timer", ".service"), {})
        last, following = (
            timer.get(key, "").replace("n/a", "") for key in ("LastTriggerUSec", "NextElapseUSecRealtime")
        )
        schedules.append(
            {
                "name": file.name.split("@")[1].removesuffix(".timer"),
                "active": timer.get("ActiveState", ""),
                "last": last,
                "next": following,
                "result": service.get("Result", "") if last else "",
            }
        )
    return schedules


def for_boot(name: str, manager: str) -> list[str]:
    """Return the units or programs that would start at the next boot; a killed run may have come no further."""
    try:
        return sorted(path.name.removesuffix(".conf") for path in Path(BOOT[manager].format(name=name)).iterdir())
    except OSError:
        return []


def processes_of(name: str, manager: str, supervisorctl: Sequence[str], run: Run) -> list[dict[str, Any]]:
    """Ask the process manager once, and add what it has not heard of yet."""
    if manager == "systemd":
        output = run(["systemctl", "show", "--all", f"--property={','.join(PROPERTIES)}", f"{name}-*.service"])
        found = systemd_processes(name, output, time.time(), time.clock_gettime(time.CLOCK_MONOTONIC))
    else:
        found = supervisor_processes(name, run([*supervisorctl, "status"]), time.time())
    known = {(one["release"], one["group"], one["instance"]) for one in found}
    for unit in for_boot(name, manager):
        where = place(name, unit)
        if where and where["release"] and tuple(where.values()) not in known:
            found.append({"unit": unit, **where, "active": "inactive", "sub": "", "pid": 0, "since": "", "restarts": 0})
    return sorted(found, key=lambda one: (one["release"], one["group"], one["instance"]))


def read(
    name: str,
    manager: str,
    run: Run,
    *,
    root: str | None = None,
    run_dir: str | None = None,
    lock: str | None = None,
    supervisorctl: Sequence[str] = ("supervisorctl",),
) -> dict[str, Any]:
    """Return what the module app_state documents; `manager` is systemd, supervisor or auto.

    Raises:
        OSError: releases are there and cannot be read.
    """
    home, runs = Path(root or f"/srv/{name}"), Path(run_dir or f"/run/{name}")
    if manager == "auto":
        manager = "systemd" if Path(SYSTEMD_RUNS).is_dir() else "supervisor"
    live = live_of(home)
    releases = releases_of(home, live)
    history = history_of(home)
    switches = [entry for entry in history if "to" in entry]
    runtime = names_in(runs)
    processes = processes_of(name, manager, supervisorctl, run)
    return {
        "live": live,
        "recorded": recorded_of(switches, releases, live),
        "unfinished": unfinished_of(switches, releases, live, {*runtime, *(str(one["release"]) for one in processes)}),
        "previous": previous_of(switches, releases, live),
        "releases": releases,
        "history": switches[-HISTORY:],
        "drained": next((entry for entry in reversed(history) if "drained" in entry), {}),
        "schedules": schedules_of(name, manager, run),
        "runtime": runtime,
        "processes": processes,
        "venvs": names_in(home / "venvs"),
        "neighbours": neighbours_of(home),
        "lock": read_json(Path(lock or f"/run/asgiway/{name}") / "info.json") or {},
        "manager": manager,
    }
