"""The release's own routes (app_asgi_routes: auto), answered by a running nginx over the links of a release."""

from __future__ import annotations

import base64
import http.client
import http.server
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import nginx_conf
import nginx_run
import pytest
import rendering
from ansible_collections.asgiway.django.plugins.modules import links
from ansible_collections.asgiway.django.plugins.plugin_utils import routes
from rendering import RELEASE, Rendered

HOST = "shop.example.com"
LIVE = "/srv/shop/live"
# as a deploy before auto left it
STOOD = """
location /ws/ {
    if ($shop_websocket) {
        return 418;
    }
    proxy_pass http://shop_async;
}
location /old.events/ {
    if ($shop_websocket) {
        return 418;
    }
    proxy_pass http://shop_async;
}
location / {
    if ($shop_websocket) {
        return 418;
    }
    proxy_pass http://shop_http;
}
"""
FIRST = {"below": ["/events/", "/a/b/c/d/e/f/", "/dot.ted/"], "exactly": ["/", "/poll", "/item/"]}
SECOND = {"below": ["/events/", "/new/"], "exactly": []}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """Name -> a site: with nothing before it, after a list, after itself, and with a prefix beside."""
    scratch = tmp_path_factory.mktemp("routes")
    stood = {"content": base64.b64encode(STOOD.encode()).decode()}
    state = {"live": RELEASE, "releases": [{"id": RELEASE, "info": {"routes": SECOND}}, {"id": "0" * 12, "info": {}}]}
    # nobody counts how often the tests ask
    common = {"app_asgi_routes": "auto", "requests_per_second": 0}
    sites = {
        "fresh": common,
        "listed": {**common, "__nginx_stands": stood},
        "both": {**common, "app_asgi_routes": ["auto", "/by-hand/"], "__nginx_stands": stood, "__state": state},
    }
    rendered = rendering.render_sites(scratch, sites)
    for name in sites:
        content = base64.b64encode(rendered[name].files["nginx/site.conf.j2"].encode()).decode()
        sites[name] = {**sites[name], "__nginx_stands": {"content": content}}
    again = rendering.render_sites(scratch, sites)
    return rendered | {f"{name} again": one for name, one in again.items()}


def app(kind: str) -> type[http.server.BaseHTTPRequestHandler]:
    class App(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = f"{kind} {self.path} {self.rfile.read(length).decode()}".strip().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Keep quiet; there is no address to log."""

    return App


@pytest.fixture(scope="module")
def srv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two releases, and one from before; all of them have the same sockets."""
    root = tmp_path_factory.mktemp("srv")
    (root / "release.json").write_text("{}")
    for name, own in (("first", FIRST), ("second", SECOND), ("none", {"below": [], "exactly": []}), ("before", None)):
        release = root / name
        wanted = [
            {"name": f"{kind}/{slot}.sock", "target": str(root / kind)}
            for kind in ("http", "async")
            for slot in range(1, nginx_run.SLOTS + 1)
        ]
        if own is not None:
            wanted += routes.route_links(own, str(root / "release.json"))
        for link in wanted:
            links.make(release, link)
    with nginx_run.answering(root / "http", app("http")), nginx_run.answering(root / "async", app("async")):
        yield root


def go_live(srv: Path, release: str) -> None:
    (srv / "new").symlink_to(release)
    (srv / "new").replace(srv / "live")


@pytest.fixture(scope="module")
def ports(sites: dict[str, Rendered], srv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Name -> the port of the running site."""
    names = ("fresh", "listed", "both")
    found = dict(zip(names, nginx_run.free_ports(len(names)), strict=True))
    text = ""
    for name, port in found.items():
        site = sites[name].files["nginx/site.conf.j2"].replace(LIVE, str(srv / "live")).replace("18080", str(port))
        site = site.replace("shop_", f"{name}_").replace("zone=shop", f"zone={name}").replace("/shop.", f"/{name}.")
        text += site.replace("log_format shop", f"log_format {name}").replace(".log shop ", f".log {name} ")
    scratch = tmp_path_factory.mktemp("nginx")
    go_live(srv, "first")
    with nginx_run.running(text, sites["fresh"].files["nginx/main.conf.j2"], scratch, list(found.values())):
        yield found


def ask(port: int, path: str, body: str = "", **headers: str) -> str:
    """Return which side answered and what it saw; sent as written, for http.client would not let everything pass."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("POST" if body else "GET", path, body or None, {"Host": HOST, **headers})
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == 200 else str(answer.status)


def test_nginx_takes_every_site(sites: dict[str, Rendered], tmp_path: Path) -> None:
    for rendered in sites.values():
        main = rendered.files["nginx/main.conf.j2"]
        assert nginx_run.complaints(rendered.files["nginx/site.conf.j2"], main, tmp_path) == []


def test_gixy_finds_nothing_above_low(sites: dict[str, Rendered], tmp_path: Path) -> None:
    files = sites["both"].files
    assert nginx_run.findings(files["nginx/site.conf.j2"], files["nginx/main.conf.j2"], tmp_path) == []


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("/", "async"),
        ("/?x=/item/", "async"),
        ("/poll", "async"),
        ("/poll?x", "async"),
        ("/item/", "async"),
        ("/events/", "async"),
        ("/events/a/b/c/d/e/f/g/h", "async"),
        ("/a/b/c/d/e/f/", "async"),
        ("/a/b/c/d/e/f/g/h", "async"),
        ("/%65vents/x", "async"),
        ("/dot.ted/x", "async"),
        ("/other/../events/x", "async"),
        ("/events//x", "async"),
        ("/poll/", "http"),
        ("/pollen", "http"),
        ("/item/7/", "http"),
        ("/item", "http"),
        ("/events", "http"),
        ("/eventsx/", "http"),
        ("/a/b/c/d/e/x", "http"),
        ("/dotxted/x", "http"),
        ("/events/../x", "http"),
        ("/x/events/", "http"),
        ("/-", "http"),
        ("/%5E%5E", "http"),
        ("/poll%5E", "http"),
        ("/%0Aevents/", "http"),
        ("/" + "x" * 300 + "/y", "http"),
        ("/ws/", "http"),
    ],
)
def test_a_path_goes_where_the_release_says(ports: dict[str, int], srv: Path, path: str, side: str) -> None:
    go_live(srv, "first")
    # unchanged, as the visitor wrote it
    assert ask(ports["fresh"], path) == f"{side} {path}"


