"""The tests that kill a deploy after a task name tasks that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tools
import yaml

BOUNDARY = re.compile(r'"([a-z_]+ : [^"#]+)#\d+"')
FILES = sorted((tools.ROOT / "tests/crash").glob("test_*.py"))


def names(tasks: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the names of tasks, those in blocks too."""
    for task in tasks:
        yield task.get("name", "")
        for part in ("block", "rescue", "always"):
            yield from names(task.get(part) or [])


@pytest.fixture(scope="module")
def tasks() -> set[str]:
    """Role and name of each task, as Ansible prints them."""
    return {
        f"{file.parts[-3]} : {name}"
        for file in tools.ROOT.glob("roles/*/tasks/*.yml")
        for name in names(yaml.safe_load(file.read_text(encoding="utf-8")) or [])
    }


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_boundaries_are_tasks(file: Path, tasks: set[str]) -> None:
    assert set(BOUNDARY.findall(file.read_text(encoding="utf-8"))) - tasks == set()


def test_there_are_boundaries() -> None:
    assert sum(len(BOUNDARY.findall(file.read_text(encoding="utf-8"))) for file in FILES) > 10
