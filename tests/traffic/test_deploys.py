"""Deploys of changed code and of changed settings: nobody notices; WebSockets are asked to come back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from changes import BACK_LIMIT, Site, close_codes, edit
from report import Report
from visitors import LONG

pytestmark = pytest.mark.timeout(30 * 60)


def test_deploys_of_changed_code_fail_nobody(
    site: Site, report: Report, server: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    number = int(time.time())  # code that no earlier run has deployed
    deploys = pytestconfig.getoption("deploys")
    codes = close_codes(server)
    if not site.serves(server):
        site.deploy(server)
    workers = site.nginx_workers()
    with site.visited() as visitors:
        live = [site.health()["release"]]
        for count in range(1, deploys + 1):
            closed = len(visitors.seen.closes)
            live.append(site.deploy(server, app_path=edit(tmp_path / "sample", number + count)))
            assert site.code() == number + count
            assert not codes or visitors.all_back(BACK_LIMIT), f"{visitors.seen.open} are open"
            site.closed_evenly(visitors.seen.closes[closed:], codes, site.sockets)
            assert site.releases() == {live[-1]}, "another release still has processes"
            if codes:
                assert site.connections()[live[-1]] >= site.sockets, site.connections()
        assert len(set(live)) == deploys + 1, live
    figures = site.judge(visitors)
    report.add("deploys", server, site, figures)
    assert list(visitors.seen.releases()) == live
    assert all(len(socket.closes) == (deploys if codes else 0) for socket in visitors.seen.sockets)
    assert site.nginx_workers() == workers, "nginx was reloaded"
    # some were open at each switch: that is what the drain is for
    assert figures.long_requests >= deploys
    assert not codes or figures.streams >= deploys
    assert not codes or not figures.unavailable
    assert sum(figures.drain) / deploys <= LONG + site.drain_seconds + 5, figures.drain


def test_a_rollback_fails_nobody(site: Site, report: Report, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    server = pytestconfig.getoption("servers").split(",")[-1]
    if not site.serves(server):  # as the deploys above leave it
        for count in range(2):
            site.deploy(server, app_path=edit(tmp_path / "sample", int(time.time()) + count))
    workers = site.nginx_workers()
    old = site.health()["release"]
    with site.visited() as visitors:
        site.play("rollback")
        assert site.serves(server)
        assert not close_codes(server) or visitors.all_back(BACK_LIMIT), f"{visitors.seen.open} are open"
    figures = site.judge(visitors)
    report.add("rollback", server, site, figures)
    assert site.health()["release"] != old
    site.closed_evenly(visitors.seen.closes, close_codes(server), site.sockets)
    assert site.nginx_workers() == workers, "nginx was reloaded"


@pytest.mark.full
def test_a_change_of_settings_fails_nobody(site: Site, report: Report) -> None:
    before = site.deploy("hybrid")
    workers = site.nginx_workers()
    with site.visited() as visitors:
        after = site.deploy("hybrid", app_env={"GREETING": str(time.time())})
        assert visitors.all_back(BACK_LIMIT), f"{visitors.seen.open} are open"
    figures = site.judge(visitors)
    report.add("settings", "hybrid", site, figures)
    assert after != before
    site.closed_evenly(visitors.seen.closes, close_codes("hybrid"), site.sockets)
    assert site.nginx_workers() == workers, "nginx was reloaded"
