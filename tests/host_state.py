"""What stands and runs of an app on a host, as JSON: python3 - APP < host_state.py.

Only the standard library, nothing of the kit: it is the second opinion on what the kit leaves behind.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RELEASE = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])")
TEMPORARY = re.compile(r"^\.ansible_tmp|^\.[^/]+\.[0-9a-z]{4,}$|\.(tmp|new|part)$|^\.source|^\.live")
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def output(*argv: str) -> str:
    """Return what a command prints, '' where it is not installed."""
    if not shutil.which(argv[0]):
        return ""
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def names(directory: str) -> list[str]:
    """Return a directory's sorted names, none where there is no directory."""
    path = Path(directory)
    return sorted(child.name for child in path.iterdir()) if path.is_dir() else []


def read_json(path: Path) -> Any:
    """Return a JSON file's content, None where it cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def releases(app: str) -> dict[str, dict[str, Any]]:
    """Return the release directories: complete (with the id in it), bad, the name of the venv that it shares or ''."""
    root = Path(f"/srv/{app}/releases")
    return {
        name: {
            "complete": (read_json(root / name / "release.json") or {}).get("id") == name,
            "bad": (root / name / "bad").exists(),
            "venv": Path(os.path.realpath(root / name / "venv")).name.removeprefix("venv"),
        }
        for name in names(str(root))
    }


def history(app: str) -> list[dict[str, Any]]:
    """Return the last switches of the history; a line that is no JSON shows as {}."""
    path = Path(f"/srv/{app}/history.jsonl")
    lines = path.read_text().splitlines()[-20:] if path.exists() else []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            entries.append({})
    return [entry for entry in entries if "to" in entry or not entry]


def started(pid: int) -> float:
    """Return when a process started, in seconds since the epoch (field 22 of /proc/PID/stat)."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / CLOCK_TICKS


def processes() -> Iterator[tuple[int, str]]:
    """Yield id and command line of every process."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                yield int(path.name), (path / "cmdline").read_text().replace("\0", " ").strip()
            except OSError:  # ended meanwhile
                continue


def running(app: str) -> dict[str, list[str]]:
    """Return the command lines of what runs out of each release: its server, but also a build that goes on."""
    found: dict[str, list[str]] = {}
    for pid, command in processes():
        try:
            where = f"{command} {Path(f'/proc/{pid}/cwd').readlink()} {Path(f'/proc/{pid}/exe').readlink()}"
        except OSError:
            where = command
        for release in set(re.findall(rf"/srv/{app}/releases/([0-9a-f]{{12}})", where)):
            found.setdefault(release, []).append(command[:150])
    return found


def systemd_units(app: str) -> list[dict[str, str]]:
    """Return every unit of the app that systemd has in memory, failed and forgotten ones too."""
    listed = output("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", f"{app}-*", f"{app}.target")
    found = []
    for line in listed.splitlines():
        unit, load, active = line.split()[:3]
        shown = output("systemctl", "show", "--property=NeedDaemonReload,ActiveEnterTimestampMonotonic,MainPID", unit)
        values = dict(pair.split("=", 1) for pair in shown.splitlines() if "=" in pair)
        stale = values.get("NeedDaemonReload", "no")
        found.append({"unit": unit, "load": load, "active": active, "stale": stale, "pid": values.get("MainPID", "0")})
    return found


def programs(app: str) -> list[dict[str, str]]:
    """Return supervisor's programs of the app."""
    lines = (line.split() for line in output("supervisorctl", "status").splitlines())
    return [{"unit": words[0], "active": words[1]} for words in lines if words and words[0].startswith(f"{app}-")]


def definitions(app: str) -> list[str]:
    """Return the paths of unit files, wanted units and supervisor's programs that carry a release's id."""
    folders = ["/etc/systemd/system", f"/etc/systemd/system/{app}.target.wants", "/etc/supervisor/conf.d"]
    found = [f"{folder}/{name}" for folder in folders for name in names(folder)]
    return [path for path in found if Path(path).name.startswith(f"{app}-") and RELEASE.search(Path(path).name)]


