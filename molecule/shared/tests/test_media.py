"""Uploaded files: the live release stores one, nginx shows it, and nobody else on the host reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import Site

PAGE = "<script>alert(document.domain)</script>"
STORE = (
    "from django.core.files.base import ContentFile; from django.core.files.storage import default_storage as s;"
    "n = s.save('asgiway-test/page.html', ContentFile({page!r})); print(s.path(n), s.url(n))"
)
ASK = (
    "import json, ssl, urllib.error as e, urllib.request as r\n"
    "try: a = r.urlopen({url!r}, timeout=5, context=ssl._create_unverified_context())\n"
    "except e.HTTPError as error: a = error\n"
    "print(json.dumps([a.status, dict(a.headers), a.read().decode()]))"
)


@pytest.fixture
def stored(host: Any, site: Site) -> Iterator[tuple[str, str]]:
    """Store a file as the project does, and return its path and its URL."""
    said = host.check_output("%s-manage shell -v0 -c %s", site.name, STORE.format(page=PAGE))
    path, url = said.split()[-2:]
    yield path, url
    host.check_output("rm -r %s", f"/srv/{site.name}/media/asgiway-test")


@pytest.fixture
def ask(host: Any, site: Site) -> Callable[[str], Any]:
    """Return a function that asks nginx, on the host itself: status, headers, body."""
    return lambda path: json.loads(host.check_output("python3 -c %s", ASK.format(url=site.url + path)))


def test_an_upload_is_shown_and_never_run(site: Site, stored: tuple[str, str], ask: Callable[[str], Any]) -> None:
    """It lies outside of the release, and a browser only saves it."""
    path, url = stored
    assert path.startswith(f"/srv/{site.name}/media/asgiway-test/")
    status, headers, body = ask(url)
    assert (status, body, headers["Content-Disposition"]) == (200, PAGE, "attachment")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].endswith("sandbox")


def test_no_link_leads_out_of_the_uploads(
    host: Any, site: Site, stored: tuple[str, str], ask: Callable[[str], Any]
) -> None:
    """Neither a file's nor a directory's; what nginx does not show is asked of the project, which has no such page."""
    path, url = stored
    beside, base = path.rpartition("/")[0], url.rpartition("/")[0]
    for name, target in {"file.txt": "/etc/hostname", "etc": "/etc"}.items():
        assert host.run("ln -s %s %s", target, f"{beside}/{name}").rc == 0
    for link in ("file.txt", "etc/hostname"):
        status, _, body = ask(f"{base}/{link}")
        assert status == 404, link
        assert host.file("/etc/hostname").content_string.strip() not in body
    assert ask(f"{base}/")[0] == 404  # no listing


def test_nobody_else_on_the_host_reads_uploads(host: Any, site: Site, stored: tuple[str, str]) -> None:
    """Nginx by its group; the group does not write."""
    path, _ = stored
    top = host.file(f"/srv/{site.name}/media")
    assert (top.user, top.group, top.mode) == (site.name, site.name, 0o750)
    become = "setpriv --reuid=%s --regid=%s --init-groups sh -c %s"
    assert host.run(become, "www-data", "www-data", f"cat {path}").stdout == PAGE
    for who, what in (("nobody", f"cat {path}"), ("www-data", f"touch {path}"), ("www-data", f"rm -f {path}")):
        group = "nogroup" if who == "nobody" else who
        assert host.run(become, who, group, what).rc != 0, f"{who}: {what}"
