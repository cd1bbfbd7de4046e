r"""A real browser: on a running site while it is changed, on what others' tools make, on the report of a comparison.

pytest tests/browser --url http://HOST:8080 --run "ansible-playbook -i INVENTORY"
pytest tests/browser/test_report.py
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
import tools
from deploying import add_options

sys.path.append(str(tools.playwright()))

from playwright.sync_api import Browser, sync_playwright


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser, "browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    said = config.getoption("url") and config.getoption("run")
    if not said and any("url" in getattr(item, "fixturenames", ()) for item in items):
        raise pytest.UsageError('say which site, and how it is changed: --url URL --run "ansible-playbook -i FILE"')


@pytest.fixture(scope="session")
def url(pytestconfig: pytest.Config) -> str:
    return str(pytestconfig.getoption("url")).rstrip("/")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # chromium refuses its sandbox to root; the site is reached directly, whatever proxy the machine has
    arguments = ["--no-proxy-server", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=tools.chromium(), args=arguments)
        yield started
        started.close()
