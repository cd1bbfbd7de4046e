"""The rendered units: systemd reads them, and they keep the rules that systemd itself does not check."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import tools
from rendering import ENGINES, RELEASE, SECRET, WORDS, Rendered

Unit = dict[str, dict[str, list[str]]]

PROGRAM = re.compile(r"^Exec\w+=[-@:+!]*(/\S+)", re.MULTILINE)


def read(text: str) -> Unit:
    """Return section -> key -> values of a unit file."""
    unit: Unit = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            unit[section][key].append(value)
    return unit


def processes(units: Rendered) -> list[tuple[dict[str, object], Unit]]:
    """Return each group with its unit."""
    assert [group["name"] for group in units.groups] == list(units.processes)
    return [(group, read(units.processes[group["name"]])) for group in units.groups]


@pytest.fixture(scope="session")
def system_units() -> Path:
    """The units that every systemd brings along, which ours name."""
    return next(path for path in (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system")) if path.is_dir())


def test_systemd_accepts_the_units(units: Rendered, system_units: Path, tmp_path: Path) -> None:
    etc = tmp_path / "etc/systemd/system"
    shutil.copytree(system_units, tmp_path / "usr/lib/systemd/system", symlinks=True)
    etc.mkdir(parents=True)
    (etc / "shop.target").write_text(units.files["app_server/app.target.j2"])
    (etc / "asgiway-shop.slice").write_text(units.files["app_server/app.slice.j2"])
    (etc / "shop-redis.service").write_text(units.files["redis/redis.service.j2"])
    for name, text in units.processes.items():
        (etc / f"shop-{RELEASE}-{name}@.service").write_text(text)
    (etc / "asgiway-firewall.service").write_text(units.files["firewall/firewall.service.j2"])
    names = ["shop.target", "asgiway-shop.slice", "shop-redis.service", "asgiway-firewall.service"]
    for name in units.units:
        (etc / name).symlink_to(re.sub(r"@\d+", "@", name))
        names.append(name)
    for text in [
        *units.processes.values(),
        units.files["redis/redis.service.j2"],
        units.files["firewall/firewall.service.j2"],
    ]:
        for program in PROGRAM.findall(text):
            path = tmp_path / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
    done = subprocess.run(
        [tools.systemd_analyze(), "verify", "--man=no", f"--root={tmp_path}", *names], capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if "shop" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


def test_three_workers_are_three_processes(units: Rendered) -> None:
    for group, unit in processes(units):
        (command,) = unit["Service"]["ExecStart"]
        forked = re.search(r"--(?:workers|processes)[= ]([1-9]\d*)", command)
        started = sum(f"-{group['name']}@" in name for name in units.units)
        assert started * (int(forked.group(1)) if forked else 1) == WORDS["workers"], command


def test_each_process_has_a_socket_of_its_own(units: Rendered) -> None:
    for group, unit in processes(units):
        (command,), (clear,) = unit["Service"]["ExecStart"], unit["Service"]["ExecStartPre"]
        socket = f"/run/shop/{RELEASE}/{group['name']}-%i.sock"
        assert socket in command
        assert clear == f"/bin/rm -f {socket}"


def test_the_command_line_has_no_unfilled_placeholder(units: Rendered) -> None:
    for _, unit in processes(units):
        (command,) = unit["Service"]["ExecStart"]
        assert not re.search(r"\{\w+\}|@RELEASE@|\bNone\b|Undefined", command), command


def test_no_secret_is_in_a_file_that_everybody_may_read(units: Rendered) -> None:
    for text in [*units.processes.values(), *units.files.values()]:
        assert SECRET not in text
        assert "PAYMENT_KEY" not in text
    for _, unit in processes(units):
        assert unit["Service"]["EnvironmentFile"] == [f"/srv/shop/releases/{RELEASE}/env"]


def test_the_target_reaches_every_process(units: Rendered) -> None:
    for _, unit in processes(units):
        assert unit["Unit"]["PartOf"] == ["shop.target"]
        assert unit["Install"]["WantedBy"] == ["shop.target"]
    assert read(units.files["app_server/app.target.j2"])["Install"]["WantedBy"] == ["multi-user.target"]


def test_a_crash_loop_never_ends_in_a_unit_that_stays_down(units: Rendered) -> None:
    for unit in [*(unit for _, unit in processes(units)), read(units.files["redis/redis.service.j2"])]:
        assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]
        assert unit["Service"]["Restart"] == ["always"]


def test_a_stop_waits_longer_than_the_engine_does(units: Rendered) -> None:
    for group, unit in processes(units):
        (seconds,) = unit["Service"]["TimeoutStopSec"]
        assert int(seconds) > ENGINES[str(group["engine"])]["grace"]


def test_a_stop_asks_the_engine_and_ends_with_all_of_it(units: Rendered) -> None:
    for group, unit in processes(units):
        # mixed: the signal is for the main process, which tells its workers; what is left is killed with it
        assert unit["Service"]["KillMode"] == ["mixed"]
        assert unit["Service"]["KillSignal"] == [f"SIG{ENGINES[str(group['engine'])]['stop_signal']}"]


def test_no_key_stands_twice(units: Rendered) -> None:
    for _, unit in processes(units):
        for keys in unit.values():
            assert {key for key, values in keys.items() if len(values) > 1} <= {"Environment", "SystemCallFilter"}


def test_the_processes_run_as_the_apps_user_in_a_closed_box(units: Rendered) -> None:
    for _, unit in processes(units):
        service = unit["Service"]
        assert (service["User"], service["Group"]) == (["shop"], ["shop"])
        assert service["ProtectSystem"] == ["strict"]
        assert service["NoNewPrivileges"] == ["true"]
        assert service["CapabilityBoundingSet"] == [""]


def test_the_sockets_outlive_the_first_process_that_stops(units: Rendered) -> None:
    for _, unit in processes(units):
        assert unit["Service"]["RuntimeDirectory"] == [f"shop/{RELEASE}"]
        assert unit["Service"]["RuntimeDirectoryPreserve"] == ["yes"]


def test_the_app_starts_after_its_redis(units: Rendered) -> None:
    for _, unit in processes(units):
        assert "shop-redis.service" in unit["Unit"]["After"][0].split()
        assert unit["Unit"]["Wants"] == ["shop-redis.service"]
