"""When the bench beside the assembled stack says that a target is missed, and what its visitors count."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from deploying import wait_for

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("bench_peers", BENCH / "peers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "bench_peers", module)  # dataclasses look there
        patch.syspath_prepend(BENCH)  # as for a script, beside its file
        spec.loader.exec_module(module)
        patch.setattr(module, "BEFORE", 0.2)
        patch.setattr(module, "AFTER", 0.2)
        yield module


def test_each_target_can_be_missed(bench: ModuleType) -> None:
    def turn(unchanged: float, changed: int, code: float, failed: list[str]) -> object:
        runs = {"nothing to do": bench.Run(unchanged, 9, changed, 2), "new code": bench.Run(code, 32, 13, 29)}
        return bench.Turn(runs, bench.Load(1000, failed))

    def rounds(unchanged: float = 4.0, changed: int = 0, code: float = 16.0, failed: tuple[str, ...] = ()) -> object:
        # a machine that is twice as slow in its second round
        return [
            bench.Round(
                turn(unchanged * slow, changed, code * slow, list(failed)),
                turn(16.0 * slow, 6, 16.0 * slow, ["502"] * 18),
            )
            for slow in (1, 2, 1)
        ]

    assert bench.misses(rounds()) == []
    assert bench.misses(rounds(unchanged=4.8)) == ["nothing to do: 0.30 of the stack's time, at most 0.25 is wanted"]
    assert bench.misses(rounds(changed=2)) == ["nothing to do: 2 tasks changed something"]
    assert bench.misses(rounds(code=17.6)) == ["new code: 1.10 of the stack's time, at most 1.0 is wanted"]
    assert bench.misses(rounds(failed=("503",))) == ["new code: 3 requests failed, the first with 503"]
    lines = bench.table(rounds()).splitlines()
    assert lines[2] == "| nothing to do: seconds | 4.0 | 16.0 | 0.25 (0.25 to 0.25) | 0.25 |"
    assert lines[3] == "| nothing to do: tasks that changed something | 0 | 6 |  | 0 |"
    assert lines[6] == "| new code: requests that failed | 0 of 3000 | 54 of 3000 |  | 0 |"


@pytest.fixture
def site() -> Iterator[tuple[str, list[int]]]:
    answers = [200]

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", answers
        server.shutdown()
        thread.join()


def test_visitors_count_what_is_no_answer(bench: ModuleType, site: tuple[str, list[int]]) -> None:
    url, answers = site
    with bench.visited(url) as load:
        answers[0] = 302
        wait_for("ten visits", lambda: load.asked >= 10)
    assert load.failed == []
    with bench.visited(url) as load:
        answers[0] = 502
        wait_for("a visit that got no answer", lambda: bool(load.failed))
    assert set(load.failed) == {"502"}
    with pytest.raises(ValueError, match="answered nothing well: 502"), bench.visited(url):
        pass


def test_a_port_where_nobody_listens_is_no_site(bench: ModuleType) -> None:
    with pytest.raises(ValueError, match="ConnectError"), bench.visited("http://127.0.0.1:9/"):
        pass
