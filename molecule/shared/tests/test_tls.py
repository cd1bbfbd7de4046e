"""A site with TLS; on a host without, there is nothing to ask."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import Site

Address = tuple[str, int]


@pytest.fixture
def address(site: Site) -> Address:
    """Return the site's address and port."""
    parts = urlsplit(site.url)
    if parts.scheme != "https":
        pytest.skip("a site without TLS")
    return str(parts.hostname), int(parts.port or 443)


@pytest.fixture
def context(host: Any, site: Site) -> ssl.SSLContext:
    """Return a client that knows the site's certificate, and nothing else."""
    certificate = host.check_output("openssl x509 -in /etc/asgiway/%s/tls/selfsigned.pem", site.name)
    return ssl.create_default_context(cadata=certificate)


def head(address: Address, context: ssl.SSLContext, name: str, host_header: str) -> http.client.HTTPResponse:
    """Ask for the health path over TLS; the certificate must be for the name."""
    with context.wrap_socket(socket.create_connection(address, 10), server_hostname=name) as tls:
        tls.sendall(f"HEAD /healthz HTTP/1.1\r\nHost: {host_header}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(tls, method="HEAD")
        answer.begin()
        return answer


def test_the_key_is_for_root_only(host: Any, site: Site, address: Address) -> None:
    """The directory keeps others out, too."""
    directory, file = (host.file(f"/etc/asgiway/{site.name}/tls{name}") for name in ("", "/selfsigned.pem"))
    assert (directory.user, directory.mode) == ("root", 0o700)
    assert (file.user, file.group, file.mode) == ("root", "root", 0o600)


def test_the_certificate_is_for_every_name(address: Address, context: ssl.SSLContext) -> None:
    """An address counts as a name, and browsers warn of nothing but the issuer. HSTS is for the user to ask for."""
    for name in ("localhost", address[0], "127.0.0.1"):
        answer = head(address, context, name, f"{name}:{address[1]}")
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] is None


@pytest.mark.parametrize("protocol", ["TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_only_tls_1_2_and_1_3_are_spoken(address: Address, context: ssl.SSLContext, protocol: str) -> None:
    """Whatever Debian's nginx.conf says."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[protocol]
    if protocol in ("TLSv1_2", "TLSv1_3"):
        assert head(address, context, "localhost", "localhost").status == 200
    else:
        with pytest.raises(ssl.SSLError):
            head(address, context, "localhost", "localhost")


def test_http2_is_offered(address: Address, context: ssl.SSLContext) -> None:
    """In the words of the installed nginx."""
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection(address, 10), server_hostname="localhost") as tls:
        assert tls.selected_alpn_protocol() == "h2"


def test_the_plain_port_only_sends_on(site: Site, address: Address) -> None:
    """With the path, and to the right port."""
    with closing(http.client.HTTPConnection(address[0], site.port, timeout=10)) as connection:
        connection.request("POST", "/a?b=c")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (308, f"{site.url}/a?b=c")


def test_an_unknown_name_gets_no_answer(address: Address, context: ssl.SSLContext) -> None:
    """The site has an address among its names, so the handshake alone does not turn a stranger away."""
    context.check_hostname = False
    with pytest.raises(http.client.RemoteDisconnected):
        head(address, context, "evil.example", "evil.example")


@pytest.mark.usefixtures("address")
def test_the_deployment_checks_have_no_warning(host: Any, site: Site) -> None:
    """Whatever of them is about TLS is the kit's to answer."""
    done = host.run("%s-manage check --deploy --fail-level WARNING", site.name)
    assert done.succeeded, done.stdout + done.stderr
