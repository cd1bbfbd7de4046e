#!/usr/bin/python
"""Ansible module: make sure that a self-signed certificate for a site's names exists on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: self_signed
short_description: Make a self-signed certificate, and another when it no longer serves
version_added: 1.0.0
author: [The Asgiway authors]
description:
  - Writes a new key and a certificate of it into one PEM file, when there is none, when the names are others, or when
    its end is near. An existing one that serves is not touched, only its owner and mode are set right.
  - The file appears in one step, so that a server which starts meanwhile never finds half of it.
options:
  path:
    description: The file, for root only. Its directory must exist.
    type: path
    required: true
  names:
    description: Host names and addresses that the certificate is for.
    type: list
    elements: str
    required: true
  days:
    description: Days that a new certificate lasts.
    type: int
    default: 365
  renew_days:
    description: A certificate that ends within as many days is replaced.
    type: int
    default: 90
  openssl:
    description: The openssl command; Debian's package of that name comes with ca-certificates.
    type: str
    default: openssl
attributes:
  check_mode:
    description: Says whether a certificate would be made.
    support: full
"""

EXAMPLES = r"""
- name: Make a certificate
  asgiway.django.self_signed:
    path: /etc/asgiway/shop/tls/selfsigned.pem
    names: [shop.example.com, 203.0.113.10]
"""

RETURN = r"""
why:
  description: Why a certificate was made, empty when none was.
  type: str
  returned: success
checksum:
  description: SHA-256 of the certificate without its key; empty when check mode has made none.
  type: str
  returned: success
"""

import hashlib
import ipaddress
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

NAME = re.compile(r"[A-Za-z0-9_*.:-]{1,253}")
BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)
# written out, so that the host's openssl.cnf has no say
CONFIG = """[req]
distinguished_name = dn
x509_extensions = ext
prompt = no
[dn]
CN = {name}
[ext]
subjectAltName = {names}
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
"""

Run = Callable[[list[str]], tuple[int, str, str]]


class Refusal(Exception):
    """A sentence for the person who reads the output."""


def alternative(name: str) -> str:
    """Return a name as openssl writes it in subjectAltName."""
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name.lower()}"


def names_of(output: str) -> set[str]:
    """Return the names in what `openssl x509 -ext subjectAltName` prints."""
    found = re.findall(r"(DNS|IP Address):([^\s,]+)", output)
    return {alternative(name) if kind != "DNS" else f"DNS:{name}" for kind, name in found}


def certificate_in(path: Path) -> str:
    """Return the certificate in a file, without the key; empty when there is none."""
    try:
        found = BLOCK.search(path.read_text(encoding="ascii"))
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return found[0] if found else ""


def why_not(path: Path, names: list[str], renew_days: int, openssl: str, run: Run) -> str:
    """Return why the certificate in the file does not serve; empty when it does."""
    if not certificate_in(path):
        return "there is none"
    command = [openssl, "x509", "-in", str(path), "-noout", "-ext", "subjectAltName"]
    code, out, _ = run(command)
    if code:
        return "it cannot be read"
    if names_of(out) != {alternative(name) for name in names}:
        return "it is for other names"
    code, _, _ = run([openssl, "x509", "-in", str(path), "-noout", "-checkend", str(renew_days * 86400)])
    if code:
        return f"it ends within {renew_days} days"
    code, _, _ = run([openssl, "pkey", "-in", str(path), "-noout"])
    return "its key cannot be read" if code else ""


def make(path: Path, names: list[str], days: int, openssl: str, run: Run) -> None:
    """Write a new key and its certificate to the file.

    Raises:
        Refusal: when openssl refuses.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        config, key, certificate, whole = (Path(scratch) / name for name in ("config", "key", "certificate", "whole"))
        alternatives = ",".join(alternative(name) for name in names)
        # a subject has no room for more than 64 characters, and nobody reads it
        config.write_text(CONFIG.format(name=names[0][:64], names=alternatives), encoding="ascii")
        command = [openssl, "req", "-x509", "-config", str(config), "-newkey", "ec", "-nodes", "-sha256"]
        command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-pkeyopt", "ec_param_enc:named_curve"]
        code, _, err = run([*command, "-days", str(days), "-keyout", str(key), "-out", str(certificate)])
        if code:
            raise Refusal(f"self_signed: openssl makes no certificate for {', '.join(names)}: {err.strip()}")
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key.read_text(encoding="ascii") + certificate.read_text(encoding="ascii"))
            file.flush()
            os.fsync(file.fileno())
        whole.replace(path)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "days": {"type": "int", "default": 365},
            "renew_days": {"type": "int", "default": 90},
            "openssl": {"type": "str", "default": "openssl"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "raw", "default": "0600"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    params = module.params
    path, names = Path(params["path"]), params["names"]
    bad = [name for name in names if not NAME.fullmatch(name)]
    if bad or not names:
        module.fail_json(msg=f"self_signed: names must be host names or addresses, not {bad}.")
    if not 0 <= params["renew_days"] < params["days"]:
        module.fail_json(msg="self_signed: renew_days must be less than days, or each run would make another.")

    def run(command: list[str]) -> tuple[int, str, str]:
        try:
            code, out, err = module.run_command(command, handle_exceptions=False)
        except OSError as error:
            raise Refusal(
                f"self_signed: {command[0]} cannot be run ({error.strerror}). Install it: apt-get install openssl"
            ) from error
        return int(code), str(out), str(err)

    try:
        why = why_not(path, names, params["renew_days"], params["openssl"], run)
        if why and not module.check_mode:
            make(path, names, params["days"], params["openssl"], run)
        changed = bool(why)
        if path.exists():
            changed = module.set_fs_attributes_if_different(module.load_file_common_arguments(params), changed)
        text = "" if why and module.check_mode else certificate_in(path)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal))
    except OSError as error:
        module.fail_json(msg=f"self_signed: {error.filename or path} cannot be used: {error.strerror}.")
    checksum = hashlib.sha256(text.encode()).hexdigest() if text else ""
    module.exit_json(changed=changed, path=str(path), why=why, checksum=checksum)


if __name__ == "__main__":
    main()
