r"""Options of the abuse tests: a deployed sample app with the kit's own bounds, attacked from this machine.

pytest tests/abuse --url http://HOST:8080 --ssh "ssh HOST"
"""

from __future__ import annotations

import pytest
from attacked import Site


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("abuse", "the site that is attacked")
    group.addoption("--url", help="base URL of the deployed sample app (required)")
    group.addoption("--ssh", default="", help="how a command is run on its host, with sudo (required)")
    group.addoption("--app-name", default="sample", help="name of the app on the host")
    group.addoption("--ca", default="", metavar="FILE", help="certificate authority of an https site")


def pytest_configure(config: pytest.Config) -> None:
    option = config.getoption
    if not (option("url", None) and option("ssh", None)) and not config.option.help:
        raise pytest.UsageError('say which site, and how its host is reached: --url URL --ssh "ssh HOST"')


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Site:
    option = pytestconfig.getoption
    return Site(str(option("url")).rstrip("/"), option("ssh"), option("app_name"), option("ca"))
