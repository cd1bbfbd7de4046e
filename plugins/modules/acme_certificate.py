#!/usr/bin/python
"""Ansible module: a certificate from an ACME server, by certbot, and only when the one at hand does not serve."""

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificate
short_description: Get a certificate from an ACME server by certbot
version_added: 1.0.0
author: [The Asgiway authors]
description:
  - Looks whether certbot's certificate of that name is for just these names, from that server, and has not ended. If
    so, nobody is asked. Otherwise certbot asks for one; renewals are left to certbot's own timer.
  - The challenge is http-01 in a directory that a web server already shows on port 80 of every name.
options:
  name:
    description: What certbot calls the certificate.
    type: str
    required: true
  names:
    description: Host names that it is for, all of them and no others.
    type: list
    elements: str
    required: true
  directory:
    description: URL of the ACME server's directory.
    type: str
    required: true
  webroot:
    description: Directory whose .well-known/acme-challenge/ the web server shows.
    type: path
    required: true
  email:
    description: Where the authority writes to; empty means nowhere. Read when certbot makes the account, and not later.
    type: str
    default: ""
  config_dir:
    description: certbot's directory.
    type: path
    default: /etc/letsencrypt
  certbot:
    description: certbot's command.
    type: str
    default: certbot
  openssl:
    description: openssl's command.
    type: str
    default: openssl
attributes:
  check_mode:
    description: Looks, and asks nobody.
    support: full
"""

EXAMPLES = r"""
- name: Get a certificate
  asgiway.django.acme_certificate:
    name: asgiway-shop
    names: [shop.example.com, www.shop.example.com]
    directory: https://acme-v02.api.letsencrypt.org/directory
    webroot: /var/lib/asgiway/acme
"""

RETURN = r"""
why:
  description: Why a certificate is wanted; empty when the one at hand serves.
  type: str
  returned: success
checksum:
  description: SHA-256 of the certificate and its issuers; empty while there is none.
  type: str
  returned: success
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

# lines of certbot's that say nothing about the cause
NOISE = ("Saving debug log", "Ask for help or search", "- - - -")

Run = Callable[[list[str]], tuple[int, str, str]]


class Refusal(Exception):
    """A sentence for the person who reads the output."""


def why_wanted(config_dir: Path, name: str, names: list[str], directory: str, openssl: str, run: Run) -> str:
    """Return why the certificate at hand does not serve; empty when it does."""
    certificate = config_dir / "live" / name / "fullchain.pem"
    renewal = config_dir / "renewal" / f"{name}.conf"
    if not certificate.is_file() or not renewal.is_file():
        return "there is none"
    server = re.search(r"(?m)^server *= *(\S+)", renewal.read_text(encoding="utf-8"))
    if not server or server[1] != directory:
        return f"it is from {server[1] if server else 'an unknown server'}"
    command = [openssl, "x509", "-in", str(certificate), "-noout"]
    code, out, _ = run([*command, "-ext", "subjectAltName"])
    if code:
        return "it cannot be read"
    # a name that is left over would make its renewal fail one day
    if {found.lower() for found in re.findall(r"DNS:([^\s,]+)", out)} != {wanted.lower() for wanted in names}:
        return "it is for other names"
    code, _, _ = run([*command, "-checkend", "0"])
    return "it has ended" if code else ""


def obtain(name: str, names: list[str], directory: str, webroot: str, email: str, certbot: str, run: Run) -> None:
    """Have certbot get a certificate.

    Raises:
        Refusal: with certbot's own words, when there is none to be had.
    """
    command = [certbot, "certonly", "--non-interactive", "--agree-tos", "--no-eff-email", "--server", directory]
    command += ["--webroot", "--webroot-path", webroot, "--preferred-challenges", "http", "--cert-name", name]
    # whether it is due was decided before: certbot would keep one of another server until its end
    command += ["--force-renewal", "--renew-with-new-domains"]
    command += ["--email", email] if email else ["--register-unsafely-without-email"]
    for one in names:
        command += ["--domain", one]
    code, out, err = run(command)
    if code:
        lines = [line.strip() for line in f"{out}\n{err}".splitlines()]
        said = " ".join(line for line in lines if line and not line.startswith(NOISE))
        raise Refusal(f"{directory} gives no certificate for {', '.join(names)}. certbot says: {said[-1500:]}")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "directory": {"type": "str", "required": True},
            "webroot": {"type": "path", "required": True},
            "email": {"type": "str", "default": ""},
            "config_dir": {"type": "path", "default": "/etc/letsencrypt"},
            "certbot": {"type": "str", "default": "certbot"},
            "openssl": {"type": "str", "default": "openssl"},
        },
        supports_check_mode=True,
    )
    params = module.params
    name, names, directory = params["name"], params["names"], params["directory"]
    config_dir = Path(params["config_dir"])

    def run(command: list[str]) -> tuple[int, str, str]:
        try:
            code, out, err = module.run_command(command, handle_exceptions=False)
        except OSError as error:
            raise Refusal(f"acme_certificate: {command[0]} cannot be run ({error.strerror})") from error
        return int(code), str(out), str(err)

    try:
        why = why_wanted(config_dir, name, names, directory, params["openssl"], run)
        if why and not module.check_mode:
            obtain(name, names, directory, params["webroot"], params["email"], params["certbot"], run)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    whole = config_dir / "live" / name / "fullchain.pem"
    checksum = hashlib.sha256(whole.read_bytes()).hexdigest() if whole.is_file() else ""
    module.exit_json(changed=bool(why), why=why, checksum=checksum)


if __name__ == "__main__":
    main()
