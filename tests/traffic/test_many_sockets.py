"""A thousand WebSockets over one change: they come back in a trickle, not in a crowd."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from changes import BACK_LIMIT, Site, close_codes, edit
from report import Report
from seen import crowd

pytestmark = [pytest.mark.timeout(15 * 60), pytest.mark.full]
SERVER = "uvicorn"
SOCKETS = 1000
DRAIN_SECONDS = 20


def test_a_thousand_sockets_come_back_in_a_trickle(site: Site, report: Report, tmp_path: Path) -> None:
    site = site.draining(DRAIN_SECONDS)
    number = int(time.time())
    site.deploy(SERVER, app_path=edit(tmp_path / "sample", number))
    with site.visited(SOCKETS) as visitors:
        assert visitors.all_back(BACK_LIMIT), f"{visitors.seen.open} are open"
        live = site.deploy(SERVER, app_path=edit(tmp_path / "sample", number + 1))
        assert visitors.all_back(BACK_LIMIT), f"{visitors.seen.open} are open"
        assert site.connections()[live] >= SOCKETS, site.connections()
    figures = site.judge(visitors)
    report.add("1,000 WebSockets", SERVER, site, figures)
    site.closed_evenly(visitors.seen.closes, close_codes(SERVER), SOCKETS)
    assert crowd(visitors.seen.reconnects()) <= 3 * SOCKETS / DRAIN_SECONDS, figures.reconnects_in_one_second
