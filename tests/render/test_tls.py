"""The site over TLS: rendered in every mode and both ways to write HTTP/2, and answered by a running nginx."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nginx_conf
import nginx_run
import pytest
import rendering
import tools
from certificates_made import make
from nginx_conf import Directive
from rendering import Rendered

OLD, NEW = "nginx version: nginx/1.22.1", "nginx version: nginx/1.26.3"
NAMES = ("shop.example.com", "www.shop.example.com")
ADDRESS = "127.0.0.1"
SITES = ("files", "selfsigned", "address", "acme")
# what Mozilla's intermediate profile allows
PROTOCOLS = ["TLSv1.2", "TLSv1.3"]
# headers of which the app tells
SEEN = ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port")


@dataclass
class Case:
    """A rendered site and its ports."""

    rendered: Rendered
    http: int
    https: int
    certificate: Path

    def server(self, port: int) -> Directive:
        """Return the site's own server block on a port."""
        site = nginx_conf.parse(self.rendered.files["nginx/site.conf.j2"])
        (found,) = [
            one
            for one in site.all("server")
            if NAMES[0] in one.value("server_name").split() and one.all("listen")[0].words[1] == str(port)
        ]
        return found

    @property
    def all(self) -> str:
        """The files in the order in which nginx reads them."""
        names = ("unknown_host_tls.conf.j2", "unknown_host.conf.j2", "site.conf.j2")
        text = "\n".join(self.rendered.files[f"nginx/{name}"] for name in names)
        text = text.replace("/var/lib/asgiway/acme", str(self.certificate.parent / "acme"))
        return re.sub(r"/etc/(asgiway/shop/tls|letsencrypt/live/asgiway-shop)/\w+[.]pem", str(self.certificate), text)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Case]:
    """(site, what `nginx -v` said) -> case; all of them in one run of Ansible."""
    scratch = tmp_path_factory.mktemp("tls")
    spoken = {"old": OLD, "new": NEW, "here": nginx_run.version()}
    made = make(*NAMES, ADDRESS)
    (scratch / "shop.key").write_text(made.key_pem)
    (scratch / "shop.pem").write_text(made.pem)
    both = scratch / "both.pem"
    both.write_text(made.key_pem + made.pem)
    kinds: dict[str, dict[str, Any]] = {
        "selfsigned": {"tls": "selfsigned"},
        "files": {
            "tls": "files",
            "tls_certificate": str(scratch / "shop.pem"),
            "tls_key": str(scratch / "shop.key"),
            "hsts_seconds": 300,
        },
        "address": {"tls": "selfsigned", "app_domain_aliases": [NAMES[1], ADDRESS]},
        "acme": {"tls": "acme"},
        "http3": {"tls": "selfsigned", "http3": True, "hsts_seconds": 300, "app_domain_aliases": [NAMES[1], ADDRESS]},
    }
    ports, words = {}, {}
    for kind, own in kinds.items():
        for name, said in spoken.items():
            http_port, https_port = nginx_run.free_ports(2)
            chosen = {"http_port": http_port, "https_port": https_port, **own}
            if kind == "selfsigned" and name != "here":  # where nginx is asked, it may not be root
                chosen |= {"http_port": 80, "https_port": 443}
            ports[f"{kind}-{name}"] = chosen
            words[f"{kind}-{name}"] = {
                **chosen,
                "__nginx_said": {"stderr": said},
                "__tls_written": {"checksum": "0"},
                **nginx_run.below(scratch),
            }
    rendered = rendering.render_sites(scratch, words)
    return {
        (kind, name): Case(
            rendered[f"{kind}-{name}"],
            ports[f"{kind}-{name}"]["http_port"],
            ports[f"{kind}-{name}"]["https_port"],
            both,
        )
        for kind in kinds
        for name in spoken
    }


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize(("nginx", "flags", "directive"), [("old", ["ssl", "http2"], ""), ("new", ["ssl"], "on")])
def test_http2_is_written_as_the_installed_nginx_wants_it(
    cases: dict[tuple[str, str], Case], kind: str, nginx: str, flags: list[str], directive: str
) -> None:
    case = cases[kind, nginx]
    files = [nginx_conf.parse(case.rendered.files[f"nginx/{name}.conf.j2"]) for name in ("site", "unknown_host_tls")]
    servers = [server for file in files for server in file.all("server")]
    over_tls = [server for server in servers if server.all("listen")[0].words[1] == str(case.https)]
    assert len(over_tls) == (3 if kind == "address" else 2)
    for server in over_tls:
        for listen in server.all("listen"):
            assert [word for word in listen.words[2:] if word != "default_server"] == flags
        assert server.value("http2") == directive


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize("nginx", ["old", "new"])
def test_every_block_of_the_port_speaks_the_same_tls(cases: dict[tuple[str, str], Case], kind: str, nginx: str) -> None:
    case = cases[kind, nginx]
    files = [nginx_conf.parse(case.rendered.files[f"nginx/{name}.conf.j2"]) for name in ("site", "unknown_host_tls")]
    servers = [one for file in files for one in file.all("server") if one.all("listen")[0].words[1] == str(case.https)]
    names = ("ssl_protocols", "ssl_ciphers", "ssl_ecdh_curve", "ssl_session_cache", "ssl_session_tickets")
    spoken = {tuple(server.value(name) for name in (*names, "ssl_prefer_server_ciphers")) for server in servers}
    assert len(spoken) == 1
    protocols, ciphers, _, cache, tickets, prefers = spoken.pop()
    assert protocols.split() == PROTOCOLS
    assert all(one.startswith("ECDHE-") and ("GCM" in one or "CHACHA20" in one) for one in ciphers.split(":"))
    assert (cache, tickets, prefers) == ("shared:asgiway:10m", "off", "off")


