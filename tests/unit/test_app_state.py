"""What stands on a host: releases, history and processes, and nothing at all on a fresh one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.module_utils import app_state
from ansible_collections.asgiway.django.plugins.modules import app_state as module

RunModule = Callable[..., dict[str, Any]]

A, B, C, D = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "dddddddddddd"

SYSTEMD = f"""\
Id=shop-{A}-asgi@2.service
MainPID=1002
NRestarts=1
ActiveState=active
SubState=running
ActiveEnterTimestampMonotonic=90000000

Id=shop-{A}-asgi@1.service
MainPID=0
NRestarts=5
ActiveState=failed
SubState=failed
ActiveEnterTimestampMonotonic=80000000

Id=shop-redis.service
MainPID=77
NRestarts=0
ActiveState=active
SubState=running
ActiveEnterTimestampMonotonic=1000000

Id=shop-eu-{B}-wsgi@1.service
MainPID=1
ActiveState=active
SubState=running

Id=shop-eu-redis.service
MainPID=1
ActiveState=active
SubState=running
"""

SUPERVISOR = f"""\
nginx                            RUNNING   pid 9, uptime 0:10:00
shop-{A}-asgi:shop-{A}-asgi-1    RUNNING   pid 41, uptime 1 day, 0:01:02
shop-{A}-asgi:shop-{A}-asgi-2    FATAL     Exited too quickly (process log may have details)
shop-{A}-wsgi:1                  BACKOFF   can't find command
shop-{B}-wsgi                    STOPPED   Nov 21 11:00 AM
shop-redis                       RUNNING   pid 7, uptime 0:00:05
shop-eu-{C}-wsgi                 RUNNING   pid 8, uptime 0:00:05
shop-eu-redis:shop-eu-redis      RUNNING   pid 8, uptime 0:00:05
unix:///run/supervisor.sock no such file
"""


@pytest.fixture(autouse=True)
def boot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand for the directory of what starts at boot."""
    boot = tmp_path / "boot"
    boot.mkdir()
    monkeypatch.setattr(app_state, "BOOT", dict.fromkeys(("systemd", "supervisor"), str(boot)))
    return boot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "srv"
    for age, name in enumerate((A, B, C, D)):
        release = root / "releases" / name
        release.mkdir(parents=True)
        if name != C:
            (release / "release.json").write_text(json.dumps({"id": name, "server": "hybrid", "odd": [1]}))
        for path in (release / "release.json", release):
            if path.exists():
                os.utime(path, (1000 - age, 1000 - age))
    (root / "releases" / D / "bad").write_text("gate: GET /healthz\n")
    (root / "releases" / "tmp.x").mkdir()
    (root / "live").symlink_to(f"releases/{A}")
    return root


@pytest.fixture
def read(run_module: RunModule, tmp_path: Path) -> RunModule:
    def run(**options: Any) -> dict[str, Any]:
        silent = {"run": str(tmp_path / "run"), "manager": "supervisor", "supervisorctl": ["/nowhere/supervisorctl"]}
        lock = str(tmp_path / "shop")
        return run_module(module.main, **{"name": "shop", "lock_path": lock, **silent, **options})

    return run


def test_a_fresh_host_is_empty(read: RunModule, tmp_path: Path) -> None:
    result = read(root=str(tmp_path / "srv"))
    expected = {"live": "", "previous": "", "releases": [], "history": [], "processes": [], "runtime": [], "lock": {}}
    assert {key: result[key] for key in expected} == expected
    assert result["changed"] is False


def test_releases_are_read_newest_first(read: RunModule, root: Path) -> None:
    result = read(root=str(root))
    assert result["live"] == A
    releases = {release["id"]: release for release in result["releases"]}
    assert list(releases) == [A, B, C, D]
    assert [release["complete"] for release in releases.values()] == [True, True, False, True]
    assert [release["live"] for release in releases.values()] == [True, False, False, False]
    assert (releases[D]["bad"], releases[D]["bad_reason"]) == (True, "gate: GET /healthz")
    assert releases[A]["info"] == {"id": A, "server": "hybrid", "odd": [1]}
    assert releases[A]["mtime"] == "1970-01-01T00:16:40+00:00"
    assert releases[C]["info"] == {}


