r"""Options of the tests of secrets: a site, and the command that changes it.

pytest tests/secrets --url http://HOST:8080 --run "ansible-playbook -i INVENTORY" [--core]
"""

from __future__ import annotations

import pytest
from deploying import CORE_MARK, add_options, leave_out, require_options
from secretive import Secretive


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser, "secrets")


def pytest_configure(config: pytest.Config) -> None:
    require_options(config)
    config.addinivalue_line("markers", CORE_MARK)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out(config, items)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Secretive:
    """A healthy site to begin with, under a server with every kind of process."""
    site = Secretive(request.config, tmp_path_factory.mktemp("runs"))
    site.tell("deploy")
    return site