@pytest.mark.parametrize(("kind", "address"), [("selfsigned", "https://$host"), ("files", "https://$host:{}")])
def test_the_plain_port_only_sends_on(cases: dict[tuple[str, str], Case], kind: str, address: str) -> None:
    case = cases[kind, "new"]
    server = case.server(case.http)
    location = server.all("location")[-1]
    assert len(server.all("location")) == 1
    assert location.value("return") == f"308 {address.format(case.https)}$request_uri"
    assert not server.all("proxy_pass", deep=True)


def hsts(server: Directive) -> list[str]:
    """Return what stands behind the header's name; nothing when it is not sent."""
    found = [one.words[2:] for one in server.all("add_header") if one.words[1] == "Strict-Transport-Security"]
    assert len(found) < 2
    return found[0] if found else []


def test_the_plain_port_answers_an_acme_server(cases: dict[tuple[str, str], Case]) -> None:
    case = cases["acme", "new"]
    challenge, rest = case.server(case.http).all("location")
    assert challenge.words[1:] == ["^~", "/.well-known/acme-challenge/"]
    assert challenge.value("root") == "/var/lib/asgiway/acme"
    assert rest.value("return").startswith("308 ")
    assert not any("acme-challenge" in str(one.words) for one in case.server(case.https).all("location"))


def test_a_renewal_reloads_what_nginx_accepts(cases: dict[tuple[str, str], Case], tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_text(cases["acme", "new"].rendered.files["tls/reload_nginx.sh.j2"])
    nginx = tmp_path / "nginx"
    called = tmp_path / "called"

    def reloads(lineage: str, verdict: int) -> list[str]:
        called.write_text("")
        nginx.write_text(f'#!/bin/sh\necho "$*" >>{called}\nexit {verdict}\n')
        nginx.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "RENEWED_LINEAGE": f"/etc/letsencrypt/live/{lineage}"}
        subprocess.run(["/bin/sh", hook], env=environment, check=False)
        return called.read_text().splitlines()

    assert reloads("asgiway-shop", 0) == ["-t -q", "-s reload"]
    assert reloads("asgiway-shop", 1) == ["-t -q"]
    assert reloads("asgiway-shop2", 0) == []


def quic(server: Directive) -> list[list[str]]:
    return [one.words[1:] for one in server.all("listen") if "quic" in one.words]


def test_http3_is_opt_in_and_opens_its_port_once(cases: dict[tuple[str, str], Case]) -> None:
    case = cases["http3", "new"]
    port = str(case.https)
    site = nginx_conf.parse(case.rendered.files["nginx/site.conf.j2"])
    listens = [quic(server) for server in site.all("server")]
    # the plain port, the block for who asks for an address, and the site
    assert listens == [[], [[port, "quic", "default_server"]], [[port, "quic"]]]
    opens = nginx_conf.parse(case.rendered.files["nginx/unknown_host_quic.conf.j2"]).all("server")[0]
    assert quic(opens) == [[port, "quic", "reuseport"]]
    assert opens.value("ssl_reject_handshake") == "on"
    assert 'h3=":' not in cases["files", "new"].all
    assert not re.search(r"\bquic\b", cases["files", "new"].all)


