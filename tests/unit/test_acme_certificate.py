"""certbot is asked for a certificate once, and again when names or server change; its own words explain a failure.

certbot is a script here; tests/acme asks a real ACME server by the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import acme_certificate
from certificates_made import make

RunModule = Callable[..., dict[str, Any]]
NAMES = ["shop.example.com", "www.shop.example.com"]
DIRECTORY = "https://acme.example.com/directory"


class FakeCertbot:
    """A certbot that installs what it was given, and notes how it was called."""

    def __init__(self, home: Path, run_module: RunModule) -> None:
        self.home, self.run_module = home, run_module
        self.command = home / "certbot"
        self.calls = home / "calls"
        self.live = home / "etc/live/asgiway-shop"
        self.renewal = home / "etc/renewal/asgiway-shop.conf"
        self.says(f'exec cp -r "{home}/next/." "{home}/etc/"')

    def says(self, script: str) -> None:
        note = f'printf "%s\\0" "$@" >>{self.calls}; echo >>{self.calls}'
        self.command.write_text(f"#!/bin/sh\n{note}\n{script}\n")
        self.command.chmod(0o755)

    def next(self, *names: str, server: str = DIRECTORY, days: tuple[int, int] = (-1, 90)) -> None:
        """Lay ready what certbot gets next."""
        made = make(*names, days=days)
        for path, text in [
            ("live/asgiway-shop/fullchain.pem", made.pem),
            ("live/asgiway-shop/privkey.pem", made.key_pem),
            ("renewal/asgiway-shop.conf", f"version = 4.0.0\n[renewalparams]\nserver = {server}\n"),
        ]:
            file = self.home / "next" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (self.home / "etc").mkdir(exist_ok=True)

    def asked(self) -> list[list[str]]:
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [line.rstrip("\0").split("\0") for line in lines]

    def __call__(self, **options: Any) -> dict[str, Any]:
        return self.run_module(
            acme_certificate.main,
            **{
                "name": "asgiway-shop",
                "names": NAMES,
                "directory": DIRECTORY,
                "webroot": "/var/lib/asgiway/acme",
                "config_dir": str(self.home / "etc"),
                "certbot": str(self.command),
                **options,
            },
        )


@pytest.fixture
def certbot(tmp_path: Path, run_module: RunModule) -> FakeCertbot:
    fake = FakeCertbot(tmp_path, run_module)
    fake.next(*NAMES)
    return fake


def test_it_is_asked_once(certbot: FakeCertbot) -> None:
    first = certbot(email="admin@example.com")
    assert (first["changed"], first["why"]) == (True, "there is none")
    second = certbot(names=[name.upper() for name in NAMES[::-1]])
    assert (second["changed"], second["why"], second["checksum"]) == (False, "", first["checksum"])
    (asked,) = certbot.asked()
    words = " ".join(asked)
    assert asked[0] == "certonly"
    assert f"--server {DIRECTORY}" in words
    assert "--cert-name asgiway-shop" in words
    assert "--webroot --webroot-path /var/lib/asgiway/acme" in words
    assert "--domain shop.example.com --domain www.shop.example.com" in words
    assert "--email admin@example.com" in words
    assert {"--non-interactive", "--agree-tos"} < set(asked)


def test_without_an_address_nobody_is_written_to(certbot: FakeCertbot) -> None:
    certbot()
    (asked,) = certbot.asked()
    assert "--register-unsafely-without-email" in asked
    assert "--email" not in asked


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"names": [*NAMES, "api.shop.example.com"]}, "it is for other names"),
        ({"names": NAMES[:1]}, "it is for other names"),
        ({"directory": "https://other.example.com/dir"}, f"it is from {DIRECTORY}"),
    ],
)
def test_it_is_asked_again(certbot: FakeCertbot, options: dict[str, Any], why: str) -> None:
    certbot()
    again = certbot(**options)
    assert (again["changed"], again["why"]) == (True, why)
    assert len(certbot.asked()) == 2


def test_one_that_has_ended_is_replaced(certbot: FakeCertbot) -> None:
    certbot.next(*NAMES, days=(-90, -1))
    before = certbot()
    certbot.next(*NAMES)
    after = certbot()
    assert (after["why"], after["checksum"] != before["checksum"]) == ("it has ended", True)


def test_a_dry_run_asks_nobody(certbot: FakeCertbot) -> None:
    foretold = certbot(_check=True, certbot="/nowhere/certbot", openssl="/nowhere/openssl")
    assert (foretold["changed"], foretold["why"], foretold["checksum"]) == (True, "there is none", "")
    assert certbot.asked() == []


def test_a_failure_is_told_in_certbots_words(certbot: FakeCertbot) -> None:
    certbot()
    before = certbot.live.joinpath("fullchain.pem").read_bytes()
    certbot.says(
        "echo 'Saving debug log to /var/log/letsencrypt/letsencrypt.log' >&2\n"
        "echo '  Detail: 203.0.113.7: Fetching http://shop.example.com/: Connection refused'\n"
        "echo 'Ask for help or search for solutions at https://community.letsencrypt.org.' >&2\nexit 1"
    )
    failed = certbot(names=NAMES[:1])
    assert failed["msg"] == (
        f"{DIRECTORY} gives no certificate for shop.example.com. certbot says:"
        " Detail: 203.0.113.7: Fetching http://shop.example.com/: Connection refused"
    )
    assert certbot.live.joinpath("fullchain.pem").read_bytes() == before


def test_a_missing_certbot_is_named(certbot: FakeCertbot) -> None:
    failed = certbot(certbot="/nowhere/certbot")
    assert failed["msg"] == "acme_certificate: /nowhere/certbot cannot be run (No such file or directory)"