def test_the_packages_that_releases_share_are_named(read: RunModule, root: Path) -> None:
    assert read(root=str(root))["venvs"] == []
    for name in ("535c94a45c6e", "0c94a45c6e53", "lost+found"):
        (root / "venvs" / name).mkdir(parents=True)
    assert read(root=str(root))["venvs"] == ["0c94a45c6e53", "535c94a45c6e"]


def test_a_release_json_cut_off_by_a_crash_is_incomplete(read: RunModule, root: Path) -> None:
    (root / "releases" / B / "release.json").write_text('{"id": "bb')
    assert {one["id"]: one["complete"] for one in read(root=str(root))["releases"]}[B] is False


def test_other_apps_say_what_they_take_of_the_database(read: RunModule, root: Path) -> None:
    for name, text in (
        ("blog", '{"connections": 52}'),
        ("cut", '{"conn'),
        ("old", "{}"),
        ("sqlite", '{"connections": 0}'),
    ):
        release = root.parent / name / "releases" / B
        release.mkdir(parents=True)
        (release / "release.json").write_text(text)
        (root.parent / name / "live").symlink_to(f"releases/{B}")
    (root / "releases" / A / "release.json").write_text('{"connections": 7}')
    assert read(root=str(root))["neighbours"] == [{"name": "blog", "connections": 52}]
    assert read(root=str(root.parent / "fresh/srv"))["neighbours"] == []


def test_a_live_link_into_nowhere_is_still_named(read: RunModule, root: Path) -> None:
    (root / "live").unlink()
    (root / "live").symlink_to("releases/eeeeeeeeeeee")
    assert read(root=str(root))["live"] == "eeeeeeeeeeee"


def test_the_history_is_its_last_whole_lines(read: RunModule, root: Path) -> None:
    lines = [json.dumps({"to": f"{number:012x}"}) for number in range(12)]
    (root / "history.jsonl").write_text("\n".join([*lines, '{"to": "cut o']))
    history = read(root=str(root))["history"]
    assert [entry["to"] for entry in history] == [f"{number:012x}" for number in range(2, 12)]


@pytest.mark.parametrize(
    ("switches", "previous"),
    [
        ([], B),  # the newest other one that is complete and not bad
        ([(None, B), (B, A)], B),
        ([(None, C), (C, D), (D, A)], B),  # incomplete and bad ones are passed over
        ([("f" * 12, A)], B),  # retired meanwhile
    ],
)
def test_previous(read: RunModule, root: Path, switches: list[tuple[str | None, str]], previous: str) -> None:
    text = "".join(json.dumps({"from": old, "to": new}) + "\n" for old, new in switches)
    (root / "history.jsonl").write_text(text)
    assert read(root=str(root))["previous"] == previous


def test_a_switch_that_was_not_recorded_shows(read: RunModule, root: Path) -> None:
    assert read(root=str(root))["recorded"] == A  # nothing is known otherwise
    (root / "history.jsonl").write_text(json.dumps({"to": B}) + "\n" + json.dumps({"drained": "x", "cut": 2}) + "\n")
    result = read(root=str(root))
    assert (result["live"], result["recorded"]) == (A, B)
    assert (result["drained"]["cut"], [entry["to"] for entry in result["history"]]) == (2, [B])
    (root / "history.jsonl").write_text(json.dumps({"to": C}) + "\n")  # half a release is none to return to
    assert read(root=str(root))["recorded"] == A


def test_after_a_rollback_the_history_decides_not_the_age() -> None:
    kept: list[dict[str, Any]] = [{"id": id_, "complete": True, "bad": False} for id_ in (C, B, A)]
    history: list[dict[str, Any]] = [{"from": None, "to": B}, {"from": B, "to": A}, {"from": A, "to": C}]
    assert app_state.previous_of(history, kept, C) == A


ROLLBACK: list[dict[str, Any]] = [{"from": B, "to": A, "action": "deploy"}, {"from": A, "to": B, "action": "rollback"}]


