r"""Options of the tests of secrets: a site, and the command that changes it.

pytest tests/secrets --url http://HOST:8080 --run "ansible-playbook -i INVENTORY" [--core]
"""

from __future__ import annotations

import pytest
from deploying import add_options, pytest_collection_modifyitems, pytest_configure  # noqa: F401 - pytest finds hooks by name
from secretive import Secretive


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser, "secrets")


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Secretive:
    """A healthy site to begin with, under a server with every kind of process."""
    site = Secretive(request.config, tmp_path_factory.mktemp("runs"))
    site.tell("deploy")
    return site
