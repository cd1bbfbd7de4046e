"""What a project brings along, where a scenario has it: files laid into it, commands at their moments, .br files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Site

ASK = (
    "import json, ssl, urllib.request as r\n"
    "q = r.Request({url!r}, headers={{'Accept-Encoding': {coding!r}}})\n"
    "a = r.urlopen(q, timeout=5, context=ssl._create_unverified_context())\n"
    "print(json.dumps([a.headers['Content-Encoding'], a.read().hex()]))"
)


@pytest.fixture(autouse=True)
def _own(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--own"):
        pytest.skip("this scenario has none of it")


def ask(host: Any, site: Site, path: str, coding: str = "identity") -> tuple[str | None, bytes]:
    """Ask nginx, on the host itself, for a static file: its encoding and its bytes."""
    code = ASK.format(url=f"{site.url}/static/live/{path}", coding=coding)
    encoding, body = json.loads(host.check_output("python3 -c %s", code))
    return encoding, bytes.fromhex(body)


def test_settings_are_laid_beside_the_projects_own(host: Any, site: Site) -> None:
    """The processes use them, and the app alone reads them."""
    laid = host.file(f"{site.directory}/src/config/laid.py")
    assert (laid.user, laid.group, laid.mode) == ("root", site.name, 0o640)
    code = "from django.conf import settings as s; print(s.LAID)"
    assert host.check_output("%s-manage shell -v0 -c %s", site.name, code) == "by app_files"


def test_the_projects_commands_have_run_at_their_moments(host: Any, site: Site) -> None:
    """What one made before collectstatic is a static file, and another saw this release go live."""
    assert ask(host, site, "built.txt") == (None, b"built\n")
    made = host.file(f"{site.directory}/src/live/static/live/built.txt")
    assert (made.user, made.group) == ("root", site.name)  # not to be changed by the processes
    assert host.file(f"/var/lib/{site.name}/switched").content_string.strip() == f"{site.directory}/src"


def test_a_projects_br_file_is_sent_to_who_takes_it(host: Any, site: Site) -> None:
    """The one that a command has made of the style sheet."""
    plain, packed = ask(host, site, "live.css"), ask(host, site, "live.css", "br")
    assert (plain[0], packed[0]) == (None, "br")
    assert len(packed[1]) < len(plain[1])
