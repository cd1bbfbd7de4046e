"""The host asks its own site under the site's name, and takes no other certificate than the site's."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import visit
from certificates_made import Made, authority, make

RunModule = Callable[..., dict[str, Any]]
SITE = make("shop.example.com")


class Answer(http.server.BaseHTTPRequestHandler):
    """Say what was asked; /404 and /away answer otherwise."""

    def do_GET(self) -> None:
        status = {"/404": 404, "/away": 302}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(f"{self.headers['Host']} {self.path}".encode())

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Made | None], int]]:
    """Return a function that starts a server, over TLS where it gets a certificate, and returns its port."""
    servers = []

    def start(made: Made | None) -> int:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        if made:
            (tmp_path / "served.pem").write_text(made.key_pem + made.pem)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tmp_path / "served.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def trusted(tmp_path: Path) -> str:
    """The file with the site's certificate and key, as it is on a host."""
    (tmp_path / "site.pem").write_text(SITE.key_pem + SITE.pem)
    return str(tmp_path / "site.pem")


def test_a_plain_site_answers_under_its_own_name(run_module: RunModule, serve: Callable[[Made | None], int]) -> None:
    port = serve(None)
    result = run_module(visit.main, url=f"http://shop.example.com:{port}/a?b=c")
    assert (result["status"], result["content"]) == (200, f"shop.example.com:{port} /a?b=c")
    assert result["changed"] is False


def test_a_tls_site_answers_under_its_own_name(
    run_module: RunModule, serve: Callable[[Made | None], int], trusted: str
) -> None:
    port = serve(SITE)
    result = run_module(visit.main, url=f"https://shop.example.com:{port}", certificate=trusted)
    assert (result["status"], result["content"]) == (200, f"shop.example.com:{port} /")


def test_a_certificate_of_an_authority_nobody_knows_is_enough(
    run_module: RunModule, serve: Callable[[Made | None], int], tmp_path: Path
) -> None:
    site = make("shop.example.com", issuer=authority("Private"))
    (tmp_path / "private.pem").write_text(site.pem)
    result = run_module(
        visit.main, url=f"https://shop.example.com:{serve(site)}/", certificate=str(tmp_path / "private.pem")
    )
    assert result["status"] == 200


@pytest.mark.parametrize(
    ("served", "name", "cause"),
    [(make("shop.example.com"), "shop.example.com", "verify failed"), (SITE, "other.example.com", "Hostname mismatch")],
)
def test_another_certificate_or_name_is_refused(
    run_module: RunModule, serve: Callable[[Made | None], int], trusted: str, served: Made, name: str, cause: str
) -> None:
    result = run_module(visit.main, url=f"https://{name}:{serve(served)}/", certificate=trusted)
    assert result["failed"] is True
    assert cause in result["msg"]


@pytest.mark.parametrize("path", ["/404", "/away"])
def test_a_wrong_status_is_named_with_what_was_said(
    run_module: RunModule, serve: Callable[[Made | None], int], path: str
) -> None:
    url = f"http://shop.example.com:{serve(None)}{path}"
    result = run_module(visit.main, url=url)
    assert result["failed"] is True
    assert f"visit: {url} at 127.0.0.1 answered {result['status']}: shop.example.com" in result["msg"]
    assert run_module(visit.main, url=url, status=[404, 302])["status"] == result["status"]


def test_nobody_there_and_no_certificate_are_sentences(
    run_module: RunModule, serve: Callable[[Made | None], int], tmp_path: Path
) -> None:
    result = run_module(visit.main, url="http://shop.example.com:1/")
    assert (
        result["msg"] == "visit: http://shop.example.com:1/ at 127.0.0.1 gave no answer: [Errno 111] Connection refused"
    )
    assert "needs certificate" in run_module(visit.main, url="https://shop.example.com/")["msg"]
    missing = run_module(visit.main, url=f"https://shop.example.com:{serve(SITE)}/", certificate=str(tmp_path / "no"))
    assert "No such file" in missing["msg"]
