"""The rendered site: nginx reads it, and it keeps the rules that nginx itself does not check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nginx_conf
import nginx_run
import pytest
from nginx_conf import Directive
from rendering import WORDS, Rendered

# what a client could otherwise make the app believe
FORWARDED = {
    "X-Forwarded-For": "$remote_addr",
    "X-Forwarded-Proto": "$shop_scheme",
    "X-Forwarded-Host": "$shop_host",
    "X-Forwarded-Port": "$shop_port",
    "X-Forwarded-Prefix": "",
    "X-Real-IP": "$remote_addr",
    "Forwarded": "",
    "Daphne-Root-Path": "",
    "X-Forwarded-Protocol": "",
    "X-Forwarded-Ssl": "",
}


def parsed(rendered: Rendered) -> Directive:
    return nginx_conf.parse(rendered.files["nginx/site.conf.j2"])


def server_of(site: Directive) -> Directive:
    (server,) = site.all("server")
    return server


def proxies(site: Directive) -> Iterator[Directive]:
    """Yield the locations that pass requests on; at least the three kinds of them."""
    found = [entry for entry in nginx_conf.walk(site.block) if entry.all("proxy_pass")]
    assert len(found) >= 3
    return iter(found)


def patience(location: Directive) -> str:
    return location.value("proxy_read_timeout")


@pytest.fixture(scope="session")
def accepted() -> set[str]:
    """Configurations that nginx has read already: most servers have the same one."""
    return set()


@pytest.fixture(scope="session")
def blessed() -> set[str]:
    """Configurations that gixy has read already."""
    return set()


def files_of(rendered: Rendered) -> tuple[str, str]:
    """Return the sites as Debian's nginx would include them, and what is for all of it."""
    files = rendered.files
    return files["nginx/unknown_host.conf.j2"] + files["nginx/site.conf.j2"], files["nginx/main.conf.j2"]


def is_new(rendered: Rendered, accepted: set[str]) -> bool:
    """Return whether no server before had the same site; most have."""
    site = "".join(text for name, text in rendered.files.items() if name.startswith("nginx/"))
    new = site not in accepted
    accepted.add(site)
    return new


def test_nginx_accepts_the_site(rendered: Rendered, tmp_path: Path, accepted: set[str]) -> None:
    if not is_new(rendered, accepted):
        return
    assert nginx_run.complaints(*files_of(rendered), tmp_path) == []


def test_gixy_finds_nothing_above_low(rendered: Rendered, tmp_path: Path, blessed: set[str]) -> None:
    if not is_new(rendered, blessed):
        return
    assert nginx_run.findings(*files_of(rendered), tmp_path) == []


def test_the_ports_default_server_takes_memory_in_steps_as_small_as_the_sites(rendered: Rendered) -> None:
    servers = nginx_conf.parse(files_of(rendered)[0]).all("server")
    assert [server.value("request_pool_size") for server in servers] == ["1k", "1k"]


def test_host_reaches_the_app_from_every_location_that_passes_requests_on(rendered: Rendered) -> None:
    for location in proxies(parsed(rendered)):
        assert location.headers().get("Host") == "$shop_host", location.words


def test_forwarded_headers_are_overwritten_in_every_location_that_passes_requests_on(rendered: Rendered) -> None:
    for location in proxies(parsed(rendered)):
        headers = location.headers()
        assert {name: headers.get(name) for name in FORWARDED} == FORWARDED, location.words


def test_only_a_websocket_may_upgrade(rendered: Rendered) -> None:
    site = parsed(rendered)
    upgrades = {
        " ".join(location.words): (location.headers().get("Upgrade"), location.headers().get("Connection"))
        for location in proxies(site)
    }
    assert upgrades.pop("location @websocket") == ("websocket", "upgrade")
    assert set(upgrades.values()) == {("", "")}
    (variable,) = [entry for entry in site.all("map") if entry.words[1] == "$http_upgrade"]
    assert [entry.words for entry in variable.block] == [["default", "0"], ["~*^websocket$", "1"]]


