"""What runs, what starts at boot, and what comes back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Site

PATIENCE = 40.0  # seconds for a killed process to be replaced: start of a Django under load, and a margin


def test_the_manager_has_everything_running_and_for_the_next_boot(host: Any, site: Site, manager: str) -> None:
    """Each manager says it in its own words."""
    if manager == "systemd":
        assert host.check_output("systemctl is-active %s.target nginx", site.name).split() == ["active"] * 2
        assert host.check_output("systemctl is-enabled %s.target nginx", site.name).split() == ["enabled"] * 2
        units = host.check_output("systemctl list-units --plain --no-legend --all '%s-*'", site.name).splitlines()
        # what a timer starts runs only when it is due
        names = [line.split() for line in units if ".service" in line and "-schedule@" not in line]
        states = {name: active for name, _, active, *_ in names}
        assert [name for name in states if site.release in name], "no unit of the live release"
    else:
        assert host.run("ls /etc/rc2.d/S*supervisor").rc == 0
        # nginx is supervisor's: its own init script must not race for the port at boot
        assert host.run("ls /etc/rc2.d/S*nginx").rc != 0
        lines = host.run("supervisorctl status").stdout.splitlines()
        states = {line.split()[0]: line.split()[1].lower() for line in lines}
        assert [name for name in states if site.release in name], "no program of the live release"
    assert set(states.values()) <= {"active", "running"}, states


def test_one_group_of_processes_for_each_interface(host: Any, site: Site) -> None:
    """A composition has two."""
    sockets = host.check_output("ls /run/%s/%s", site.name, site.release).split()
    groups = {match[1] for name in sockets if (match := re.fullmatch(r"([a-z]+)-\d+\.sock", name))}
    assert groups == site.interfaces


def test_only_the_live_release_runs(host: Any, site: Site) -> None:
    """Earlier ones are kept on disk, not in memory."""
    running = set(re.findall(r"/releases/([0-9a-f]{12})/", host.check_output("ps -eo args")))
    assert running == {site.release}


def mains(host: Any, site: Site) -> dict[int, str]:
    """Return pid -> command line of the processes that the manager itself started for the site.

    Those are children of PID 1 or of supervisord that run as the app, as redis, or are nginx's master.
    """
    found: dict[int, str] = {}
    rows = [line.split(None, 3) for line in host.check_output("ps -eo pid=,ppid=,user:32=,args=").splitlines()]
    managers = {1} | {int(pid) for pid, _, _, args in rows if "bin/supervisord" in args}
    for pid, parent, user, args in rows:
        # what a timer starts ends by itself, and does not come back when it is killed
        if "clearsessions" in args:
            continue
        if int(parent) in managers and (user in (site.name, "redis") or args.startswith("nginx: master")):
            found[int(pid)] = args
    return found


@pytest.mark.timeout(600)
def test_whatever_is_killed_comes_back(host: Any, site: Site, healthy: Callable[[], bool]) -> None:
    """One after the other: kill -9, then wait for as many processes as before and a good answer."""
    before = mains(host, site)
    assert len(before) >= 2, before
    for pid, args in before.items():
        killed = host.run("kill -9 %s", str(pid))
        # a worker of Channels ends with its Redis, and is another process by now
        assert killed.rc == 0 or pid not in mains(host, site), killed.stderr
        deadline = time.monotonic() + PATIENCE
        while not (len(now := mains(host, site)) >= len(before) and pid not in now and healthy()):
            assert time.monotonic() < deadline, f"not back after {PATIENCE} s: {args}; running: {sorted(now.values())}"
            time.sleep(0.5)
