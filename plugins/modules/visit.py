#!/usr/bin/python
"""Ansible module: ask the site as a visitor does, with its own name, wherever that name leads."""

from __future__ import annotations

DOCUMENTATION = r"""
module: visit
short_description: Ask a site for a page at an address, under its own name
version_added: 1.0.0
author: [The Asgiway authors]
description:
  - Connects to an address, and there asks for a URL, with the URL's name in the Host header and, over TLS, in the
    handshake. So a host can ask itself before any name leads to it. Redirects are not followed.
  - Over TLS the answer must come under O(certificate), and that must be for the URL's name.
options:
  url:
    description: What to ask for, http or https, with a name or an address.
    type: str
    required: true
  address:
    description: Where to connect to; the port is the URL's.
    type: str
    default: 127.0.0.1
  certificate:
    description: PEM file on the host with the certificate that the site must show. Needed for https.
    type: path
  status:
    description: The status codes that are good.
    type: list
    elements: int
    default: [200]
  timeout:
    description: Seconds until the answer begins.
    type: int
    default: 30
attributes:
  check_mode:
    description: Asks, and changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Ask the site
  asgiway.django.visit:
    url: https://shop.example.com/healthz
    certificate: /etc/asgiway/shop/tls/files.pem
"""

RETURN = r"""
status:
  description: Status code of the answer.
  type: int
  returned: when there is an answer
content:
  description: The first 64 KiB of the answer's body.
  type: str
  returned: when there is an answer
"""

import http.client
import socket
import ssl
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

BODY_LIMIT = 65536


def trust(certificate: str) -> ssl.SSLContext:
    """Return a context that takes this certificate and no other; raises OSError when it cannot be read.

    Whether visitors trust its issuer is theirs to say: a private authority is unknown to the host.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class _Connection(http.client.HTTPConnection):
    """A connection to an address under another name."""

    def __init__(self, name: str, port: int, address: str, context: ssl.SSLContext | None, timeout: float) -> None:
        super().__init__(name, port, timeout=timeout)
        self._address = address
        self._context = context
        self._seconds = timeout

    def connect(self) -> None:
        sock: socket.socket = socket.create_connection((self._address, self.port), self._seconds)
        if self._context:
            sock = self._context.wrap_socket(sock, server_hostname=self.host)
        self.sock = sock


def ask(url: str, address: str, certificate: str, timeout: float) -> tuple[int, str]:
    """GET the URL at the address; return status and the beginning of the body.

    Raises:
        OSError, http.client.HTTPException, ValueError: when there is no answer; ssl.SSLError is an OSError.
    """
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    connection = _Connection(parts.hostname or "", port, address, trust(certificate) if tls else None, timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "User-Agent": "asgiway-visit", "Accept": "*/*", "Connection": "close"}
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(BODY_LIMIT).decode("utf-8", "replace")
    finally:
        connection.close()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
            "certificate": {"type": "path"},
            "status": {"type": "list", "elements": "int", "default": [200]},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    params = module.params
    url, address = params["url"], params["address"]
    if url.startswith("https://") and not params["certificate"]:
        module.fail_json(msg=f"visit: {url} needs certificate, the file of the certificate that the site shows.")
    try:
        status, content = ask(url, address, params["certificate"] or "", params["timeout"])
    except (OSError, http.client.HTTPException, ValueError) as error:
        module.fail_json(msg=f"visit: {url} at {address} gave no answer: {error or type(error).__name__}")
    if status not in params["status"]:
        module.fail_json(
            msg=f"visit: {url} at {address} answered {status}: {' '.join(content.split())[:300]}",
            status=status,
            content=content,
        )
    module.exit_json(changed=False, status=status, content=content)


if __name__ == "__main__":
    main()
