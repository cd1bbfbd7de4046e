"""Connections to PostgreSQL: what a deploy counts, says and refuses, before it changes anything on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

DEFINE = Path(__file__).resolve().parents[2] / "playbooks/tasks/define.yml"
LOADER = DataLoader()


def counted(connections: int, allowed: Any = 200, neighbours: tuple[tuple[str, int], ...] = (), **project: bool) -> str:
    """Return what the deploy says; in upper case where it stops."""
    (task,) = [each for each in LOADER.load_from_file(str(DEFINE), trusted_as_template=True) if "vars" in each]
    variables = {
        "app_server_name": "hybrid",
        "app_server_groups": [{"interface": "wsgi"}, {"interface": "asgi"}, {"interface": "process"}],
        "release_connections": connections,
        "postgresql_max_connections": allowed,
        "__state": {"neighbours": [{"name": name, "connections": number} for name, number in neighbours]},
        "__project": {"psycopg": False, "psycopg_pools": False, **project},
    }
    templar = Templar(loader=LOADER, variables=variables | task["vars"])
    options = task["ansible.builtin.assert"]
    fits = templar.evaluate_conditional(options["that"])
    said = str(templar.template(options["success_msg" if fits else "fail_msg"]))
    return said if fits else said.upper()


def test_a_deploy_says_how_many_there_may_be() -> None:
    assert counted(52) == (
        "hybrid may open 52 connections; with two releases side by side and 10 for yourself these are 114 of the 200"
        " that PostgreSQL allows."
    )


@pytest.mark.parametrize(("allowed", "fits"), [(114, True), (113, False), ("114", True), ("99", False)])
def test_two_releases_must_fit(allowed: Any, fits: bool) -> None:
    said = counted(52, allowed)
    assert said.isupper() is not fits
    assert ("OR RAISE IT: -E POSTGRESQL_MAX_CONNECTIONS=114" in said) is not fits


def test_other_apps_on_the_host_count() -> None:
    neighbours = (("blog", 30), ("news", 12))
    assert "side by side, 84 for blog, news and 10 for yourself these are 198 of" in counted(52, 200, neighbours)
    assert counted(54, 200, neighbours).isupper()


@pytest.mark.parametrize(("psycopg", "pools"), [(True, False), (True, True), (False, False)])
def test_a_driver_without_a_pool_is_named(psycopg: bool, pools: bool) -> None:
    said = counted(52, psycopg=psycopg, psycopg_pools=pools)
    assert ("Nothing bounds those of the ASGI server" in said) is (psycopg and not pools)