@pytest.mark.parametrize(
    ("history", "bad", "live", "standing", "unfinished"),
    [
        (ROLLBACK[:1], {A}, B, set(), B),  # killed between switch and record
        (ROLLBACK[:1], set(), B, set(), ""),  # the same of a deploy
        (ROLLBACK, {A}, B, {A, B}, B),  # killed while what it left still runs
        (ROLLBACK, {A}, B, {B}, ""),
        (ROLLBACK, {A}, A, {A, B}, ""),  # switched on since
        (ROLLBACK[:1], set(), A, {A, B}, ""),  # a deploy that was killed while it drained
        ([], set(), A, {A}, ""),
        ([{"to": A}], set(), A, {A}, ""),
    ],
)
def test_a_rollback_that_was_killed_is_known(
    history: list[dict[str, Any]], bad: set[str], live: str, standing: set[str], unfinished: str
) -> None:
    kept: list[dict[str, Any]] = [{"id": id_, "complete": True, "bad": id_ in bad} for id_ in (A, B)]
    assert app_state.unfinished_of(history, kept, live, standing) == unfinished


def test_no_release_to_go_back_to() -> None:
    only = [{"id": A, "complete": True, "bad": False}]
    assert app_state.previous_of([{"from": None, "to": A}], only, A) == ""


def test_directories_of_sockets_are_listed(read: RunModule, tmp_path: Path) -> None:
    for name in (B, A, "redis"):
        (tmp_path / "run" / name).mkdir(parents=True)
    assert read()["runtime"] == [A, B]


def test_the_lock_is_read(read: RunModule, root: Path, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "info.json").write_text('{"who": "root"}')
    assert read(root=str(root))["lock"] == {"who": "root"}


def test_systemd_units_of_this_app_only() -> None:
    found = app_state.systemd_processes("shop", SYSTEMD, now=1000.0, monotonic=100.0)
    assert [one["unit"] for one in found] == [
        f"shop-{A}-asgi@2.service",
        f"shop-{A}-asgi@1.service",
        "shop-redis.service",
    ]
    assert found[0] == {
        "unit": f"shop-{A}-asgi@2.service",
        "release": A,
        "group": "asgi",
        "instance": 2,
        "active": "active",
        "sub": "running",
        "pid": 1002,
        "since": "1970-01-01T00:16:30+00:00",
        "restarts": 1,
    }
    assert (found[1]["active"], found[1]["since"], found[1]["restarts"]) == ("failed", "", 5)
    assert (found[2]["release"], found[2]["group"]) == ("", "redis")


@pytest.mark.parametrize(("active", "seen"), [("failed", 0), ("inactive", 0), ("active", 1)])
def test_a_unit_without_a_file_counts_only_while_it_runs(active: str, seen: int) -> None:
    gone = f"Id=shop-{A}-asgi@1.service\nLoadState=not-found\nActiveState={active}\nMainPID=0"
    assert len(app_state.systemd_processes("shop", gone, now=1000.0, monotonic=100.0)) == seen


def test_supervisor_programs_of_this_app_only() -> None:
    found = app_state.supervisor_processes("shop", SUPERVISOR, now=100000.0)
    seen = [(one["release"], one["group"], one["instance"], one["active"], one["sub"], one["pid"]) for one in found]
    assert seen == [
        (A, "asgi", 1, "active", "RUNNING", 41),
        (A, "asgi", 2, "failed", "FATAL", 0),
        (A, "wsgi", 1, "activating", "BACKOFF", 0),
        (B, "wsgi", 1, "inactive", "STOPPED", 0),
        ("", "redis", 1, "active", "RUNNING", 7),
    ]
    assert datetime.fromisoformat(found[0]["since"]).timestamp() == 100000 - 86400 - 62


@pytest.mark.parametrize(("manager", "output"), [("systemd", SYSTEMD), ("supervisor", SUPERVISOR)])
def test_one_question_to_the_manager(manager: str, output: str) -> None:
    asked: list[list[str]] = []

    def run(command: list[str]) -> str:
        asked.append(command)
        return output

    found = app_state.processes_of("shop", manager, ["supervisorctl", "-c", "x"], run)
    assert len(asked) == 1
    assert [one["group"] for one in found][:2] == ["redis", "asgi"]


