"""What processes cost: CPU time and memory, from /proc. Works the same under every process manager.

Each compared site has a user of its own, so all processes of that user are its server. nginx and Redis are known by
name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROC = Path("/proc")
TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds
SHARED = {"nginx": "nginx", "redis": "redis-server"}  # what all sites use: in the figures -> name of the process
# proc_pid_stat(5), counted behind the name: utime, stime, and those of children that have ended
TIMES = slice(11, 15)
CALM = 0.05  # of one core
LOOK_EVERY = 0.3  # seconds


def _processes(proc: Path) -> Iterator[tuple[Path, str, int, float]]:
    """Yield directory, name, user and CPU seconds of each process; one that ends meanwhile is left out."""
    for directory in proc.iterdir():
        if not directory.name.isdigit():
            continue
        try:
            head, _, rest = (directory / "stat").read_text().rpartition(")")
            status = (directory / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        user = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Uid:"))
        seconds = sum(map(int, rest.split()[TIMES])) * TICK
        yield directory, head.partition("(")[2], user, seconds


def cpu(user: int, proc: Path = PROC) -> dict[str, float]:
    """Return the CPU seconds that were used so far: `server` of the user's processes, nginx, redis."""
    used = dict.fromkeys(["server", *SHARED], 0.0)
    names = {process: part for part, process in SHARED.items()}
    for _, name, owner, seconds in _processes(proc):
        if owner == user:
            used["server"] += seconds
        elif name in names:
            used[names[name]] += seconds
    return used


def since(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """Return what was used between two looks; a process that ended meanwhile may not count below nothing."""
    return {part: max(0.0, now[part] - before[part]) for part in before}


def memory(user: int, proc: Path = PROC) -> int:
    """Return the bytes of all processes of a user, with what they share counted once among them (PSS)."""
    total = 0
    for directory, _, owner, _ in _processes(proc):
        if owner == user:
            try:
                rollup = (directory / "smaps_rollup").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def wait_for_calm(user: int, seconds: float, look: Callable[[int], dict[str, float]] = cpu) -> bool:
    """Wait until the server's processes do next to nothing: all of them have started. False when that never came."""
    end = time.monotonic() + seconds
    before = look(user)["server"]
    while time.monotonic() < end:
        time.sleep(LOOK_EVERY)
        now = look(user)["server"]
        if now - before <= CALM * LOOK_EVERY:
            return True
        before = now
    return False
