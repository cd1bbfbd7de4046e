"""The app's secrets are where they are meant to be, and nowhere else on the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Site

# app_env of the Debian 12 scenario has it; elsewhere there is nothing to find
PLANTED = {"app_env": "planted-in-app-env-5d41402abc4b"}
SCAN = Path(__file__).parents[3] / "tests/secrets/scan.py"


@pytest.fixture
def leak(host: Any, site: Site) -> Iterator[str]:
    """Provide a backup such as an editor leaves, which others can read."""
    path = "/etc/asgiway-leak.conf~"
    host.check_output("install -m 0644 /etc/asgiway/%s/secret_key %s", site.name, path)
    yield path
    host.check_output("rm -f %s", path)


def scan(host: Any, site: Site) -> list[str]:
    """Return where secrets are, and how many were looked for."""
    # in hex, as the script is a command line itself, which sudo writes into the journal
    planted = {name: value.encode().hex() for name, value in PLANTED.items()}
    script = f"PLANTED = {{name: bytes.fromhex(value).decode() for name, value in {planted}.items()}}\n"
    script += SCAN.read_text().replace("from __future__ import annotations\n", "")
    return list(host.check_output("python3 -c %s %s", script, site.name).splitlines())


def test_no_secret_lies_about(host: Any, site: Site) -> None:
    """Files with backups, command lines, units, the manager's own words and the journal."""
    *found, summary = scan(host, site)
    assert found == []
    assert int(summary.split()[-1]) > 0


def test_a_leak_would_be_found(host: Any, site: Site, leak: str) -> None:
    """The scan can be red."""
    assert [line for line in scan(host, site) if leak in line]


def test_what_was_downloaded_with_is_gone(host: Any, site: Site) -> None:
    """An index's password may be in it."""
    assert host.check_output("find /etc/asgiway/%s /srv/%s -name build.env", site.name, site.name) == ""
