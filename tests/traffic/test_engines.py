"""Every server in turn: the live suite, and a deploy of changed code while visitors use the site.

pytest tests/traffic/test_engines.py --matrix ... ; `./asgiway test matrix` does it on a host of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from changes import BACK_LIMIT, ROOT, Site, close_codes, edit
from report import Report

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(15 * 60)]


def test_a_server_keeps_what_the_kit_promises(
    site: Site, report: Report, column: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    server, codes = column, close_codes(column)
    number = int(time.time())  # code that no earlier run has deployed
    before = site.deploy(server, app_path=edit(tmp_path / "sample", number))
    ask_live_suite(site, server, websockets=bool(codes))
    workers = site.nginx_workers()
    with site.visited() as visitors:
        after = site.deploy(server, app_path=edit(tmp_path / "sample", number + 1))
        assert not codes or visitors.all_back(BACK_LIMIT), f"{visitors.seen.open} are open"
    figures = site.judge(visitors)
    report.add("column", server, site, figures)
    assert list(visitors.seen.releases()) == [before, after]
    site.closed_evenly(visitors.seen.closes, codes, site.sockets)
    assert site.nginx_workers() == workers, "nginx was reloaded"
    assert not codes or not figures.unavailable


def ask_live_suite(site: Site, server: str, websockets: bool) -> None:
    """Run the HTTP, WebSocket and static file suite; with it a WebSocket that idles for 15 s."""
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--no-header", "-q", ROOT / "tests/live"]
    argv += [f"--url={site.url}", f"--server={server}", *([] if websockets else ["--no-websockets"])]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
