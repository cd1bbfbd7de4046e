"""A project without asgi.py or wsgi.py is served all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"


@pytest.mark.parametrize("name", ["asgi", "wsgi"])
def test_it_is_what_django_itself_would_serve(tmp_path: Path, name: str) -> None:
    (tmp_path / "django/core").mkdir(parents=True)
    for kind in ("asgi", "wsgi"):
        (tmp_path / f"django/core/{kind}.py").write_text(
            f"def get_{kind}_application():\n    return 'the {kind} one'\n"
        )
    code = "from asgiway_runtime import loading; print(loading.from_environment('WHICH', ''))"
    environment = {**os.environ, "PYTHONPATH": f"{RUNTIME}:{tmp_path}", "WHICH": f"asgiway_runtime.plain:{name}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == f"the {name} one", done.stderr


def test_there_is_nothing_else_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(RUNTIME))
    from asgiway_runtime import plain

    with pytest.raises(AttributeError, match="has no attribute application"):
        _ = plain.application