@pytest.mark.parametrize("built", ["--with-http_v2_module", "--with-http_v2_module --with-http_v3_module"])
def test_http3_is_refused_where_nginx_has_none(built: str, tmp_path: Path) -> None:
    nginx = tmp_path / "nginx"
    nginx.write_text(f"#!/bin/sh\necho 'nginx version: nginx/1.22.1\nconfigure arguments: {built}' >&2\n")
    nginx.chmod(0o755)
    role = {"name": "asgiway.django.nginx", "tasks_from": "http3"}
    tasks = [{"ansible.builtin.include_role": role, "vars": {"nginx_http3": True}}]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", tmp_path / "play.yml"],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(tools.ROOT / "ansible.cfg"),
        },
        capture_output=True,
        text=True,
    )
    said = " ".join(done.stdout.split())
    refused = "this host's nginx 1.22.1 is built without HTTP/3; Debian 13's has it. Try: -e http3=false" in said
    assert (done.returncode == 0, refused) == ((True, False) if "v3" in built else (False, True)), said


def test_every_answer_tells_of_hsts_and_http3(cases: dict[tuple[str, str], Case]) -> None:
    """For nginx inherits no add_header: each block that sets one sets all of them."""
    case = cases["http3", "new"]
    server = case.server(case.https)
    blocks = [server, *server.all("location", deep=True)]
    setting = [block for block in blocks if block.all("add_header")]
    assert len(setting) == 3  # the site, uploads, static files of hashed names
    for block in setting:
        assert hsts(block) == ["max-age=300", "always"]
        (alternative,) = [one.words[2:] for one in block.all("add_header") if one.words[1] == "Alt-Svc"]
        assert alternative == [f'h3=":{case.https}"; ma=86400', "always"]


def test_hsts_is_opt_in(cases: dict[tuple[str, str], Case]) -> None:
    wanted, silent = (cases[kind, "new"].server(cases[kind, "new"].https) for kind in ("files", "selfsigned"))
    assert hsts(wanted) == ["max-age=300", "always"]
    assert wanted.value("proxy_hide_header") == "Strict-Transport-Security"
    assert hsts(silent) == []


# --- answered by nginx


class App(http.server.BaseHTTPRequestHandler):
    """Answer with the headers that came, and with an HSTS of the app's own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Strict-Transport-Security", "max-age=1")
        for name in SEEN:
            self.send_header(f"Saw-{name}", self.headers.get(name, ""))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep quiet; there is no address to log."""


@pytest.fixture(scope="module")
def app(cases: dict[tuple[str, str], Case]) -> Iterator[None]:
    """The app's socket, under every name that nginx knows."""
    with nginx_run.live(cases["files", "here"].certificate.parent, App, "http"):
        yield


@pytest.fixture(params=["files", "address"])
def served(
    cases: dict[tuple[str, str], Case], app: None, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Case]:
    case = cases[request.param, "here"]
    main = case.rendered.files["nginx/main.conf.j2"]
    with nginx_run.running(case.all, main, tmp_path, [case.http, case.https]):
        yield case


def connect(case: Case, name: str | None, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    """Shake hands; without a name the handshake names none, as with an address."""
    context = context or trusting(case)
    context.check_hostname = name is not None
    raw = socket.create_connection((ADDRESS, case.https), 5)
    return context.wrap_socket(raw, server_hostname=name)


def trusting(case: Case) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=case.certificate)


