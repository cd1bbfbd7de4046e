"""One rendering for the whole session; tests get it per server and process manager."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
import rendering
from rendering import Rendered

All = dict[tuple[str, str], Rendered]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("render").addoption(
        "--server", choices=rendering.servers(), help="test what is rendered for this server only"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize over every server, and over every process manager that the test did not choose by its name."""
    only = metafunc.config.getoption("server")
    servers = [only] if only else rendering.servers()
    for fixture, managers in (("rendered", rendering.MANAGERS), ("units", ["systemd"]), ("programs", ["supervisor"])):
        if fixture in metafunc.fixturenames:
            jobs = rendering.pairs_of(servers, managers)
            metafunc.parametrize(fixture, jobs, ids=["-".join(job) for job in jobs], indirect=True)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered")


@pytest.fixture(scope="session")
def everything(scratch: Path, pytestconfig: pytest.Config) -> All:
    """Rendered by the first of pytest-xdist's workers that needs it; the others wait for that."""
    only = pytestconfig.getoption("server")
    place = scratch if "PYTEST_XDIST_WORKER" not in os.environ else scratch.parents[1] / "everything"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return rendering.render(place, [only] if only else rendering.servers())


def _pick(everything: All, request: pytest.FixtureRequest) -> Rendered:
    return everything[request.param]


@pytest.fixture
def rendered(everything: All, request: pytest.FixtureRequest) -> Rendered:
    """What is rendered for a server, under either process manager."""
    return _pick(everything, request)


@pytest.fixture
def units(everything: All, request: pytest.FixtureRequest) -> Rendered:
    """What is rendered for a server under systemd."""
    return _pick(everything, request)


@pytest.fixture
def programs(everything: All, request: pytest.FixtureRequest) -> Rendered:
    """What is rendered for a server under supervisor."""
    return _pick(everything, request)
