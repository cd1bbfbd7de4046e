r"""Options of the traffic tests: a site, the command that changes it, and how much is done.

pytest tests/traffic --url http://HOST:8080 --run "ansible-playbook -i INVENTORY" --ssh "ssh HOST"
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from changes import Site
from columns import columns
from report import Report
from seen import Figures

REPORT = pytest.StashKey[Report]()
CHAIN, CORE_CHAIN = "gunicorn,daphne,uvicorn,hybrid,gunicorn", "hybrid,gunicorn,daphne"
CORE_SOCKETS, CORE_DEPLOYS, CORE_SERVERS = 60, 2, "hybrid"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("traffic", "the site that is changed while visitors use it")
    group.addoption("--url", help="base URL of the deployed sample app (required)")
    group.addoption("--run", default="", help="ansible-playbook with its inventory (required)")
    group.addoption(
        "--ssh", default="", help="how a command is run on the host, with sudo without a password (required)"
    )
    group.addoption("--reboot", default="", help="command that restarts the host; without it that test is left out")
    group.addoption("--app-name", default="sample", help="name of the app on the host")
    group.addoption("--core", action="store_true", help="the short form: fewer sockets, deploys and servers")
    group.addoption("--matrix", action="store_true", help="instead: each server with the live suite and one deploy")
    group.addoption("--servers", help="what is deployed to, deploy by deploy (daphne,uvicorn,gunicorn,hybrid)")
    group.addoption(
        "--chain", help="changes of the server, one after the other (gunicorn,daphne,uvicorn,hybrid,gunicorn)"
    )
    group.addoption("--deploys", type=int, help="deploys in a row under each of them (5)")
    group.addoption("--sockets", type=int, help="WebSockets (200)")
    group.addoption("--drain-seconds", type=int, default=6, help="the site's word drain_seconds (6, to be quick)")
    group.addoption("--report", type=Path, help="JSON file that gets the figures, beside those it has")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "core: is part of the short form")
    config.addinivalue_line("markers", "full: is not")
    config.addinivalue_line("markers", "reboot: restarts the host")
    config.addinivalue_line("markers", "matrix: a column of the table of servers")
    option = config.getoption
    if not (option("url", None) and option("run", None) and option("ssh", None)) and not config.option.help:
        raise pytest.UsageError(
            'say which site, how it is changed and how its host is reached: --url URL --run "ansible-playbook -i FILE"'
            ' --ssh "ssh HOST"'
        )
    config.option.columns = option("servers") or ",".join(columns())
    config.option.sockets = option("sockets") or (CORE_SOCKETS if option("core") or option("matrix") else 200)
    config.option.chain = option("chain") or (CORE_CHAIN if option("core") else CHAIN)
    config.option.deploys = option("deploys") or (CORE_DEPLOYS if option("core") else 5)
    config.option.servers = option("servers") or (CORE_SERVERS if option("core") else "daphne,uvicorn,gunicorn,hybrid")
    config.stash[REPORT] = Report(option("report"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "new" in metafunc.fixturenames:
        chain = metafunc.config.getoption("chain").split(",")
        metafunc.parametrize(("old", "new"), list(pairwise(chain)))
    for fixture, option in (("server", "servers"), ("column", "columns")):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, getattr(metafunc.config.option, option).split(","))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what the short form leaves out, a reboot without the means, and either the matrix or all the rest."""
    core, matrix = config.getoption("core"), config.getoption("matrix")
    left_out = "full" if core else "core"
    here = [item for item in items if item.get_closest_marker(left_out)]
    here += [item for item in items if bool(item.get_closest_marker("matrix")) != matrix]
    if not config.getoption("reboot"):
        here += [item for item in items if item.get_closest_marker("reboot")]
    items[:] = [item for item in items if item not in here]
    here = list(dict.fromkeys(here))
    config.hook.pytest_deselected(items=here)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the figures as a table."""
    runs = config.stash[REPORT].runs
    if runs:
        terminalreporter.section("what the visitors saw")
        head = ["run", "server", *Figures.HEAD]
        terminalreporter.write_line("| " + " | ".join(head) + " |\n" + "|" + " --- |" * len(head))
        for run in runs:
            row = Figures(**run["figures"]).row()
            terminalreporter.write_line(f"| {run['what']} | {run['server']} ({run['manager']}) {row}")


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    return pytestconfig.stash[REPORT]


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Site:
    option = pytestconfig.getoption
    return Site(
        url=str(option("url")).rstrip("/"),
        command=option("run"),
        ssh=option("ssh"),
        app=option("app_name"),
        drain_seconds=option("drain_seconds"),
        sockets=option("sockets"),
    )