def ask(case: Case, name: str | None, host: str, path: str = "/") -> http.client.HTTPResponse:
    with connect(case, name) as tls:
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
        tls.sendall(f"{head}X-Forwarded-Proto: http\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(tls)
        answer.begin()
        return answer


def ask_plain(case: Case, host: str, method: str = "GET", path: str = "/") -> http.client.HTTPResponse:
    with closing(http.client.HTTPConnection(ADDRESS, case.http, timeout=5)) as connection:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        return answer


@pytest.mark.parametrize("kind", SITES)
def test_this_nginx_accepts_the_site(cases: dict[tuple[str, str], Case], kind: str, tmp_path: Path) -> None:
    case = cases[kind, "here"]
    assert nginx_run.complaints(case.all, case.rendered.files["nginx/main.conf.j2"], tmp_path) == []


# HSTS is the user's decision, as there is no way back from it; browsers take none from an address (RFC 6797, 8.1.1)
WITHOUT_HSTS = {"selfsigned": NAMES, "address": ("", *NAMES), "acme": NAMES, "http3": ("",)}


@pytest.mark.parametrize("kind", [*SITES, "http3"])
def test_gixy_finds_nothing_above_low_but_hsts_where_it_is_not_wanted(
    cases: dict[tuple[str, str], Case], kind: str, tmp_path: Path
) -> None:
    case = cases[kind, "new"]
    found = nginx_run.findings(case.all, case.rendered.files["nginx/main.conf.j2"], tmp_path)
    assert {one["plugin"] for one in found} <= {"hsts_header"}, found
    blocks = [names for one in found for names in re.findall("server_name (.*);", one["config"])]
    assert {name for names in blocks for name in names.split(" ")} - {ADDRESS} == set(WITHOUT_HSTS.get(kind, ()))


def test_the_app_learns_of_https(served: Case) -> None:
    host = f"{NAMES[1]}:{served.https}"
    answer = ask(served, NAMES[1], host)
    seen = [
        answer.headers[f"Saw-{name}"] for name in ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port")
    ]
    assert seen == [host, host, "https", str(served.https)]


def test_one_hsts_at_most(served: Case) -> None:
    answer = ask(served, NAMES[0], NAMES[0])
    wanted = hsts(served.server(served.https))
    assert answer.headers.get_all("Strict-Transport-Security") == (["max-age=300"] if wanted else ["max-age=1"])


def test_a_static_file_has_hsts_too(served: Case) -> None:
    static = served.certificate.parent / "static"
    static.mkdir(exist_ok=True)
    wanted = hsts(served.server(served.https))
    for name in ("app.0123456789ab.css", "app.css"):
        (static / name).write_text("body {}")
        answer = ask(served, NAMES[0], NAMES[0], f"/static/{name}")
        assert (answer.status, answer.headers.get_all("Strict-Transport-Security")) == (200, wanted[:1] or None)


def test_an_acme_server_finds_its_challenge(cases: dict[tuple[str, str], Case], app: None, tmp_path: Path) -> None:
    case = cases["acme", "here"]
    challenges = case.certificate.parent / "acme/.well-known/acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("token.thumb")
    with nginx_run.running(case.all, case.rendered.files["nginx/main.conf.j2"], tmp_path, [case.http, case.https]):
        found = [ask_plain(case, NAMES[1], path=f"/.well-known/acme-challenge/{name}") for name in ("token", "other")]
        elsewhere = ask_plain(case, NAMES[1], path="/.well-known/security.txt")
    assert [answer.status for answer in (*found, elsewhere)] == [200, 404, 308]
    assert found[0].headers["Content-Type"] == "text/plain"


def test_the_plain_port_sends_a_visitor_on(served: Case) -> None:
    answer = ask_plain(served, NAMES[0], "POST", "/a//b?c=%2F")
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{NAMES[0]}:{served.https}/a//b?c=%2F")


@pytest.mark.parametrize("protocol", ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_only_tls_1_2_and_1_3_are_spoken(served: Case, protocol: str) -> None:
    context = trusting(served)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[protocol]
    if protocol.replace("_", ".") in PROTOCOLS:
        with connect(served, NAMES[0], context) as tls:
            assert tls.version() == protocol.replace("_", ".")
    else:
        with pytest.raises(ssl.SSLError):
            connect(served, NAMES[0], context)


def test_http2_is_offered(served: Case) -> None:
    context = trusting(served)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(served, NAMES[0], context) as tls:
        assert tls.selected_alpn_protocol() == "h2"


def test_a_session_is_taken_up_again(served: Case) -> None:
    context = trusting(served)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(served, NAMES[0], context) as tls:
        session = tls.session
    with context.wrap_socket(
        socket.create_connection((ADDRESS, served.https), 5), server_hostname=NAMES[0], session=session
    ) as tls:
        assert tls.session_reused


def refused(asking: Callable[[], Any]) -> str:
    """Return how an unknown name is turned away: in the handshake, or by a connection that closes without an answer."""
    try:
        asking()
    except ssl.SSLError as error:
        return error.reason or "SSL"
    except http.client.RemoteDisconnected:
        return "closed"
    return "answered"


def test_a_name_that_no_site_has_is_turned_away(served: Case) -> None:
    def unverified(name: str | None) -> None:
        context = ssl._create_unverified_context()
        raw = socket.create_connection((ADDRESS, served.https), 5)
        with context.wrap_socket(raw, server_hostname=name) as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            http.client.HTTPResponse(tls).begin()

    own_address = ADDRESS in served.server(served.https).value("server_name").split()
    turned_away = "closed" if own_address else "TLSV1_UNRECOGNIZED_NAME"
    assert refused(lambda: unverified("evil.example")) == turned_away
    assert refused(lambda: unverified(None)) == turned_away
    # a handshake for the site, and a request for another
    assert refused(lambda: ask(served, NAMES[0], "evil.example")) == "closed"
    assert refused(lambda: ask_plain(served, "evil.example")) == "closed"


def test_an_address_among_the_names_is_answered(served: Case) -> None:
    if ADDRESS not in served.server(served.https).value("server_name").split():
        assert refused(lambda: ask(served, None, ADDRESS)) == "TLSV1_UNRECOGNIZED_NAME"
        return
    context = trusting(served)
    raw = socket.create_connection((ADDRESS, served.https), 5)
    with context.wrap_socket(raw, server_hostname=ADDRESS) as tls:  # verified against the certificate's addresses
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(tls)
        answer.begin()
    assert answer.headers["Saw-Host"] == ADDRESS
