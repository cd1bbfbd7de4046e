"""Pretended process managers: what they are told, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.asgiway.django.plugins.module_utils import processes

OLD, NEW = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def unit(release: str, name: str, number: int = 1) -> str:
    return f"shop-{release}-{name}@{number}.service"


class FakeSystemd:
    """Knows systemctl's verbs; what `dies` is started again for ever, and what is `busy` does not stop at once."""

    def __init__(self, wants: Path) -> None:
        self.wants = wants
        self.active: dict[str, str] = {}
        self.since: dict[str, float] = {}
        self.dies: set[str] = set()
        self.ends: set[str] = set()
        self.busy: set[str] = set()
        self.jobs: set[str] = set()
        self.unread: set[str] = set()
        self.calls: list[str] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        program, verb, *rest = command
        names = [word for word in rest if not word.startswith("-")]
        if program == "journalctl":
            return 0, "ImportError: no module named tasks\n"
        if verb == "show":
            return 0, "\n".join(self._shown(name) for name in names)
        if verb == "list-jobs":
            return 0, "".join(f"12 {name} start waiting\n" for name in self.jobs)
        self.calls.append(" ".join([verb, *rest]))
        if verb == "daemon-reload":
            self.unread.clear()
        for name in names:
            getattr(self, f"_{verb}")(name, "--no-block" in rest)
        return 0, ""

    def _shown(self, name: str) -> str:
        active = self.active.get(name, "inactive")
        sub = "auto-restart" if name in self.dies and active == "activating" else "running"
        since = int(self.since.get(name, 0) * 1e6)
        unread = "yes" if name in self.unread else "no"
        return (
            f"Id={name}\nActiveState={active}\nSubState={sub}\nActiveEnterTimestampMonotonic={since}\n"
            f"NeedDaemonReload={unread}\n"
        )

    def _start(self, name: str, no_block: bool) -> None:
        if self.active.get(name) == "deactivating":
            assert no_block, "a start would wait for the whole stop"
            self.jobs.add(name)
            return
        self.active[name] = "activating" if name in self.dies else "inactive" if name in self.ends else "active"
        self.since[name] = time.clock_gettime(time.CLOCK_MONOTONIC)

    def _stop(self, name: str, no_block: bool) -> None:
        self.jobs.discard(name)
        self.active[name] = "deactivating" if name in self.busy and no_block else "inactive"

    def _enable(self, name: str, _: bool) -> None:
        wants = self.wants if name.endswith(".service") else self.wants.with_name("multi-user.target.wants")
        wants.mkdir(exist_ok=True)
        (wants / name).symlink_to("/dev/null")

    def _disable(self, name: str, _: bool) -> None:
        (self.wants / name).unlink()


def pretended_systemd(directory: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    """Return one whose units are in a directory."""
    monkeypatch.setattr(processes, "UNITS", directory)
    monkeypatch.setattr(processes, "POLL", 0.01)
    wants = directory / "shop.target.wants"
    wants.mkdir()
    return FakeSystemd(wants)


class FakeSupervisor:
    """Knows supervisorctl's verbs."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.busy: set[str] = set()
        self.stuck: set[str] = set()  # in their state, whatever they are told
        self.calls: list[str] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        if command[0] == "tail":
            return 0, "ImportError\n"
        verb, *rest = command[1:]
        if verb == "status":
            return 0, "".join(f"{name}   {state}\n" for name, state in self.status.items())
        self.calls.append(" ".join([verb, *rest]))
        group = rest[0].split(":")[0] if rest else ""
        mine = [name for name in self.status if name.startswith(f"{group}:")]
        if verb == "add":
            self.status[f"{group}:{group}-1"] = "STOPPED"
        elif verb == "start":
            self.status |= dict.fromkeys(mine, "RUNNING   pid 1, uptime 0:00:09")
        elif verb == "stop":
            free = [name for name in mine if name not in self.stuck]
            self.status |= {name: "STOPPING" if name in self.busy else "STOPPED" for name in free}
        elif verb == "remove":
            self.status = {name: state for name, state in self.status.items() if name not in mine}
        return 0, ""