def test_a_handshake_on_any_path_goes_to_the_websocket_location(rendered: Rendered) -> None:
    server = server_of(parsed(rendered))
    (page,) = server.all("error_page")
    assert page.words[1:] == ["418", "=", "@websocket"]
    for location in server.all("location"):
        if location.all("proxy_pass") and location.words[1] != "@websocket":
            (question,) = location.all("if")
            assert question.words[1:] == ["($shop_websocket)"]
            assert [entry.words for entry in question.block] == [["return", "418"]]


def test_without_a_ws_directory_a_handshake_gets_501_and_a_sentence(rendered: Rendered) -> None:
    (location,) = [entry for entry in server_of(parsed(rendered)).all("location") if entry.words[1] == "@websocket"]
    (question,) = [entry for entry in location.all("if") if entry.words[1] == "(!-d"]
    assert question.words[1:] == ["(!-d", "/srv/shop/live/ws)"]
    (answer,) = question.block
    assert answer.words[:2] == ["return", "501"]
    assert "WebSocket" in answer.words[2]


def test_every_path_has_its_upstream(rendered: Rendered) -> None:
    targets = {entry.words[1]: entry.value("proxy_pass") for entry in server_of(parsed(rendered)).all("location")}
    assert targets == {
        "^~": "",
        "@project": "http://shop_http",
        "@websocket": "http://shop_ws",
        "/ws/": "http://shop_async",
        "/events/": "http://shop_async",
        "/": "http://shop_http",
    }


def test_one_number_ends_idle_websockets_and_streams(rendered: Rendered) -> None:
    want = f"{WORDS['websocket_timeout']}s"
    by_upstream = {location.value("proxy_pass"): location for location in proxies(parsed(rendered))}
    assert patience(by_upstream["http://shop_ws"]) == want
    assert by_upstream["http://shop_ws"].value("proxy_send_timeout") == want
    assert patience(by_upstream["http://shop_async"]) == want
    assert nginx_conf.parse(rendered.files["nginx/main.conf.j2"]).value("worker_shutdown_timeout") == want


def test_streams_are_neither_buffered_nor_compressed(rendered: Rendered) -> None:
    site = parsed(rendered)
    for location in proxies(site):
        if location.value("proxy_pass") != "http://shop_http":
            assert location.value("proxy_buffering") == "off", location.words
    for types in server_of(site).all("gzip_types", deep=True) + site.all("gzip_types"):
        assert not {"text/event-stream", "*"} & set(types.words)


def test_no_process_is_put_aside_after_a_failure(rendered: Rendered) -> None:
    upstreams = parsed(rendered).all("upstream")
    assert [upstream.words[1] for upstream in upstreams] == ["shop_http", "shop_async", "shop_ws"]
    for upstream in upstreams:
        servers = upstream.all("server")
        assert servers
        assert all("max_fails=0" in server.words for server in servers)


def test_nginx_knows_exactly_the_sockets_that_a_release_has(rendered: Rendered) -> None:
    known = {
        server.words[1].removeprefix("unix:/srv/shop/live/")
        for upstream in parsed(rendered).all("upstream")
        for server in upstream.all("server")
    }
    offered = {link["name"] for link in rendered.links}
    websockets = {name for name in known if name.startswith("ws/")}
    assert offered == known if "asgi" in rendered.interfaces else offered == known - websockets


def test_the_words_reach_the_server_block(rendered: Rendered) -> None:
    server = server_of(parsed(rendered))
    assert server.value("server_name") == "shop.example.com www.shop.example.com"
    assert server.value("client_max_body_size") == WORDS["max_body_size"]
    assert {entry.words[1].rpartition(":")[2] for entry in server.all("listen")} == {str(WORDS["http_port"])}