def sockets(app: str) -> dict[str, dict[str, Any]]:
    """Return what is in each release's runtime directory, and which of its sockets nobody listens on."""
    table = Path("/proc/net/unix").read_text().splitlines()
    listening = {line.split(maxsplit=7)[7] for line in table if "/run/" in line}
    found = {}
    for release in names(f"/run/{app}"):
        here = names(f"/run/{app}/{release}")
        dead = [name for name in here if name.endswith(".sock") and f"/run/{app}/{release}/{name}" not in listening]
        found[release] = {"names": here, "dead": dead}
    return found


def locks(app: str) -> list[str]:
    """Return the app's locks; a file for flock(2) is one only as long as somebody holds it."""
    found = []
    for name in names("/run/asgiway"):
        path = Path("/run/asgiway") / name
        if name.lstrip(".").split(".")[0] != app:
            continue
        if path.is_file():
            with path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(name)
        else:
            found.append(name)
    return found


def temporary(app: str) -> list[str]:
    """Return leftovers of interrupted writes, by their names."""
    folders = [f"{parent}/{app}" for parent in ("/srv", "/run", "/etc/asgiway", "/var/log")]
    folders += ["/etc/nginx", "/etc/nginx/sites-available", "/etc/nginx/sites-enabled", "/etc/redis"]
    folders += ["/etc/systemd/system", "/etc/supervisor/conf.d"]
    found = [f"{folder}/{name}" for folder in folders for name in names(folder) if TEMPORARY.search(name)]
    static = Path(f"/srv/{app}/static")
    return found + [str(path) for path in static.rglob(".*") if path.is_file()]


def behind(app: str) -> list[str]:
    """Return the files that are newer than the service that should have read them."""
    nginx = [Path(name) for name in re.findall(r"^# configuration file (.*):$", output("nginx", "-T"), re.MULTILINE)]
    enabled = [Path("/etc/nginx/sites-enabled") / name for name in names("/etc/nginx/sites-enabled")]
    workers = [pid for pid, command in processes() if command == "nginx: worker process"]
    redis = [pid for pid, command in processes() if re.match(rf"/usr/bin/redis-server .*/{app}-redis/", command)]
    own = [Path(f"/etc/redis/{app}-redis.{kind}") for kind in ("conf", "acl")]
    found = []
    for what, pids, files in (("nginx", workers, nginx + enabled), ("redis", redis, own)):
        since = max((started(pid) for pid in pids), default=0.0)
        newer = [str(path) for path in files if path.exists() and path.lstat().st_mtime > since + 0.05]
        found += [f"{what} does not run" for _ in [0] if not pids and any(path.exists() for path in files)]
        found += [f"{what} has not read {path}" for path in newer if pids]
    return found


def mentions(app: str) -> dict[str, list[str]]:
    """Return, by release id, the paths that carry it in their names, outside of the releases themselves."""
    found: dict[str, list[str]] = {}
    for top in ("/etc", "/run", "/srv", "/opt/asgiway", "/var/lib", "/var/log", "/var/cache", "/tmp", "/var/tmp"):
        for folder, folders, files in os.walk(top):
            if folder in (f"/srv/{app}/releases", "/var/cache/asgiway/uv", "/run/systemd", "/var/lib/dpkg"):
                if folder == f"/srv/{app}/releases":
                    for name in folders:
                        found.setdefault(name, []).append(f"{folder}/{name}")
                folders.clear()
                continue
            for name in (*folders, *files):
                if app in f"{folder}/{name}" and (ids := RELEASE.findall(name)):
                    found.setdefault(ids[0], []).append(f"{folder}/{name}")
    return found


def main(app: str) -> None:
    """Print it all."""
    live = Path(f"/srv/{app}/live")
    json.dump(
        {
            "live": live.readlink().name if live.is_symlink() else "",
            "releases": releases(app),
            "venvs": names(f"/srv/{app}/venvs"),
            "history": history(app),
            "running": running(app),
            "units": systemd_units(app),
            "programs": programs(app),
            "definitions": definitions(app),
            "sockets": sockets(app),
            "locks": locks(app),
            "temporary": temporary(app),
            "behind": behind(app),
            "failed_logs": [name for name in names(f"/var/log/{app}") if name.startswith("failed-")],
            "mentions": mentions(app),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(sys.argv[1])
