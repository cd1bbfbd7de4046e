"""The project's WSGI application behind a Unix socket, and how it is found."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from asgiway_runtime.loading import from_environment


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with two applications, which answer with the client's address."""
    (tmp_path / "theirs_wsgi.py").write_text(
        "def application(environ, start_response):\n    return [environ.get('REMOTE_ADDR', 'none').encode()]\n"
        "def other(environ, start_response):\n    return [b'other']\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "theirs_wsgi", raising=False)
    return "theirs_wsgi"


@pytest.fixture
def wsgi(project: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("ASGIWAY_WSGI", f"{project}:application")
    monkeypatch.delitem(sys.modules, "asgiway_runtime.wsgi", raising=False)
    return importlib.import_module("asgiway_runtime.wsgi")


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, b"192.0.2.7"),
        ({"HTTP_X_FORWARDED_FOR": "2001:db8::7"}, b"2001:db8::7"),
        ({"REMOTE_ADDR": "0.0.0.0", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, b"192.0.2.7"),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, b"127.0.0.1"),
        ({"REMOTE_ADDR": ""}, b""),
    ],
)
def test_the_client_has_its_address_over_a_unix_socket(
    wsgi: ModuleType, environ: dict[str, str], address: bytes
) -> None:
    application: Callable[..., Any] = wsgi.application
    assert list(application(environ, lambda *_: None)) == [address]


def test_a_name_is_optional(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP", project)
    assert from_environment("APP", "application").__name__ == "application"
    monkeypatch.setenv("APP", f"{project}:other")
    assert from_environment("APP", "application").__name__ == "other"


def test_a_missing_variable_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP", raising=False)
    with pytest.raises(RuntimeError, match="APP is not set: nothing says which application to serve"):
        from_environment("APP", "application")


def test_the_projects_own_errors_stay_as_they_are(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP", "not_installed_anywhere:application")
    with pytest.raises(ModuleNotFoundError, match="No module named 'not_installed_anywhere'"):
        from_environment("APP", "application")
    monkeypatch.setenv("APP", f"{project}:missing")
    with pytest.raises(AttributeError, match="has no attribute 'missing'"):
        from_environment("APP", "application")
