"""What nginx keeps under microcache_seconds, and for whom: a running one, in front of a project that counts."""

from __future__ import annotations

import http.client
import http.server
import itertools
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import nginx_run
import pytest
import rendering

KEPT_SECONDS = 2
# path -> what the project says beside a length; a path that is not there gets no more
HEADERS = {
    "/cookie/": {"Set-Cookie": "csrftoken=a"},
    "/private/": {"Cache-Control": "private"},
    "/never/": {"Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private"},
    "/past/": {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"},
    "/hour/": {"Cache-Control": "max-age=3600", "Expires": "Thu, 01 Jan 2099 00:00:00 GMT"},
    "/language/": {"Vary": "Accept-Language"},
    "/everything/": {"Vary": "*"},
}


class App(http.server.BaseHTTPRequestHandler):
    """The project: each answer has a number of its own."""

    numbers = itertools.count()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        body = f"{self.command} {next(self.numbers)}".encode()
        path = self.path.partition("?")[0]
        self.send_response(404 if path == "/missing/" else 200)
        if path == "/stream/":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body)))
        for name, value in HEADERS.get(path, {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def address_string(self) -> str:
        """Return whom to log; a Unix socket has no address."""
        return "nginx"


@dataclass
class Site:
    """A running nginx."""

    port: int

    def ask(self, path: str, method: str = "GET", **headers: str) -> str:
        """Return the body of the answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            host = headers.pop("Host", "shop.example.com")
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"Host": f"{host}:{self.port}", **headers})
            return connection.getresponse().read().decode()

    def keeps(self, path: str, **headers: str) -> bool:
        """Tell whether a second visitor gets what the first one got."""
        return self.ask(path, **headers) == self.ask(path, **headers)


def files_of(rendered: rendering.Rendered, scratch: Path) -> tuple[str, str]:
    """Return the site, which keeps its pages in a scratch directory, and what is for the whole of nginx."""
    site = rendered.files["nginx/site.conf.j2"].replace("/var/cache/nginx-shop", str(scratch / "pages"))
    return site, rendered.files["nginx/main.conf.j2"]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, rendering.Rendered], int]:
    """The site with pages that are kept and without, in one run of Ansible."""
    scratch = tmp_path_factory.mktemp("kept")
    (port,) = nginx_run.free_ports(1)
    words = {
        "http_port": port,
        "requests_per_second": 0,
        "app_health_path": "/healthz?short",
        **nginx_run.below(scratch),
    }
    kinds = {"with": {**words, "microcache_seconds": KEPT_SECONDS}, "without": words}
    return scratch, rendering.render_sites(scratch, kinds), port


@pytest.fixture(scope="module")
def site(
    sites: tuple[Path, dict[str, rendering.Rendered], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    scratch, texts, port = sites
    room = tmp_path_factory.mktemp("nginx")
    site = files_of(texts["with"], room)
    with nginx_run.live(scratch, App, "http", "async"), nginx_run.running(*site, room, [port]):
        yield Site(port)


def test_what_is_for_everybody_is_kept(site: Site) -> None:
    assert site.keeps("/page/")
    assert site.keeps("/page/?q=1")
    assert site.ask("/page/?q=1") != site.ask("/page/?q=2")
    assert site.ask("/page/") != site.ask("/page/", Host="www.shop.example.com")


@pytest.mark.parametrize("header", ["Cookie", "Authorization", "X_Api_Key"])
def test_somebody_gets_no_kept_page_and_leaves_none(site: Site, header: str) -> None:
    path = f"/of-{header}/"
    own = site.ask(path, **{header: "sessionid=a"})
    assert own != site.ask(path, **{header: "sessionid=a"})
    kept = site.ask(path)
    assert kept != own
    assert site.ask(path, **{header: "sessionid=a"}) != kept
    assert site.ask(path) == kept


@pytest.mark.parametrize(
    "path",
    [
        *("/cookie/", "/private/", "/never/", "/past/", "/everything/", "/stream/", "/missing/", "/healthz"),
        *("/healthz?short", "/events/whoami/"),
    ],
)
def test_what_is_for_one_or_for_now_is_not_kept(site: Site, path: str) -> None:
    assert not site.keeps(path)


def test_only_a_get_is_answered_from_what_is_kept(site: Site) -> None:
    kept = site.ask("/form/")
    assert site.ask("/form/", method="POST").startswith("POST")
    assert site.ask("/form/") == kept


def test_who_speaks_another_language_gets_another_page(site: Site) -> None:
    assert site.keeps("/language/", Accept_Language="de")
    assert site.ask("/language/", Accept_Language="de") != site.ask("/language/", Accept_Language="fr")


@pytest.mark.parametrize("path", ["/page-that-ages/", "/hour/"])
def test_nothing_is_kept_for_longer(site: Site, path: str) -> None:
    """Also where Django allows an hour, as cache_page does for browsers."""
    kept, start = site.ask(path), time.monotonic()
    assert site.ask(path) == kept
    while site.ask(path) == kept:
        assert time.monotonic() - start < KEPT_SECONDS + 2, "it is still kept"
        time.sleep(0.1)


def test_gixy_finds_nothing_above_low(sites: tuple[Path, dict[str, rendering.Rendered], int], tmp_path: Path) -> None:
    assert nginx_run.findings(*files_of(sites[1]["with"], tmp_path), tmp_path) == []


def test_the_log_tells_what_was_kept(sites: tuple[Path, dict[str, rendering.Rendered], int]) -> None:
    assert '"cache":"$upstream_cache_status"' in sites[1]["with"].files["nginx/site.conf.j2"]


def test_without_the_word_nothing_is_kept(sites: tuple[Path, dict[str, rendering.Rendered], int]) -> None:
    text = sites[1]["without"].files["nginx/site.conf.j2"]
    assert "proxy_cache" not in text
    assert "upstream_cache_status" not in text
