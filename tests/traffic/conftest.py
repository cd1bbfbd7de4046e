r"""Options of the traffic tests: a site, and the command that changes it.

pytest tests/traffic --url http://HOST:8080 --run "ansible-playbook -i INVENTORY"
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("traffic", "the site that is changed while visitors use it")
    group.addoption("--url", help="base URL of the deployed sample app (required)")
    group.addoption("--run", default="", help="ansible-playbook with its inventory (required)")


def pytest_configure(config: pytest.Config) -> None:
    if not (config.getoption("url", None) and config.getoption("run", None)) and not config.option.help:
        raise pytest.UsageError('say which site, and how it is changed: --url URL --run "ansible-playbook -i FILE"')
