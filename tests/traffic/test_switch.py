"""Every change of the server while visitors use the site: nobody notices; WebSockets are asked to come back."""

from __future__ import annotations

import pytest
from changes import BACK_LIMIT, Site, close_codes, engines
from report import Report

pytestmark = pytest.mark.timeout(15 * 60)


def test_a_change_of_server_fails_nobody(site: Site, report: Report, old: str, new: str) -> None:
    if not site.serves(old):  # the first of the chain, or the one before was red
        site.deploy(old)
    before = site.health()["release"]
    workers = site.nginx_workers()
    with site.visited() as visitors:
        after = site.deploy(new)
        assert not close_codes(new) or visitors.all_back(BACK_LIMIT), f"{visitors.seen.open} are open"
    figures = site.judge(visitors)
    report.add(f"{old} to {new}", new, site, figures)
    assert list(visitors.seen.releases()) == [before, after]
    # in between both answer for a moment: nginx keeps connections to the old release for up to 2 s
    assert [visitors.seen.servers[0], visitors.seen.servers[-1]] == [next(iter(engines(name))) for name in (old, new)]
    site.closed_evenly(visitors.seen.closes, close_codes(old), site.sockets)
    assert not figures.unavailable or not close_codes(old) or not close_codes(new)
    assert site.nginx_workers() == workers, "nginx was reloaded"


@pytest.mark.full
def test_the_same_deploy_again_changes_nothing(site: Site) -> None:
    before = site.deploy("uvicorn")
    with site.visited() as visitors:
        assert site.deploy("uvicorn") == before
    site.judge(visitors)
    assert not visitors.seen.closes
