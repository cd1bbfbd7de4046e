"""What another machine reaches of the host: every TCP port is tried, from here."""

from __future__ import annotations

import resource
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import Site

AT_ONCE = 4000  # sockets
SECONDS = 1.0  # until a port that says nothing counts as closed; one hop away an open one answers within milliseconds
SSH = 22
FORGOTTEN = 47123
LISTEN = f"import socket, time; server = socket.create_server(('', {FORGOTTEN})); time.sleep(60)"


def answering(address: str, ports: Iterable[int]) -> set[int]:
    """Return the ports that take a connection."""
    found = set()
    with selectors.DefaultSelector() as selector:
        for port in ports:
            visitor = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            visitor.connect_ex((address, port))
            selector.register(visitor, selectors.EVENT_WRITE, port)
        end = time.monotonic() + SECONDS
        while selector.get_map() and time.monotonic() < end:
            for key, _ in selector.select(timeout=end - time.monotonic()):
                visitor = key.fileobj
                if visitor.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.add(key.data)
                selector.unregister(visitor)
                visitor.close()
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    return found


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """Return the host's address, with as many sockets allowed here as a round of the scan needs."""
    name = urlsplit(site.url).hostname or ""
    if name in ("localhost", "127.0.0.1"):
        pytest.skip("no other machine: say --url")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(AT_ONCE + 500, hard)), hard))
    yield socket.gethostbyname(name)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_only_the_site_and_ssh_answer(site: Site, address: str) -> None:
    """A minute at most: a host that drops what it does not want is silent."""
    rounds = [range(first, min(first + AT_ONCE, 65536)) for first in range(1, 65536, AT_ONCE)]
    found = set().union(*(answering(address, ports) for ports in rounds))
    assert found == {SSH, site.port, urlsplit(site.url).port}


def test_what_somebody_forgot_to_close(host: Any, site: Site, address: str) -> None:
    """The scan sees it without a firewall, and with one nobody does."""
    host.check_output("nohup python3 -c %s >/dev/null 2>&1 & echo $! >/run/asgiway-forgotten.pid", LISTEN)
    try:
        end = time.monotonic() + 10
        while not (listening := host.check_output(f"ss -Hltn sport = :{FORGOTTEN}")) and time.monotonic() < end:
            pass
        assert listening
        assert answering(address, [FORGOTTEN, site.port]) == {site.port} | (set() if site.firewall else {FORGOTTEN})
    finally:
        host.run("kill $(cat /run/asgiway-forgotten.pid); rm /run/asgiway-forgotten.pid")