def test_only_trusted_proxies_say_who_the_visitor_is(rendered: Rendered) -> None:
    site = parsed(rendered)
    (geo,) = site.all("geo")
    assert geo.words[1:] == ["$realip_remote_addr", "$shop_by_proxy"]
    assert [entry.words for entry in geo.block] == [["default", "0"], ["192.0.2.7", "1"], ["2001:db8::/32", "1"]]
    server = server_of(site)
    assert [entry.words[1] for entry in server.all("set_real_ip_from")] == ["192.0.2.7", "2001:db8::/32"]
    assert (server.value("real_ip_header"), server.value("real_ip_recursive")) == ("X-Forwarded-For", "on")


def test_bounds_stand_where_a_visitor_reaches_an_app(rendered: Rendered) -> None:
    bounds = {
        entry.value("proxy_pass"): sorted(bound.words[1:] for bound in entry.all("limit_conn"))
        for entry in proxies(parsed(rendered))
    }
    assert bounds == {
        "http://shop_http": [["shop_all", "1024"], ["shop_requests", "21"]],
        "http://shop_async": [["shop_sockets", "321"]],
        "http://shop_ws": [["shop_sockets", "321"]],
    }
    server = server_of(parsed(rendered))
    assert server.value("limit_req") == "zone=shop_rate burst=110 nodelay"
    assert (server.value("limit_conn_status"), server.value("limit_req_status")) == ("429", "429")
    for slowly in ("client_header_timeout", "client_body_timeout", "send_timeout"):
        assert 5 <= int(server.value(slowly).removesuffix("s")) <= 30, slowly


def test_only_the_named_origins_open_websockets(rendered: Rendered) -> None:
    (origins,) = [entry for entry in parsed(rendered).all("map") if entry.words[1] == "$http_origin"]
    assert [entry.words for entry in origins.block] == [
        ["default", "1"],
        ["", "0"],
        [r"~*^https?://shop\.example\.com(:[0-9]+)?$", "0"],
        [r"~*^https?://www\.shop\.example\.com(:[0-9]+)?$", "0"],
        [r"~*^https://app\.example\.com:8443$", "0"],
    ]
    (location,) = [entry for entry in server_of(parsed(rendered)).all("location") if entry.words[1] == "@websocket"]
    assert ["if", "($shop_foreign)"] in [entry.words for entry in location.all("if")]


def test_only_hashed_names_are_cached_for_long(rendered: Rendered) -> None:
    (static,) = [entry for entry in server_of(parsed(rendered)).all("location") if entry.words[2:] == ["/static/"]]
    (hashed,) = static.all("location")
    assert hashed.words[1:] == ["~", r"\.[0-9a-f]{8,}\.[^/.]+$"]
    assert (static.value("expires"), hashed.value("expires")) == ("1h", "365d")
    assert "immutable" in {entry.words[1]: entry.words[2] for entry in hashed.all("add_header")}["Cache-Control"]
    assert not static.all("add_header")


def test_a_block_with_headers_of_its_own_has_those_of_every_answer(rendered: Rendered) -> None:
    """Nginx inherits no add_header once a block sets one."""
    server = server_of(parsed(rendered))
    everywhere = {tuple(entry.words) for entry in server.all("add_header")}
    assert {words[1] for words in everywhere} == {"X-Content-Type-Options", "Retry-After"}
    blocks = [entry for entry in nginx_conf.walk(server.block) if entry.all("add_header")]
    assert blocks
    for block in blocks:
        assert everywhere <= {tuple(entry.words) for entry in block.all("add_header")}, block.words


def test_an_unknown_host_gets_no_answer(rendered: Rendered) -> None:
    server = server_of(nginx_conf.parse(rendered.files["nginx/unknown_host.conf.j2"]))
    assert all(listen.words[-1] == "default_server" for listen in server.all("listen"))
    assert server.value("return") == "444"
