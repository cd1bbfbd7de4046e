r"""Options of the tests with broken projects: a site, and the command that changes it.

pytest tests/broken --url http://HOST:8080 --run "ansible-playbook -i INVENTORY" [--core]
"""

from __future__ import annotations

import pytest
from deploying import Site, add_options, pytest_collection_modifyitems, pytest_configure  # noqa: F401 - pytest finds hooks by name


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser, "broken")


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A healthy site to begin with, under a server with every kind of process."""
    site = Site(request.config, tmp_path_factory.mktemp("runs"))
    site.change("deploy", "server=hybrid", "drain_seconds=2", "drain_limit=6")
    return site
