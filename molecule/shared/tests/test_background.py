"""What runs beside the server, where a scenario has something there, and what an administrator types."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from .conftest import Site

PATIENCE = 30.0  # seconds until something that is due each ten has been run


def groups(host: Any, site: Site, kind: str) -> list[dict[str, Any]]:
    """Return the live release's groups of a kind; a scenario without any skips the test."""
    found = json.loads(host.check_output("cat %s/release.json", site.directory))["groups"]
    chosen = [group for group in found if group.get("kind") == kind]
    if not chosen:
        pytest.skip(f"this scenario has no {kind}")
    return chosen


def test_a_process_is_the_live_releases_and_for_the_next_boot(host: Any, site: Site, manager: str) -> None:
    """Each manager says it in its own words."""
    for group in groups(host, site, "process"):
        if manager == "systemd":
            unit = f"{site.name}-{site.release}-{group['name']}@1.service"
            pid = host.check_output("systemctl show --property=MainPID --value %s", unit)
            assert host.check_output("systemctl is-enabled %s", unit) == "enabled"
        else:
            program = f"{site.name}-{site.release}-{group['name']}"
            pid = host.check_output("supervisorctl pid %s:%s-1", program, program)
            assert host.file(f"/etc/supervisor/conf.d/{program}.conf").is_symlink
        assert host.check_output("ps -o user:32= -p %s", pid).strip() == site.name
        assert host.check_output("readlink /proc/%s/cwd", pid) == f"{site.directory}/src"


def test_what_is_due_has_been_run(host: Any, site: Site, manager: str) -> None:
    """Its timer has fired since the boot, and what it started ended well."""
    if manager != "systemd":
        pytest.skip("cron tells nobody")
    for group in groups(host, site, "schedule"):
        unit = f"{site.name}-schedule@{group['name']}"
        deadline = time.monotonic() + PATIENCE
        while host.check_output("systemctl show --property=LastTriggerUSec --value %s", f"{unit}.timer") in ("", "n/a"):
            assert time.monotonic() < deadline, f"{unit} was not due within {PATIENCE} s"
            time.sleep(0.5)
        assert host.check_output("systemctl is-active %s", f"{unit}.timer") == "active"
        while host.run("systemctl is-active %s", f"{unit}.service").stdout.strip() == "activating":
            assert time.monotonic() < deadline, f"{unit} has not ended within {PATIENCE} s"
            time.sleep(0.2)
        assert host.check_output("systemctl show --property=Result --value %s", f"{unit}.service") == "success"


def test_an_administrator_has_the_live_releases_manage_py(host: Any, site: Site) -> None:
    """Whichever release that is, and as its user."""
    code = "import getpass, os; print(getpass.getuser(), os.environ['ASGIWAY_RELEASE'], os.getcwd())"
    said = host.check_output("%s-manage shell -v0 -c %s", site.name, code).split()
    assert said[-3:] == [site.name, site.release, f"{site.directory}/src"]