@pytest.mark.parametrize("manager", ["systemd", "supervisor"])
def test_what_would_start_at_the_next_boot_counts(manager: str, boot: Path) -> None:
    """A run that was killed between the entry for the boot and the start."""
    names = {"systemd": [f"shop-{A}-asgi@1.service", f"shop-{A}-asgi@2.service"], "supervisor": [f"shop-{A}-asgi.conf"]}
    for name in [
        *names[manager],
        f"shop-{B}-wsgi@1.service",
        "nginx.conf",
        "shop-redis.conf",
        f"shop-eu-{C}-asgi.conf",
    ]:
        (boot / name).touch()
    known = f"Id=shop-{A}-asgi@1.service\nActiveState=active" if manager == "systemd" else ""
    found = app_state.processes_of("shop", manager, ["supervisorctl"], lambda _: known)
    inactive = [(one["release"], one["group"], one["instance"]) for one in found if one["active"] == "inactive"]
    asgi = 2 if manager == "systemd" else 1
    assert inactive == [(A, "asgi", asgi), (B, "wsgi", 1)]


def test_a_manager_that_stopped_programs_is_read_in_spite_of_its_exit_code(
    read: RunModule, root: Path, tmp_path: Path
) -> None:
    ctl = tmp_path / "supervisorctl"
    ctl.write_text(f"#!/bin/sh\n[ \"$1\" = status ] && echo 'shop-{A}-wsgi  RUNNING  pid 41, uptime 0:00:10'\nexit 3\n")
    ctl.chmod(0o755)
    (process,) = read(root=str(root), supervisorctl=[str(ctl)])["processes"]
    assert (process["pid"], process["release"]) == (41, A)
    assert abs(datetime.fromisoformat(process["since"]).timestamp() - (time.time() - 10)) < 5


@pytest.mark.parametrize(("booted", "manager"), [(True, "systemd"), (False, "supervisor")])
def test_the_manager_is_found(
    read: RunModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, booted: bool, manager: str
) -> None:
    monkeypatch.setattr(app_state, "SYSTEMD_RUNS", str(tmp_path if booted else tmp_path / "no"))
    monkeypatch.setattr(app_state, "processes_of", lambda *_: [])
    assert read(manager="auto")["manager"] == manager


def test_schedules_are_told_with_their_times(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app_state, "UNITS", str(tmp_path))
    asked: list[list[str]] = []

    def run(command: list[str]) -> str:
        asked.append(command)
        return (
            "Id=shop-schedule@cleanup.timer\nActiveState=active\nLastTriggerUSec=Thu 2026-11-26 03:30:00 UTC\n"
            "NextElapseUSecRealtime=n/a\nResult=success\n\nId=shop-schedule@cleanup.service\nResult=exit-code\n"
        )

    assert app_state.schedules_of("shop", "systemd", run) == []
    assert asked == []
    for name in ("shop-schedule@cleanup.timer", "shop-eu-schedule@x.timer", "shop-schedule@cleanup.service"):
        (tmp_path / name).touch()
    assert app_state.schedules_of("shop", "systemd", run) == [
        {
            "name": "cleanup",
            "active": "active",
            "last": "Thu 2026-11-26 03:30:00 UTC",
            "next": "",
            "result": "exit-code",
        }
    ]
    assert asked[0][-2:] == ["shop-schedule@cleanup.timer", "shop-schedule@cleanup.service"]


def test_cron_tells_the_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app_state, "CRON", str(tmp_path / "asgiway-{name}"))
    assert app_state.schedules_of("shop", "supervisor", lambda _: "") == []
    (tmp_path / "asgiway-shop").write_text("# schedule b: daily\n0 0 * * * root x\n# schedule a: hourly\n")
    assert [one["name"] for one in app_state.schedules_of("shop", "supervisor", lambda _: "")] == ["a", "b"]


def test_a_schedule_is_no_process() -> None:
    assert app_state.place("shop", "shop-schedule@cleanup.service") is None
    assert app_state.place("shop", f"shop-{A}-worker@2.service") == {"release": A, "group": "worker", "instance": 2}