def test_a_request_with_a_body_goes_there_whole(ports: dict[str, int], srv: Path) -> None:
    go_live(srv, "first")
    body = "x" * 20000
    assert ask(ports["fresh"], "/events/x", body, Expect="100-continue") == f"async /events/x {body}"


def test_the_routes_change_with_the_release_and_back(ports: dict[str, int], srv: Path) -> None:
    seen = []
    for release in ("first", "second", "first", "none"):
        go_live(srv, release)
        seen.append([ask(ports["fresh"], path).split()[0] for path in ("/events/", "/new/", "/poll")])
    first, second = ["async", "http", "async"], ["async", "async", "http"]
    assert seen == [first, second, first, ["http", "http", "http"]]


def test_a_release_from_before_keeps_what_was_listed(ports: dict[str, int], srv: Path) -> None:
    paths = ("/old.events/x", "/ws/x", "/oldxevents/x", "/events/x", "/")
    go_live(srv, "before")
    assert [ask(ports["listed"], path).split()[0] for path in paths] == ["async", "async", "http", "http", "http"]
    go_live(srv, "first")
    assert [ask(ports["listed"], path).split()[0] for path in paths] == ["http", "http", "http", "async", "async"]
    go_live(srv, "none")
    assert [ask(ports["listed"], path).split()[0] for path in paths] == ["http"] * 5


def test_a_prefix_beside_auto_counts_for_every_release(ports: dict[str, int], srv: Path) -> None:
    for release in ("first", "second", "before"):
        go_live(srv, release)
        assert ask(ports["both"], "/by-hand/x").startswith("async ")
    go_live(srv, "first")
    assert [ask(ports["both"], path).split()[0] for path in ("/events/", "/x")] == ["async", "http"]


def test_a_handshake_leaves_for_the_websockets_before_anything_else(sites: dict[str, Rendered]) -> None:
    (server,) = nginx_conf.parse(sites["fresh"].files["nginx/site.conf.j2"]).all("server")
    (rest,) = [one for one in server.all("location") if one.words[1] == "/"]
    first, *others = rest.all("if")
    assert [one.words for one in first.block] == [["return", "418"]]
    assert {tuple(one.block[0].words) for one in others} == {("return", "419")}


def test_the_named_location_is_as_patient_as_a_listed_one(sites: dict[str, Rendered]) -> None:
    (server,) = nginx_conf.parse(sites["both"].files["nginx/site.conf.j2"]).all("server")
    computed, listed = (
        next(one for one in server.all("location") if one.words[1] == name) for name in ("@async", "/by-hand/")
    )
    without = [one.words for one in listed.block if one.name != "if"]
    assert [one.words for one in computed.block] == without


@pytest.mark.parametrize("name", ["fresh", "listed", "both"])
def test_a_site_that_stands_is_written_the_same_again(sites: dict[str, Rendered], name: str) -> None:
    again = sites[f"{name} again"].files["nginx/site.conf.j2"]
    assert again == sites[name].files["nginx/site.conf.j2"]
    assert ("_listed" in again) == (name != "fresh")


def test_a_run_with_nothing_to_do_looks_at_the_routes(sites: dict[str, Rendered]) -> None:
    home = f"/srv/shop/releases/{RELEASE}"
    without, watched = set(sites["fresh"].watched), set(sites["both"].watched)
    assert {f"{home}/{name}" for name in ("release.json", "env", "launch")} <= without <= watched
    links = ("**", "events/^^", "new/^^", "^-")
    assert watched - without == {f"{home}/routes/{name}" for name in links}
