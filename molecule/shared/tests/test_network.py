"""Who listens, and where."""

from __future__ import annotations

import re
from typing import Any

from .conftest import Site


def listeners(host: Any) -> list[tuple[str, str]]:
    """Return (address:port, program) of every listening TCP socket."""
    lines = host.check_output("ss -Hltnp").splitlines()
    return [(line.split()[3], ",".join(sorted(set(re.findall(r'\("([^"]+)"', line))))) for line in lines]


def test_only_nginx_and_ssh_listen_beyond_the_host(host: Any) -> None:
    """Engines and the channel layer have Unix sockets."""
    beyond = [(where, who) for where, who in listeners(host) if not where.startswith(("127.", "[::1]"))]
    strangers = [entry for entry in beyond if entry[1] not in ("nginx", "sshd", "sshd,systemd", "systemd")]
    assert strangers == []


def test_nginx_listens_where_it_was_told(host: Any, site: Site) -> None:
    """On every address of the host."""
    assert f"0.0.0.0:{site.port}" in {where for where, who in listeners(host) if who == "nginx"}


def test_the_channel_layer_wants_a_password(host: Any, site: Site) -> None:
    """Nor does it listen on TCP: its socket is the only way in."""
    assert not [who for _, who in listeners(host) if "redis" in who]
    if "asgi" not in site.interfaces and host.run("test -S /run/%s-redis/redis.sock", site.name).rc != 0:
        return  # nothing that could use a channel layer
    answer = host.run("redis-cli -s /run/%s-redis/redis.sock ping", site.name)
    assert "NOAUTH" in answer.stdout + answer.stderr
