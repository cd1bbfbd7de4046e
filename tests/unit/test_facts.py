"""The facts of a host: everything that the kit reads, with the values that ansible.builtin.setup has for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import tools
from ansible.modules import setup
from ansible_collections.asgiway.django.plugins.modules import facts

RunModule = Callable[..., dict[str, Any]]
# by modules of roles, where they need them
OTHERS = {"tcp_listen", "udp_listen", "getent_group"}


def read() -> set[str]:
    """Return the names of the facts that playbooks, roles and templates read."""
    files = [file for part in ("playbooks", "roles", "templates") for file in (tools.ROOT / part).rglob("*.*")]
    texts = [file.read_text() for file in files if file.is_file()]
    return {name for text in texts for name in re.findall(r"ansible_facts\.(\w+)", text)} - OTHERS


def test_what_the_kit_reads_is_as_setup_says(run_module: RunModule) -> None:
    found: dict[str, Any] = run_module(facts.main)["ansible_facts"]
    whole = run_module(setup.main, gather_subset=["!all", "!min", "distribution", "dns", "network", "processor"])
    wanted = read()
    assert wanted >= {"processor_vcpus", "memtotal_mb", "service_mgr", "distribution_version", "lo", "dns"}
    assert wanted <= {name.removeprefix("ansible_") for name in found}
    for name in wanted & {name.removeprefix("ansible_") for name in whole["ansible_facts"]}:
        assert found[f"ansible_{name}"] == whole["ansible_facts"][f"ansible_{name}"]
