"""A table of nftables: loaded whatever it is, changed only when the kernel has other rules then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import nft_table

RunModule = Callable[..., dict[str, Any]]
# the kernel's table is the file `kernel`; what is loaded is the text of --file; REFUSES holds an error
NFT = """#!/bin/sh
cd {directory}
echo "$@" >>asked
if [ -e refuses ]; then cat refuses >&2; exit 1; fi
case "$*" in
    *"list table "*) cat kernel 2>/dev/null || { echo "No such file or directory" >&2; exit 1; } ;;
    "list tables") ;;
    "--check --file "*) ! grep -q wrong "$3" ;;
    "--file "*) if grep -q wrong "$2"; then echo "$2:1: syntax error" >&2; exit 1; fi; cat "$2" >kernel ;;
    "delete table inet asgiway") rm kernel ;;
    *) exit 2 ;;
esac
"""


@pytest.fixture
def table(run_module: RunModule, tmp_path: Path) -> RunModule:
    nft = tmp_path / "nft"
    nft.write_text(NFT.replace("{directory}", str(tmp_path)))
    nft.chmod(0o755)
    (tmp_path / "rules").write_text("table inet asgiway { new }")

    def run(**options: Any) -> dict[str, Any]:
        options = {"path": str(tmp_path / "rules"), "table": "inet asgiway", "nft": str(nft), **options}
        return run_module(nft_table.main, **options)

    return run


def test_it_is_loaded_once(table: RunModule) -> None:
    first = table()
    assert (first["changed"], first["rules"]) == (True, "table inet asgiway { new }")
    assert table()["changed"] is False


@pytest.mark.parametrize("stands", [None, "table inet asgiway { old }"])
def test_what_a_killed_run_did_not_load_is_loaded(table: RunModule, tmp_path: Path, stands: str | None) -> None:
    """Its file is as it should be; so is one after somebody's `nft flush ruleset`."""
    if stands:
        (tmp_path / "kernel").write_text(stands)
    assert table()["changed"] is True
    assert (tmp_path / "kernel").read_text() == "table inet asgiway { new }"


def test_rules_that_nft_cannot_read_leave_what_is_in_force(table: RunModule, tmp_path: Path) -> None:
    table()
    (tmp_path / "rules").write_text("wrong")
    result = table()
    assert "what was in force still is" in result["msg"] and "rules:1: syntax error" in result["msg"]
    assert (tmp_path / "kernel").read_text() == "table inet asgiway { new }"


@pytest.mark.parametrize("state", ["present", "possible"])
def test_a_kernel_that_takes_no_rules(table: RunModule, tmp_path: Path, state: str) -> None:
    (tmp_path / "refuses").write_text("netlink: Error: cache initialization failed: Operation not permitted\n")
    result = table(state=state)
    assert "lets nobody make rules" in result["msg"]
    assert "manage_firewall=false" in result["msg"]


def test_whether_it_is_possible_is_only_asked(table: RunModule, tmp_path: Path) -> None:
    assert table(state="possible")["changed"] is False
    assert not (tmp_path / "kernel").exists()


def test_check_mode_loads_nothing(table: RunModule, tmp_path: Path) -> None:
    assert table(_check=True)["changed"] is True
    assert not (tmp_path / "kernel").exists()
    table()
    assert table(_check=True)["changed"] is False
    assert table(_check=True, path=str(tmp_path / "none yet"))["changed"] is True
    assert table(_check=True, state="absent")["changed"] is True
    assert (tmp_path / "kernel").exists()


def test_absent(table: RunModule, tmp_path: Path) -> None:
    table()
    assert (table(state="absent")["changed"], (tmp_path / "kernel").exists()) == (True, False)
    assert table(state="absent")["changed"] is False


def test_without_nft(table: RunModule, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere" / "nft")
    assert "No such file" in table(nft=nowhere)["msg"]
    assert table(nft=nowhere, state="absent")["changed"] is False
