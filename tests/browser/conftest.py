r"""A real browser on a running site, while the site is changed.

pytest tests/browser --url http://HOST:8080 --run "ansible-playbook -i INVENTORY"
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
import tools

sys.path.append(str(tools.playwright()))

from playwright.sync_api import Browser, sync_playwright


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("browser", "the site that is changed while browsers show it")
    group.addoption("--url", help="base URL of the deployed sample app (required)")
    group.addoption("--run", default="", help="ansible-playbook with its inventory (required)")


def pytest_configure(config: pytest.Config) -> None:
    if not (config.getoption("url", None) and config.getoption("run", None)) and not config.option.help:
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
