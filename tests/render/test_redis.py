"""The rendered Redis: it reads its files, serves both kinds of channel layers, and nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tools
from rendering import KEEPER_SECRET, SECRET, Rendered

HERE = Path(__file__).resolve().parent
START_LIMIT = 10.0  # seconds

Start = Callable[[str], Path]


@pytest.fixture(scope="module")
def files(everything: dict[tuple[str, str], Rendered]) -> dict[str, str]:
    """One server's files; they say the same for every server."""
    return next(iter(everything.values())).files


@pytest.fixture
def start(files: dict[str, str]) -> Iterator[Start]:
    """Return a function that starts a Redis with the rendered configuration and an ACL, and returns its socket."""
    directory = Path(tempfile.mkdtemp(prefix="aw-"))  # a short name: a socket's path has at most 107 bytes
    started: list[subprocess.Popen[bytes]] = []

    def run(acl: str) -> Path:
        socket, config = directory / "redis.sock", directory / "redis.conf"
        text = files["redis/redis.conf.j2"]
        text = text.replace("/run/shop-redis/redis.sock", str(socket)).replace(
            "/etc/redis/shop-redis.acl", str(directory / "acl")
        )
        config.write_text(text)
        (directory / "acl").write_text(acl)
        server, environment = tools.redis_server()
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen([server, config], stdout=log, stderr=log, env={**os.environ, **environment})
        started.append(process)
        end = time.monotonic() + START_LIMIT
        while not socket.exists():
            assert process.poll() is None and time.monotonic() < end, (directory / "log").read_text()
            time.sleep(0.05)
        return socket

    yield run
    for process in started:
        process.kill()
        process.wait()
    shutil.rmtree(directory)


def complaints(socket: Path, password: str = SECRET) -> list[str]:
    """Return what layer.py has to say."""
    done = subprocess.run(
        [tools.django_python(), HERE / "layer.py", socket, "shop", password], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_layers_need_what_the_user_may_and_nothing_else(files: dict[str, str], start: Start) -> None:
    assert complaints(start(files["redis/redis.acl.j2"])) == []


def test_a_user_with_too_much_or_too_little_would_be_seen(files: dict[str, str], start: Start) -> None:
    acl = files["redis/redis.acl.j2"]
    found = complaints(start(acl.replace(" -@admin -@dangerous", "").replace("+bzpopmin", "+info")))
    assert any(line.startswith("RedisChannelLayer: ") and "bzpopmin" in line for line in found)
    assert "CLIENT LIST: allowed" in found
    assert "INFO: allowed" in found


def test_the_socket_is_for_the_group_alone(files: dict[str, str], start: Start) -> None:
    assert start(files["redis/redis.acl.j2"]).stat().st_mode & 0o777 == 0o660


def test_there_is_no_port_and_no_password_on_disk(files: dict[str, str]) -> None:
    assert "\nport 0\n" in files["redis/redis.conf.j2"]
    acl = files["redis/redis.acl.j2"]
    assert SECRET not in acl and KEEPER_SECRET not in acl
    assert hashlib.sha256(SECRET.encode()).hexdigest() in acl
    assert acl.splitlines()[0] == "user default off"


def test_the_keeper_changes_passwords_and_nobody_is_cut_off(files: dict[str, str], start: Start) -> None:
    acl = files["redis/redis.acl.j2"]
    socket = start(acl)
    rules = acl.splitlines()[-1].removeprefix("user shop ")
    another = f"on #{hashlib.sha256(b'another').hexdigest()}"
    argv: list[str | Path] = [tools.django_python(), HERE / "keeper.py", socket, "shop", SECRET, KEEPER_SECRET]
    for later, works in ((rules.replace("on ", f"{another} "), SECRET), (another + rules[68:], "another")):
        done = subprocess.run([*argv, later], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert complaints(socket, works) == []
    done = subprocess.run([*argv, rules], capture_output=True, text=True, timeout=60)
    assert "invalid username-password pair" in done.stderr, "the password before counts no more"
