"""What the host tests ask about: one app on one host, reached over ssh with sudo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

REGISTRY = Path(__file__).parents[3] / "roles/app_server/defaults/main/engines.yml"

T = TypeVar("T")


def of_each_that_stays(host: Any, user: str, ask: Callable[[str], T]) -> dict[str, T]:
    """Return what `ask` tells of each process of a user, by pid; one that is due at certain times may end meanwhile."""
    told = {pid: ask(pid) for pid in host.check_output("pgrep -u %s", user).split()}
    still = host.check_output("pgrep -u %s", user).split()
    found = {pid: answer for pid, answer in told.items() if pid in still}
    assert found
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the scenario's words."""
    parser.addoption("--app-name", default="sample", help="name of the app on the host")
    parser.addoption("--server", default="hybrid", help="the server that was deployed")
    parser.addoption("--http-port", type=int, default=8080, help="plain port of the site")
    parser.addoption("--firewall", action="store_true", help="the host has manage_firewall")
    parser.addoption("--own", action="store_true", help="files, commands and .br files of the project's own are there")
    parser.addoption("--url", default="", help="where the site is; https where it has TLS")


@dataclass(frozen=True)
class Site:
    """One deployed app.

    Attributes:
        name: of the app, its user and its group.
        engines: the programs that serve it, in the order of the server word.
        interfaces: wsgi and asgi, as far as the engines offer them.
        release: id of the live release, 12 hex digits.
        port: plain TCP port of the site.
        url: where the site is, as visitors call it.
        firewall: whether the host lets in nothing but the site and ssh.
    """

    name: str
    engines: list[str]
    interfaces: set[str]
    release: str
    port: int
    url: str
    firewall: bool = False

    @property
    def directory(self) -> str:
        """Directory of the live release."""
        return f"/srv/{self.name}/releases/{self.release}"


@pytest.fixture(scope="session")
def engines(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Registry entries of the deployed server, by name."""
    registry = yaml.safe_load(REGISTRY.read_text())
    word = request.config.getoption("--server")
    names = registry["app_server_aliases_default"].get(word, word).split("+")
    return {name: registry["app_server_engines_default"][name] for name in names}


@pytest.fixture
def site(host: Any, request: pytest.FixtureRequest, engines: dict[str, Any]) -> Site:
    """Return the app under test, with the release that is live now."""
    name = request.config.getoption("--app-name")
    return Site(
        name=name,
        engines=list(engines),
        interfaces={entry["interface"] for entry in engines.values()},
        release=host.check_output("basename $(readlink /srv/%s/live)", name),
        port=request.config.getoption("--http-port"),
        url=request.config.getoption("--url") or f"http://localhost:{request.config.getoption('--http-port')}",
        firewall=request.config.getoption("--firewall"),
    )


@pytest.fixture
def manager(host: Any) -> str:
    """Return the process manager that a host like this gets."""
    return "systemd" if host.file("/run/systemd/system").is_directory else "supervisor"


@pytest.fixture
def healthy(host: Any, site: Site) -> Callable[[], bool]:
    """Return a function that asks nginx, on the host itself, for the app's good answer."""
    code = (
        "import ssl, urllib.request as r;"
        f"print(r.urlopen('{site.url}/healthz', timeout=2, context=ssl._create_unverified_context()).status)"
    )

    def ask() -> bool:
        return bool(host.run("python3 -c %s", code).stdout.strip() == "200")

    return ask
