"""What nginx answers below app_media_url: a running one, with files that visitors could have uploaded."""

from __future__ import annotations

import http.client
import http.server
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import nginx_conf
import nginx_run
import pytest
import rendering

POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
PAGE = "<script>alert(document.domain)</script>"
APP = "the project's own answer"
# name -> type, whether a browser may show it, and under which policy
FILES = {
    "photo.png": ("image/png", True, POLICY),
    "Photo.JPG": ("image/jpeg", True, POLICY),
    "clip.mp4": ("video/mp4", True, POLICY),
    "notes.txt": ("text/plain", True, POLICY),
    "paper.pdf": ("application/pdf", True, None),
    "logo.svg": ("image/svg+xml", False, POLICY),
    "page.html": ("application/octet-stream", False, POLICY),
    "page.XHTML": ("application/octet-stream", False, POLICY),
    "feed.xml": ("application/octet-stream", False, POLICY),
    "code.js": ("application/octet-stream", False, POLICY),
    "style.css": ("application/octet-stream", False, POLICY),
    "shell.php": ("application/octet-stream", False, POLICY),
    "photo.png.html": ("application/octet-stream", False, POLICY),
    "page.pdf.html": ("application/octet-stream", False, POLICY),
    "png": ("application/octet-stream", False, POLICY),
    "deep/er/page.html": ("application/octet-stream", False, POLICY),
}


@dataclass
class Served:
    """A running nginx."""

    port: int
    media: Path

    def ask(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, str]:
        """Return the answer and its body."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", path, headers={"Host": f"shop.example.com:{self.port}", **headers})
            answer = connection.getresponse()
            return answer, answer.read().decode()


class App(http.server.BaseHTTPRequestHandler):
    """The project, which answers 404 in words of its own."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(404)
        self.end_headers()
        self.wfile.write(APP.encode())

    def address_string(self) -> str:
        """Return whom to log; a Unix socket has no address."""
        return "nginx"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, rendering.Rendered], int]:
    """The site with uploads and without, in one run of Ansible."""
    scratch = tmp_path_factory.mktemp("shown")
    (port,) = nginx_run.free_ports(1)
    words = {
        "http_port": port,
        "requests_per_second": 0,
        "app_media_url": "/up/loads/",
        **nginx_run.below(scratch),
    }
    return (
        scratch,
        rendering.render_sites(scratch, {"with": words, "without": {**words, "app_media_url": "", "brotli": True}}),
        port,
    )


@pytest.fixture(scope="module")
def served(
    sites: tuple[Path, dict[str, rendering.Rendered], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    scratch, rendered, port = sites
    media, room = scratch / "media", tmp_path_factory.mktemp("nginx")
    for name in FILES:
        (media / name).parent.mkdir(parents=True, exist_ok=True)
        (media / name).write_text(PAGE)
    files = rendered["with"].files
    site = files["nginx/site.conf.j2"], files["nginx/main.conf.j2"]
    with nginx_run.live(scratch, App, "http"), nginx_run.running(*site, room, [port]):
        yield Served(port, media)


@pytest.mark.parametrize("name", FILES)
def test_no_browser_runs_what_visitors_upload(served: Served, name: str) -> None:
    kind, shown, policy = FILES[name]
    for headers in ({}, {"If-Modified-Since": served.ask(f"/up/loads/{name}")[0].headers["Last-Modified"]}):
        answer, body = served.ask(f"/up/loads/{name}", **headers)
        assert (answer.status, body) == ((304, "") if headers else (200, PAGE))
        if not headers:
            assert answer.headers["Content-Type"] == kind
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers["Content-Security-Policy"] == policy
        assert answer.headers["Content-Disposition"] == (None if shown else "attachment")


@pytest.mark.parametrize("path", ["", "deep/", "deep", "nothing.png", "deep/er/page.html/"])
def test_directories_and_what_is_not_there_are_the_projects(served: Served, path: str) -> None:
    answer, body = served.ask(f"/up/loads/{path}")
    assert (answer.status, body) == (404, APP)


def test_no_link_leads_out(served: Served, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside/secret.txt").write_text("secret")
    for name, target in {"link.txt": "secret.txt", "linked": "inside"}.items():
        (served.media / name).unlink(missing_ok=True)
        (served.media / name).symlink_to(tmp_path / target)
    assert (served.media / "link.txt").read_text() == "secret"
    for path in ("link.txt", "linked/secret.txt", "../secret.txt", "%2e%2e/live/socket"):
        answer, body = served.ask(f"/up/loads/{path}")
        assert (answer.status, body) in [(404, APP), (400, body)], path
        assert "secret" not in body


@pytest.mark.parametrize("name", [".htpasswd", ".git/config", "deep/.hidden.png"])
def test_names_with_a_dot_in_front_are_not_there(served: Served, name: str) -> None:
    (served.media / name).parent.mkdir(parents=True, exist_ok=True)
    (served.media / name).write_text("secret")
    answer, body = served.ask(f"/up/loads/{name}")
    assert answer.status == 404
    assert "secret" not in body


def test_parts_of_a_film_are_answered(served: Served) -> None:
    answer, body = served.ask("/up/loads/clip.mp4", Range="bytes=1-6")
    assert (answer.status, body) == (206, "script")


@pytest.mark.parametrize(("site", "said"), [("with", ""), ("without", "on")])
def test_brotli_takes_a_word(sites: tuple[Path, dict[str, rendering.Rendered], int], site: str, said: str) -> None:
    (server,) = nginx_conf.parse(sites[1][site].files["nginx/site.conf.j2"]).all("server")
    (static,) = [entry for entry in server.all("location") if entry.words[2:] == ["/static/"]]
    assert static.value("brotli_static") == said
    assert static.value("gzip_static") == "on"


def test_gixy_finds_nothing_above_low(sites: tuple[Path, dict[str, rendering.Rendered], int], tmp_path: Path) -> None:
    files = sites[1]["with"].files
    assert nginx_run.findings(files["nginx/site.conf.j2"], files["nginx/main.conf.j2"], tmp_path) == []


def test_without_the_word_nginx_shows_none(sites: tuple[Path, dict[str, rendering.Rendered], int]) -> None:
    site = nginx_conf.parse(sites[1]["without"].files["nginx/site.conf.j2"])
    (server,) = site.all("server")
    assert {entry.words[1] for entry in server.all("location")} == {"^~", "@websocket", "/ws/", "/events/", "/"}
    assert [entry.words[2] for entry in server.all("location") if entry.words[1] == "^~"] == ["/static/"]
    assert "media" not in sites[1]["without"].files["nginx/site.conf.j2"]
