r"""Every engine as its entry says, as a process on this machine: no nginx, no process manager, no host.

./asgiway test engines                       all of them
./asgiway test engines --server hypercorn    one
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tools
from engine_process import ENGINES, Engine

DATABASE = "db.sqlite3"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("engines").addoption("--server", default="", help="these engines only, as A or A+B")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize over the engines that speak what the test asks for."""
    only = str(metafunc.config.getoption("server"))
    chosen = [name for name in only.split("+") if name in ENGINES] or list(ENGINES)
    for fixture, interfaces in (("engine", {"wsgi", "asgi"}), ("asgi", {"asgi"}), ("wsgi", {"wsgi"})):
        if fixture in metafunc.fixturenames:
            names = [name for name in chosen if ENGINES[name]["interface"] in interfaces]
            metafunc.parametrize(fixture, names, indirect=True)


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the sample site's requirements and every engine."""
    return tools.django_python()


@pytest.fixture(scope="session")
def database(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sample site's database."""
    state = tmp_path_factory.mktemp("state")
    subprocess.run(
        [python, "manage.py", "migrate", "-v0"],
        cwd=tools.ROOT / "sample_app",
        env={**os.environ, "DJANGO_DEBUG": "1", "ASGIWAY_STATE_DIR": str(state)},
        check=True,
    )
    return state


@pytest.fixture
def engine(request: pytest.FixtureRequest, python: Path, database: Path) -> Iterator[Engine]:
    """An engine that answers; it is gone after the test."""
    directory = Path(tempfile.mkdtemp(prefix="aw-"))  # a short name: a socket's path has at most 107 bytes
    engine = Engine(request.param, python, database, directory)
    try:
        engine.wait_until_it_answers()
        yield engine
    finally:
        engine.kill()
        shutil.rmtree(directory)


# the same under names that choose an interface
asgi = wsgi = engine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show what the engine printed with a failure."""
    report = yield
    for value in getattr(item, "funcargs", {}).values():
        if report.failed and isinstance(value, Engine):
            report.sections.append((" ".join(value.argv), value.log()))
    return report
