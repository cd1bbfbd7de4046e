"""The rendered rules: a kernel takes them, apps add up, and others' rules are left alone. In a network of their own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tools
from rendering import Rendered

APP, BASE = "firewall/app.nft.j2", "firewall/base.nft.j2"
IN_FORCE = "nft list table inet asgiway"
Network = Callable[..., str]


@pytest.fixture(scope="module")
def files(everything: dict[tuple[str, str], Rendered]) -> dict[str, str]:
    """One server's files; they say the same for every server."""
    return next(iter(everything.values())).files


@pytest.fixture
def network() -> Network:
    """Return a function that runs a script as root of a network of its own, and returns what it says."""
    nft, environment = tools.nft()
    path = os.pathsep.join([str(nft.parent), tools.SYSTEM_PATH])
    enter = ["unshare", "--map-root-user", "--net", "--"]
    if subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this kernel gives nobody a network of his own")

    def run(script: str) -> str:
        done = subprocess.run(
            [*enter, "sh", "-euc", script],
            capture_output=True,
            text=True,
            env={**os.environ, **environment, "PATH": path},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def base(files: dict[str, str], tmp_path: Path) -> Path:
    """The rules, with the app shop and another one."""
    text = files[BASE].replace("/etc/asgiway/", f"{tmp_path}/")
    for name, rules in (("shop", files[APP]), ("blog", files[APP].replace("18080", "9000").replace("shop", "blog"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "firewall.nft").write_text(rules)
    (tmp_path / "nftables.conf").write_text(text)
    return tmp_path / "nftables.conf"


def accepted(listing: str) -> dict[str, set[str]]:
    """Return who -> the ports that are open for it."""
    found: dict[str, set[str]] = {}
    for protocol, ports, who in re.findall(r'(tcp|udp) dport (\S+) accept comment "(\w+)"', listing):
        found.setdefault(who, set()).add(f"{ports}/{protocol}")
    return found


ALLOWED = {"51820/udp", "60000-61000/udp"}


def test_an_app_can_be_checked_alone(files: dict[str, str], network: Network, tmp_path: Path) -> None:
    """As the template is, before there is a table."""
    (tmp_path / "new").write_text(files[APP])
    network(f"nft --check --file {tmp_path}/new")


def test_apps_add_up_and_one_leaves_the_others(base: Path, network: Network) -> None:
    load = f"nft --file {base}; {IN_FORCE}; echo ----;"
    both, one, none = network(
        f"{load} rm {base.parent}/shop/firewall.nft; {load} rm {base.parent}/blog/firewall.nft; {load}"
    ).split("----")[:3]
    ssh = {"22/tcp", "2222/tcp"}
    assert accepted(both) == {"ssh": ssh, "shop": {"18080/tcp", *ALLOWED}, "blog": {"9000/tcp", *ALLOWED}}
    assert accepted(one) == {"ssh": ssh, "blog": {"9000/tcp", *ALLOWED}}
    assert accepted(none) == {"ssh": ssh}
    assert "policy drop" in both and "policy drop" in none


def test_loading_again_changes_nothing_and_other_tables_stay(base: Path, network: Network) -> None:
    other = "add table inet filter; add chain inet filter input; add rule inet filter input tcp dport 1 accept"
    load = f"nft --file {base}; nft list ruleset; echo ----;"
    first, second = network(f"nft {shlex.quote(other)}; {load} {load}").split("----\n")[:2]
    assert first == second
    assert "table inet filter" in second and "tcp dport 1 accept" in second


def test_rules_with_a_mistake_leave_those_in_force(base: Path, network: Network) -> None:
    broken = (
        f"echo 'table inet asgiway {{ chain input {{ tcp dport 70000 accept }} }}' >{base.parent}/shop/firewall.nft"
    )
    listing = network(f"nft --file {base}; {broken}; ! nft --file {base} 2>/dev/null; {IN_FORCE}")
    assert "18080/tcp" in accepted(listing)["shop"]


def test_whoever_is_logged_in_is_let_in_before_anything_is_refused(files: dict[str, str]) -> None:
    lines = [line.strip() for line in files[BASE].splitlines()]
    assert lines.index('tcp dport 22 accept comment "ssh"') < lines.index("ct state invalid drop")


def test_nothing_flushes_the_rules_of_others(files: dict[str, str]) -> None:
    texts = [text for name, text in files.items() if name.startswith("firewall/")]
    assert len(texts) == 5
    assert not any("flush" in line for text in texts for line in text.splitlines() if not line.startswith("#"))
