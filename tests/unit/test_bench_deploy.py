"""What the bench of deploys reads from a run, and when it says that a target is missed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[2] / "bench/deploy.py"
RECAP = """
PLAY RECAP *********************************************************************
one   : ok=33   changed=12   unreachable=0    failed={failed}    skipped=30   rescued=0    ignored=0
two   : ok=35   changed=13   unreachable=0    failed=0    skipped=31   rescued=0    ignored=0
"""


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_deploy", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_deploy"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_host_with_the_most_tasks_counts(bench: ModuleType) -> None:
    assert bench.read(RECAP.format(failed=0), 12.5) == bench.Run(12.5, 35, 13, 31)


def test_a_run_that_failed_is_no_figure(bench: ModuleType) -> None:
    for output in (RECAP.format(failed=1), "nothing"):
        with pytest.raises(ValueError):
            bench.read(output, 12.5)


def test_targets_are_compared_within_a_round(bench: ModuleType) -> None:
    def rounds(code: tuple[int, ...], tasks: int = 35) -> dict[str, list[object]]:
        # a machine that is twice as slow in its second round
        return {
            "trivial": [bench.Run(20.0 * slow, 60, 0, 0) for slow in (1, 2, 1)],
            "nothing to do": [bench.Run(4.0 * slow, 11, 0, 2) for slow in (1, 2, 1)],
            "new code": [bench.Run(seconds, tasks, 13, 30) for seconds in code],
        }

    assert bench.misses(rounds((15, 30, 15))) == []
    assert bench.misses(rounds((15, 30, 15), 36)) == ["new code: 36 tasks, at most 35 are wanted"]
    assert bench.misses(rounds((18, 36, 15))) == [
        "new code: 0.90 of the time of 60 trivial tasks, at most 0.8 is wanted"
    ]
    assert "| new code | 35 | 30 | 15.0 | 0.75 (0.75 to 0.75) | 35 tasks, 0.8 |" in bench.table(rounds((15, 30, 15)))
