"""Options and fixtures of the live suite: it asks a running site from outside and knows no engine.

pytest tests/live --url http://127.0.0.1:8080 --server daphne
pytest tests/live --url https://127.0.0.1:8443 --ca selfsigned.pem
pytest tests/live --url http://127.0.0.1:8000 --server uvicorn -m "not behind_nginx"
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from live_site import Site

SITE = pytest.StashKey[Site]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("live", "the site to ask")
    group.addoption("--url", help="where the sample site answers, e.g. http://127.0.0.1:8080 (required)")
    group.addoption("--server", default="", help="the expected word: ENGINE, A+B, or hybrid (default: do not check)")
    group.addoption("--interface-http", choices=["wsgi", "asgi"], help="what must answer /healthz (default: any)")
    group.addoption("--websockets", action="store_true", default=True, help="WebSockets are offered (default)")
    group.addoption("--no-websockets", action="store_false", dest="websockets", help="a WSGI server runs alone")
    group.addoption("--workers", type=int, help="processes that must answer, for HTTP and for WebSockets each")
    group.addoption("--ca", default="", metavar="FILE", help="authority of an https site, or its own certificate")
    group.addoption("--logs", metavar="CMD", help="shell command whose output is shown with each failure")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "behind_nginx: needs the kit's nginx in front, not a bare server")
    config.addinivalue_line("markers", "needs_websockets: left out with --no-websockets")
    config.addinivalue_line("markers", "without_websockets: only with --no-websockets")
    if not config.getoption("url", None) and not config.option.help:
        raise pytest.UsageError("tests/live asks a running site; say which: --url http://127.0.0.1:8080")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what the site does not offer, so that a skip never hides a missing answer."""
    unwanted = "without_websockets" if config.getoption("websockets") else "needs_websockets"
    here = [item for item in items if item.get_closest_marker(unwanted)]
    items[:] = [item for item in items if item not in here]
    config.hook.pytest_deselected(items=here)


@pytest.fixture(scope="session")
def session_site(pytestconfig: pytest.Config) -> Iterator[Site]:
    option = pytestconfig.getoption
    site = Site(
        option("url").rstrip("/"),
        server=option("server"),
        interface_http=option("interface_http"),
        websockets=option("websockets"),
        workers=option("workers"),
        ca=option("ca"),
    )
    yield site
    site.close()


@pytest.fixture
def site(session_site: Site, request: pytest.FixtureRequest) -> Site:
    """The site, as a new visitor without cookies; its last answers are shown when the test fails."""
    session_site.forget()
    request.node.stash[SITE] = session_site
    return session_site


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show the last answers, and the server's logs, with a failure."""
    report = yield
    site = item.stash.get(SITE, None)
    if report.failed and site:
        report.sections.append(("the site's last answers", site.story()))
        command = item.config.getoption("logs")
        if command:
            done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
            report.sections.append((command, done.stdout + done.stderr))
    return report
