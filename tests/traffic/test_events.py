"""What no deploy does: nginx reloads, Redis restarts, processes are killed, the host reboots.

Here visitors may lose a request. What must hold: the site comes back by itself and soon, what it confirmed it has kept,
nothing is stored twice, and who follows the balance has every update in the end. The bounds are what was measured,
with room for a busy machine; the figures are in docs/traffic.json.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from changes import QUIET, Site, wait_for
from report import Report
from seen import Figures
from visitors import LATE, Visitors

pytestmark = [pytest.mark.full, pytest.mark.timeout(15 * 60)]
SERVER = "hybrid"


class Event:
    """An event under traffic: the visitors, and their figures when it is over."""

    def __init__(self, visitors: Visitors) -> None:
        """Begin."""
        self.visitors = visitors
        self.figures: Figures

    def told(self) -> str:
        """Return what a person needs to know."""
        return f"{self.figures.as_dict()}\n{Counter(self.visitors.seen.failed).most_common(8)}"


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site) -> None:
    """The recommended server, with processes of two engines."""
    site.deploy(SERVER)


@contextmanager
def event(name: str, site: Site, report: Report, back_within: float) -> Iterator[Event]:
    """Let something happen to a site in use; afterwards it must be whole again."""
    with Visitors(site.url, site.sockets) as visitors:
        found = Event(visitors)
        time.sleep(QUIET)
        visitors.phase("during")
        yield found
        back = wait_for("the site answers", site.is_well, back_within)
        assert visitors.all_back(back_within - back), f"{visitors.seen.open} WebSockets are open"
        visitors.phase("after")
        time.sleep(LATE[1])  # who connected before it was over, and says nothing yet, learns of it only now
        failed = len(visitors.seen.failed)
        time.sleep(5)
        assert len(visitors.seen.failed) == failed, f"not over: {visitors.seen.failed[failed:][:5]}"
    seen = visitors.seen
    lost, doubled = site.deposits(seen.keys)
    found.figures = seen.figures(lost, doubled)
    report.add(name, SERVER, site, found.figures)
    assert doubled == 0, found.told()
    assert site.deposits(seen.confirmed)[0] == 0, f"a confirmed deposit is not there: {found.told()}"
    assert (found.figures.updates_lost, found.figures.updates_doubled) == (0, 0), found.told()


def test_a_reload_of_nginx(site: Site, report: Report) -> None:
    """WebSockets, streams and long requests stay with the old workers; a kept-alive request may meet their end."""
    old = site.nginx_workers()
    with event("nginx reload", site, report, 10) as seen:
        site.on_host("sudo nginx -s reload")
        wait_for("new workers of nginx", lambda: site.nginx_workers() - old, 10)
        time.sleep(2)  # a moment with both
        assert site.nginx_workers() & old, "the old workers did not stay for the WebSockets"
    assert not seen.visitors.seen.closes, seen.told()
    assert seen.figures.failed <= 4, seen.told()  # one for each visitor with a kept-alive connection
    assert seen.figures.gap < 2, seen.told()


def test_a_restart_of_redis(site: Site, report: Report) -> None:
    """Only WebSockets need it: they may be closed, and come back; HTTP does not notice."""
    restart = site.on_host("test -d /run/systemd/system && echo systemctl || echo supervisorctl").strip()
    with event("Redis restart", site, report, 30) as seen:
        site.on_host(f"sudo {restart} restart {site.app}-redis")
    http = [why for why in seen.visitors.seen.failed if not why.startswith("socket")]
    assert not http, seen.told()
    assert seen.figures.gap < 2, seen.told()


def test_each_process_killed(site: Site, report: Report) -> None:
    """A killed process takes its requests and WebSockets with it; the next one is there within seconds."""
    count = len(site.processes())
    killed: set[int] = set()
    with event("kill -9 of each process", site, report, 30) as seen:
        for pid in site.processes():
            if pid not in site.processes():  # it left with its master
                continue
            site.on_host(f"sudo kill -9 {pid}")
            killed.add(pid)
            wait_for(
                "as many processes as before",
                lambda pid=pid: pid not in (now := site.processes()) and len(now) >= count and site.is_well(),
                30,
            )
            assert seen.visitors.all_back(15), f"{seen.visitors.seen.open} WebSockets are open"
    assert len(killed) >= 3, killed
    assert seen.figures.failed, "nobody noticed that processes were killed: was there any traffic?"
    assert seen.figures.gap < 10, seen.told()


@pytest.mark.reboot
def test_a_reboot_of_the_host(site: Site, report: Report, pytestconfig: pytest.Config) -> None:
    before = site.health()
    with event("reboot", site, report, 90) as seen:
        subprocess.run(shlex.split(pytestconfig.getoption("reboot")), check=True, timeout=120, capture_output=True)
    after = site.health()
    assert (after["release"], after["server"]) == (before["release"], before["server"])
    assert seen.figures.gap < 60, seen.told()
