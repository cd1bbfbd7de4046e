"""How far open the rendered units are, in systemd's own opinion, and what they may use and reach."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import tools
from rendering import ENGINES, NAMESERVERS, OTHERWISE, Rendered

APP_LIMIT = 1.5
OTHERS_LIMIT = 3.0
METADATA = "169.254.169.254"


def exposure(root: Path, unit: str) -> float:
    """Return systemd's exposure level of a unit below root, from 0 (closed) to 10."""
    command: list[str | Path] = [
        tools.systemd_analyze(),
        "security",
        "--offline=true",
        "--no-pager",
        f"--root={root}",
        unit,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def place(root: Path, name: str, text: str) -> None:
    """Put a unit file where systemd looks for it."""
    path = root / "etc/systemd/system" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def lines(text: str) -> dict[str, list[str]]:
    """Return key -> values of a unit file."""
    found = defaultdict(list)
    for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found[key].append(value)
    return found


def test_a_bare_unit_would_be_seen(tmp_path: Path) -> None:
    place(tmp_path, "bare.service", "[Service]\nExecStart=/bin/true\n")
    assert exposure(tmp_path, "bare.service") > 9


def test_the_apps_processes_are_closed(units: Rendered, tmp_path: Path) -> None:
    for name, text in units.processes.items():
        place(tmp_path, f"shop-{name}@.service", text)
        assert exposure(tmp_path, f"shop-{name}@1.service") <= APP_LIMIT


def test_redis_is_closed(units: Rendered, tmp_path: Path) -> None:
    place(tmp_path, "shop-redis.service", units.files["redis/redis.service.j2"])
    assert exposure(tmp_path, "shop-redis.service") <= OTHERS_LIMIT


def test_nginx_is_closed_as_far_as_its_master_can_be(units: Rendered, tmp_path: Path) -> None:
    place(tmp_path, "nginx.service", tools.nginx_unit().read_text())
    assert exposure(tmp_path, "nginx.service") > OTHERS_LIMIT
    place(tmp_path, "nginx.service.d/asgiway.conf", units.files["nginx/nginx.override.conf.j2"])
    assert exposure(tmp_path, "nginx.service") <= OTHERS_LIMIT


def test_each_exception_has_its_reason_in_the_unit(units: Rendered) -> None:
    for group in units.groups:
        text = units.processes[group["name"]]
        for key, exception in ENGINES[group["engine"]]["relax"].items():
            values = exception["value"] if isinstance(exception["value"], list) else [exception["value"]]
            block = "\n".join([f"# {exception['reason']}", *(f"{key}={value}" for value in values)])
            assert block in text
            assert lines(text)[key] == values


def test_the_processes_reach_what_the_word_says(units: Rendered) -> None:
    word = OTHERWISE.get(units.server, {}).get("app_network", "no_metadata")
    for text in units.processes.values():
        keys = lines(text)
        if word == "any":
            assert not keys["IPAddressDeny"] + keys["IPAddressAllow"]
        elif word == "local":
            assert (keys["IPAddressDeny"], keys["IPAddressAllow"]) == (["any"], ["localhost"])
        else:
            denied = keys["IPAddressDeny"][0].split()
            # a host that asks that address for names needs it
            assert (METADATA in denied) == (METADATA not in NAMESERVERS.get(units.server, []))
            assert "fd00:ec2::254" in denied
            assert not keys["IPAddressAllow"]


def test_the_processes_write_where_they_may_and_nowhere_else(units: Rendered) -> None:
    for text in units.processes.values():
        keys = lines(text)
        assert keys["ProtectSystem"] == ["strict"]
        assert not [key for key in keys if key.startswith("BindPaths")]
        # uploads, of which nothing runs
        assert keys["ReadWritePaths"] == keys["NoExecPaths"] == ["-/srv/shop/media"]
        assert keys["StateDirectory"] == keys["CacheDirectory"] == ["shop"]
        assert keys["StateDirectoryMode"] == keys["CacheDirectoryMode"] == ["0700"]
        assert keys["RuntimeDirectoryMode"] == ["0750"]


def test_everything_is_bounded(units: Rendered) -> None:
    together = lines(units.files["app_server/app.slice.j2"])
    assert all(together[key][0] for key in ("MemoryHigh", "MemoryMax", "TasksMax"))
    for text in units.processes.values():
        keys = lines(text)
        assert keys["Slice"] == ["asgiway-shop.slice"]
        assert keys["LimitNOFILE"] == ["65536"]
        assert keys["LimitCORE"] == ["0"]
        assert keys["TasksMax"] == ["4096"]


def test_nobody_may_change_what_only_root_should(units: Rendered) -> None:
    for text in units.processes.values():
        filters = lines(text)["SystemCallFilter"]
        assert filters[:2] == ["@system-service", "~@privileged @resources"]
        assert set(filters[2:]) <= {"@chown"}
