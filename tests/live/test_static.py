"""Static files come from disk, under names that change with their content."""

from __future__ import annotations

import re

import pytest
from live_site import Site, hashed_static

MONTH = 30 * 24 * 3600


def test_a_page_names_hashed_static_files(site: Site) -> None:
    names = hashed_static(site.get("/").text)
    assert {name.rpartition(".")[2] for name in names} == {"css", "js"}, names


@pytest.mark.behind_nginx
@pytest.mark.parametrize(("ending", "kind"), [("css", "text/css"), ("js", "javascript")])
def test_a_hashed_file_may_be_kept_for_a_long_time(site: Site, ending: str, kind: str) -> None:
    name = next(name for name in hashed_static(site.get("/").text) if name.endswith(ending))
    answer = site.get(name)
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]
    caching = answer.headers.get("cache-control", "")
    age = re.search(r"max-age=(\d+)", caching)
    assert age and int(age[1]) >= MONTH, caching
    assert "immutable" in caching
    assert "set-cookie" not in answer.headers


@pytest.mark.behind_nginx
def test_a_static_file_is_compressed_for_who_accepts_it(site: Site) -> None:
    name = hashed_static(site.get("/").text)[0]
    packed = site.get(name, headers={"Accept-Encoding": "gzip"})
    plain = site.get(name, headers={"Accept-Encoding": "identity"})
    assert packed.headers.get("content-encoding") == "gzip"
    assert "accept-encoding" in packed.headers.get("vary", "").lower()
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text


@pytest.mark.behind_nginx
def test_a_missing_static_file_is_404_and_not_kept(site: Site) -> None:
    answer = site.get("/static/live/no-such-file.js")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


@pytest.mark.behind_nginx
@pytest.mark.parametrize("way_out", ["/static..", "/static/%2e%2e"])
@pytest.mark.parametrize("path", ["/live/src/manage.py", "/live/release.json", "/history.jsonl"])
def test_nothing_beside_the_static_files_can_be_read(site: Site, way_out: str, path: str) -> None:
    """An nginx location without its last slash serves the parent directory."""
    assert site.get(way_out + path).status_code in (400, 403, 404)
