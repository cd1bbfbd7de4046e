"""Who may read and write what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Site


def test_the_live_release_is_complete(host: Any, site: Site) -> None:
    """release.json is written last."""
    assert len(site.release) == 12
    assert json.loads(host.file(f"{site.directory}/release.json").content_string)


def test_the_environment_is_for_root_only(host: Any, site: Site) -> None:
    """It holds the secret key and the database's password."""
    env = host.file(f"{site.directory}/env")
    assert (env.user, env.mode) == ("root", 0o600)


def test_secrets_are_for_root_only(host: Any, site: Site) -> None:
    """Others may pass (the channel layer reads its own files there), never read."""
    open_to_all = host.check_output("find /etc/asgiway/%s -type f -perm /007", site.name)
    assert open_to_all == ""


def test_sockets_are_for_the_app_and_its_group(host: Any, site: Site) -> None:
    """Whoever opens one can claim any address and scheme."""
    directory = host.file(f"/run/{site.name}/{site.release}")
    assert (directory.user, directory.group, directory.mode) == (site.name, site.name, 0o750)
    sockets = host.check_output("find /run/%s/%s -type s -printf '%%f %%m\n'", site.name, site.release).split("\n")
    assert sockets != [""]
    assert all(int(line.split()[1], 8) & 0o067 == 0o060 for line in sockets), sockets


@pytest.mark.parametrize("kind", ["http", "async", "ws"])
def test_every_socket_name_leads_to_a_socket(host: Any, site: Site, kind: str) -> None:
    """Nginx goes by the names; a name without a socket is a 502 now and then."""
    if kind == "ws" and "asgi" not in site.interfaces:
        assert not host.file(f"{site.directory}/ws").exists
        return
    names = host.check_output("find %s -name '*.sock'", f"{site.directory}/{kind}").split()
    assert names
    dead = host.check_output("find -L %s -name '*.sock' ! -type s", f"{site.directory}/{kind}")
    assert dead == ""


def test_only_root_writes_the_code(host: Any, site: Site) -> None:
    """A break-in must not change the app; static/ is only what collectstatic left for the shared root."""
    find = "find %s -path %s -prune -o ! -type l \\( -user %s -perm /200 -o -group %s -perm /020 \\) -print | head"
    writable = host.check_output(find, site.directory, f"{site.directory}/static", site.name, site.name)
    assert writable == ""


def test_nginx_may_reach_the_sockets(host: Any, site: Site) -> None:
    """By group, not by mode."""
    assert site.name in host.user("www-data").groups


def test_the_app_cannot_log_in(host: Any, site: Site) -> None:
    """Its user only owns processes."""
    assert host.user(site.name).shell in ("/usr/sbin/nologin", "/bin/false")
