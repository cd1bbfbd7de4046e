r"""Options of the tests of background processes: a throwaway host with the kit's sample app.

pytest tests/processes --url http://HOST:8080 --run "ansible-playbook -i INVENTORY" --ssh "ssh HOST"
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploying import Site, add_options, copy_of_sample, pytest_collection_modifyitems, pytest_configure
from working import Workers

__all__ = ["pytest_collection_modifyitems", "pytest_configure"]


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser, "processes")
    parser.getgroup("processes").addoption("--app-name", default="sample", help="name of the app on the host")


@pytest.fixture(scope="session")
def workers(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Return the sample app with a queue of Celery, a broker on its host, and what has been done so far."""
    work = tmp_path_factory.mktemp("processes")
    site = Site(pytestconfig, work, str(pytestconfig.getoption("app_name")))
    workers = Workers(site, copy_of_sample(work / "project"))
    workers.begin()
    yield workers
    workers.end()


@pytest.fixture(autouse=True)
def quiet(workers: Workers) -> None:
    """Begin each test with an empty record."""
    workers.forget()
