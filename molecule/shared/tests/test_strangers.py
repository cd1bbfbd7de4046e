"""What another local user gets of the app: nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import Site, of_each_that_stays

STRANGER = "asgiway-stranger"
CONNECT = """
import errno, socket, sys
for path in sys.argv[1:]:
    with socket.socket(socket.AF_UNIX) as visitor:
        try:
            visitor.connect(path)
            print("open", path)
        except OSError as error:
            print(errno.errorcode[error.errno], path)
"""

As = Callable[..., Any]


@pytest.fixture(scope="module")
def run_as(host: Any) -> Iterator[As]:
    """Return a function that runs a command as another user; the stranger exists for as long as this module runs."""
    host.check_output(
        "id -u %s >/dev/null 2>&1 || useradd --system --no-create-home --shell /bin/sh %s", STRANGER, STRANGER
    )

    def run(user: str, *argv: str) -> Any:
        return host.run("runuser -u %s -- " + " ".join(["%s"] * len(argv)), user, *argv)

    yield run
    host.check_output("userdel %s", STRANGER)


def answers(run_as: As, user: str, paths: list[str]) -> dict[str, str]:
    """Return socket -> "open", or the error that a user gets who connects."""
    result = run_as(user, "python3", "-c", CONNECT, *paths)
    assert result.rc == 0, result.stderr
    return {path: answer for answer, path in (line.split() for line in result.stdout.splitlines())}


def test_the_apps_sockets_are_closed_to_others_and_open_to_nginx(host: Any, site: Site, run_as: As) -> None:
    """Whoever can connect can claim any address and scheme."""
    sockets = host.check_output("find /run/%s/%s -type s", site.name, site.release).split()
    names = host.check_output("find %s/http %s/async -name '*.sock'", site.directory, site.directory).split()
    paths = sockets + [name for name in names if host.run("test -S %s", name).rc == 0]
    assert len(paths) > len(sockets) > 0
    assert set(answers(run_as, STRANGER, paths).values()) == {"EACCES"}
    assert set(answers(run_as, "www-data", paths).values()) == {"open"}


def test_the_channel_layer_is_closed_to_others(host: Any, site: Site, run_as: As) -> None:
    """Nor is its password all that stands before it."""
    path = f"/run/{site.name}-redis/redis.sock"
    if host.run("test -S %s", path).rc != 0:
        pytest.skip("no channel layer here")
    assert answers(run_as, STRANGER, [path]) == {path: "EACCES"}
    assert answers(run_as, site.name, [path]) == {path: "open"}


def test_the_environment_cannot_be_read(host: Any, site: Site, run_as: As) -> None:
    """Neither the running processes' nor the file they got it from."""
    read = of_each_that_stays(host, site.name, lambda pid: run_as(STRANGER, "cat", f"/proc/{pid}/environ"))
    for whose, result in [("the file", run_as(STRANGER, "cat", f"{site.directory}/env")), *read.items()]:
        assert result.rc != 0 and "Permission denied" in result.stderr, f"{whose}: {result.stderr}"
    # the test would see them if they could be read
    assert "SECRET_KEY" in host.check_output("tr '\\0' '\\n' </proc/%s/environ", next(iter(read)))


@pytest.mark.parametrize(
    "place", ["/var/lib/{name}", "/var/cache/{name}", "/etc/asgiway/{name}", "/run/{name}/{release}", "{directory}/src"]
)
def test_data_and_code_cannot_be_read(host: Any, site: Site, run_as: As, place: str) -> None:
    """The database and uploaded files are in the first of these."""
    path = place.format(name=site.name, release=site.release, directory=site.directory)
    assert host.check_output("find %s -maxdepth 0 -type d", path) == path
    result = run_as(STRANGER, "ls", path)
    assert result.rc != 0 and "Permission denied" in result.stderr


def test_the_database_is_there_and_cannot_be_read(host: Any, site: Site, run_as: As) -> None:
    """By its full name, for a directory that can be passed need not be listed."""
    files = host.check_output("find /var/lib/%s /etc/asgiway/%s -type f", site.name, site.name).split("\n")
    assert any("sqlite" in path or path.endswith("/postgresql") for path in files), files
    for path in files:
        assert run_as(STRANGER, "cat", path).rc != 0, path


def test_the_database_server_lets_only_the_app_in(host: Any, site: Site, run_as: As) -> None:
    """Known by the name of its user; nobody has a password to give away."""
    if not host.file(f"/etc/asgiway/{site.name}/postgresql").exists:
        pytest.skip("a site without PostgreSQL")
    ask = ["psql", "--no-password", "-h", "/var/run/postgresql", "-d", site.name, "-U", site.name, "-Atc"]
    assert run_as(site.name, *ask, "select count(*) > 0 from django_migrations").stdout.strip() == "t"
    assert run_as(site.name, *ask, "show max_connections").stdout.strip() == "200"
    assert "Peer authentication failed" in run_as(STRANGER, *ask, "select 1").stderr
    over_tcp = ["127.0.0.1" if word.startswith("/var/run") else word for word in ask]
    assert "no password supplied" in run_as(STRANGER, *over_tcp, "select 1").stderr


def test_nothing_of_the_app_can_be_written(host: Any, site: Site, run_as: As) -> None:
    """Neither as itself nor through a directory that is open to all."""
    places = ["/srv", "/var/lib", "/var/cache", "/var/log", "/run"]
    paths = " ".join(f"{place}/{site.name}" for place in places)
    found = host.check_output("find " + paths + " ! -type l ! -type s -perm /002 -print")
    assert found == ""
    assert run_as(STRANGER, "touch", f"{site.directory}/stranger").rc != 0
