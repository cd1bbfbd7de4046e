"""What the unit tests share: a way to run a module in this process, short directories, projects of a few files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

RunModule = Callable[..., dict[str, Any]]
Make = Callable[[dict[str, str]], Path]


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> RunModule:
    """Return a function that runs a module's main() with options and returns its result.

    `_check=True` runs it in check mode, `_diff=True` with --diff. A failure is a result with `failed`.
    """

    def run(main: Callable[[], None], _check: bool = False, _diff: bool = False, **options: Any) -> dict[str, Any]:
        capsys.readouterr()
        with (
            patch_module_args({**options, "_ansible_check_mode": _check, "_ansible_diff": _diff}),
            pytest.raises(SystemExit),
        ):
            main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


@pytest.fixture
def socket_dir() -> Iterator[Path]:
    """Return a directory whose name is short enough for a socket path (107 bytes, unix(7))."""
    path = Path(tempfile.mkdtemp(prefix="aw-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes {name: text} and returns the project's directory."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return write
