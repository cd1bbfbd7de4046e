"""The processes in their boxes: what systemd says of them, and what the kernel does."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Site, of_each_that_stays

APP_LIMIT = 1.5
OTHERS_LIMIT = 3.0
METADATA = "169.254.169.254"
OWN = ["/var/lib/{0.name}", "/var/cache/{0.name}", "/srv/{0.name}/media", "/tmp"]  # noqa: S108 - the unit's own
WRITE = "touch {path}/asgiway-test && rm {path}/asgiway-test"
ASK = "import socket; socket.create_connection(('{address}', {port}), 5)"


@pytest.fixture
def units(host: Any, site: Site, manager: str) -> list[str]:
    """Return the services of the live release."""
    if manager != "systemd":
        pytest.skip("supervisor has no sandbox")
    rows = host.check_output("systemctl list-units --plain --no-legend '%s-%s-*.service'", site.name, site.release)
    return [row.split()[0] for row in rows.splitlines()]


def show(host: Any, unit: str, key: str) -> str:
    """Return one property of a unit."""
    return str(host.check_output("systemctl show --value --property=%s %s", key, unit))


def of_each(host: Any, site: Site, name: str) -> dict[str, str]:
    """Return a file below /proc of each process of the app's user that stays."""
    return of_each_that_stays(host, site.name, lambda pid: str(host.run("cat /proc/%s/%s", pid, name).stdout))


def exposure(host: Any, unit: str) -> float:
    """Return systemd's exposure level of what is loaded."""
    text = host.check_output("systemd-analyze security --no-pager %s", unit)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)
    assert found, text
    return float(found[1])


def test_every_process_of_the_app_is_closed(host: Any, units: list[str]) -> None:
    """As the host's own systemd counts."""
    levels = {unit: exposure(host, unit) for unit in units}
    assert levels
    assert {unit: level for unit, level in levels.items() if level > APP_LIMIT} == {}


def test_redis_and_nginx_are_closed(host: Any, site: Site, units: list[str]) -> None:
    """The drop-in counts, and what nginx runs with is what is loaded."""
    redis = f"{site.name}-redis.service"
    names = ["nginx.service", *([redis] if host.run("systemctl is-active %s", redis).rc == 0 else [])]
    levels = {name: exposure(host, name) for name in names}
    assert {name: level for name, level in levels.items() if level > OTHERS_LIMIT} == {}
    status = host.check_output("cat /proc/%s/status", show(host, "nginx.service", "MainPID"))
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)


def test_no_process_can_become_more(host: Any, site: Site, manager: str) -> None:
    """No capabilities, no new privileges; under systemd no system call beyond the list either."""
    for pid, text in of_each(host, site, "status").items():
        status = dict(re.findall(r"^(\w+):\s*(.*)$", text, re.MULTILINE))
        assert status["NoNewPrivs"] == "1", pid
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0, pid
        if manager == "systemd":
            assert int(status["CapBnd"], 16) == 0, pid
            assert status["Seccomp"] == "2", pid


def test_the_app_writes_to_its_own_directories_only(host: Any, site: Site, units: list[str]) -> None:
    """Asked in the process's own view of the file system, as its user; and as root, where the mode would be no wall."""
    pid = show(host, units[0], "MainPID")
    inside = "nsenter --target %s --mount setpriv --reuid=%s --regid=%s --init-groups sh -c %s"
    own = [*(path.format(site) for path in OWN), f"/run/{site.name}/{site.release}"]
    for path in own:
        assert host.run(inside, pid, site.name, site.name, WRITE.format(path=path)).rc == 0, path
    for path in [site.directory, f"{site.directory}/src", "/usr", "/etc", "/var/log", "/var/lib", "/srv"]:
        result = host.run("nsenter --target %s --mount sh -c %s", pid, WRITE.format(path=path))
        assert result.rc != 0 and "Read-only file system" in result.stderr, path
    # an empty directory hides what is there
    assert host.run("nsenter --target %s --mount ls -A /home /root", pid).stdout.split() == ["/home:", "/root:"]


def test_no_upload_is_a_program(host: Any, site: Site, units: list[str]) -> None:
    """What a visitor has sent is not run, whatever its mode."""
    path = f"/srv/{site.name}/media/asgiway-test"
    inside = "nsenter --target %s --mount setpriv --reuid=%s --regid=%s --init-groups %s"
    assert host.run("install -m 0755 /bin/true %s", path).rc == 0
    try:
        assert host.run(path).rc == 0
        done = host.run(inside, show(host, units[0], "MainPID"), site.name, site.name, path)
        assert done.rc != 0 and "Permission denied" in done.stderr
    finally:
        host.check_output("rm %s", path)


def test_limits_are_in_force(host: Any, site: Site, units: list[str]) -> None:
    """Files as far as the host itself may; no core files, which would hold every secret."""
    most = int(re.findall(r"Max open files\s+\d+\s+(\d+)", host.check_output("cat /proc/1/limits"))[0])
    for pid, limits in of_each(host, site, "limits").items():
        assert int(re.findall(r"Max open files\s+(\d+)", limits)[0]) == min(65536, most), pid
        assert re.search(r"Max core file size\s+0\s+0\b", limits), pid


def test_no_app_takes_the_hosts_memory(host: Any, site: Site, units: list[str]) -> None:
    """All processes are in one slice, whose bounds are shares of the host's memory."""
    total = 1024 * int(re.findall(r"MemTotal:\s+(\d+) kB", host.check_output("cat /proc/meminfo"))[0])
    slice_name = f"asgiway-{site.name.replace('-', '_')}.slice"
    assert {show(host, unit, "Slice") for unit in units} == {slice_name}
    high, most = (int(show(host, slice_name, key)) for key in ("MemoryHigh", "MemoryMax"))
    assert 0 < high < most < total
    assert 0 < int(show(host, slice_name, "TasksMax")) <= 8192
    for pid, groups in of_each(host, site, "cgroup").items():
        assert f"/{slice_name}/" in groups, pid


@contextlib.contextmanager
def metadata_service(host: Any) -> Iterator[int]:
    """Let the host itself answer at the address of a cloud's metadata."""
    port = 18169
    host.check_output("ip address replace %s/32 dev lo", METADATA)
    unit = "asgiway-test-metadata"
    try:
        host.check_output(
            f"systemd-run --quiet --collect --unit={unit} python3 -m http.server --bind {METADATA} {port}"
        )
        host.check_output(
            "timeout 10 sh -c %s",
            f'until python3 -c "{ASK.format(address=METADATA, port=port)}" 2>/dev/null; do :; done',
        )
        yield port
    finally:
        host.run("systemctl stop %s", unit)
        host.run("ip address delete %s/32 dev lo", METADATA)


def test_a_clouds_credentials_are_out_of_reach(host: Any, site: Site, units: list[str]) -> None:
    """A request that somebody smuggles into the app must not fetch them; the rest of the network stays open."""
    filtered = "systemd-run --quiet --wait --pipe -p IPAddressDeny=any python3 -c %s"
    with metadata_service(host) as port:
        ask = ASK.format(address=METADATA, port=port)
        if host.run(filtered, ask).rc == 0:
            pytest.skip("this kernel has no filter for addresses")
        group = show(host, units[0], "ControlGroup")
        inside = 'echo $$ >"/sys/fs/cgroup$1/cgroup.procs" && exec python3 -c "$2"'
        assert host.run("sh -c %s sh %s %s", inside, group, ask).rc != 0
        other = ASK.format(address="127.0.0.1", port=site.port)
        assert host.run("sh -c %s sh %s %s", inside, group, other).rc == 0
