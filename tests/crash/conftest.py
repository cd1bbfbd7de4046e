r"""Options of the crash tests: a site, and the command that changes it.

pytest tests/crash --url http://HOST:8080 --run "ansible-playbook -i INVENTORY" [--core | --every]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from crashing import CLOSE_CODE, KEEP, Crasher
from deploying import Site, add_options, pytest_collection_modifyitems, pytest_configure, wrong  # noqa: F401 - pytest finds hooks by name
from visitors import calm_visitors


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser, "crash")
    parser.getgroup("crash").addoption("--every", action="store_true", help="kill after literally each task")
    parser.getgroup("crash").addoption("--boundary", action="append", help="kill after this task only: ROLE : NAME#N")


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(request.config, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def crasher(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crasher]:
    """On a healthy site; prints its table in the end."""
    crasher = Crasher(site, tmp_path_factory.mktemp("crash"))
    if site.health()["server"] != "gunicorn" or wrong(site.state(), site.health()["release"], KEEP):
        site.change("deploy", *crasher.words())
    crasher.known = set(wrong(site.state(), site.health()["release"], KEEP))
    assert not crasher.known, crasher.known
    yield crasher
    width = max((len(row.boundary) for row in crasher.rows), default=0)
    print(f"\n{'killed':{width}}  live  {'left behind':50}  healed by")
    for row in crasher.rows:
        healed = f"{row.healing:4.0f} s, {row.changed} changed"
        print(f"{row.boundary:{width}}  {row.live:4}  {row.found:50}  {healed}  {row.red}")


@pytest.fixture
def unharmed(site: Site) -> Iterator[Callable[[], None]]:
    """Visitors all the while; call it to see that they noticed nothing so far but an orderly goodbye."""
    with calm_visitors(site.url) as visitors:
        counted = 0

        def check() -> None:
            nonlocal counted
            failed, counted = visitors.seen.failed[counted:], len(visitors.seen.failed)
            assert not failed, f"{len(failed)} requests failed: {failed[:5]}"
            codes = {code for _, code in visitors.seen.closes}
            assert codes <= {CLOSE_CODE}, f"WebSockets were closed with {codes}"

        yield check
    check()
    print(f"{visitors.seen.requests} requests and {len(visitors.seen.closes)} closed WebSockets, none badly")
