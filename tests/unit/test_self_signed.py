"""A self-signed certificate is made once, and again when names change or its end is near."""

from __future__ import annotations

import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.modules import self_signed
from ansible_collections.asgiway.django.plugins.plugin_utils import certificates
from cryptography import x509
from cryptography.hazmat.primitives import serialization

RunModule = Callable[..., dict[str, Any]]
NAMES = ["shop.example.com", "10.0.0.1", "Localhost"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "selfsigned.pem"


def read(path: Path) -> tuple[x509.Certificate, Any]:
    text = path.read_bytes()
    return x509.load_pem_x509_certificate(text), serialization.load_pem_private_key(text, None)


def test_it_is_made_once(run_module: RunModule, path: Path) -> None:
    first = run_module(self_signed.main, path=str(path), names=NAMES)
    assert (first["changed"], first["why"]) == (True, "there is none")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing is left over"
    text = path.read_bytes()
    second = run_module(self_signed.main, path=str(path), names=NAMES[::-1])
    assert (second["changed"], second["why"], second["checksum"]) == (False, "", first["checksum"])
    assert path.read_bytes() == text


def test_it_is_what_the_kit_itself_takes(run_module: RunModule, path: Path) -> None:
    run_module(self_signed.main, path=str(path), names=NAMES)
    certificate, key = read(path)
    assert certificates.judge([certificate], key, NAMES, ("a", "b"), certificate.not_valid_before_utc) == ([], [])
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 365
    assert ssl.create_default_context(cafile=path).cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"names": [*NAMES, "www.shop.example.com"]}, "it is for other names"),
        ({"names": NAMES[:2]}, "it is for other names"),
        ({"names": ["shop.example.com", "10.0.0.2", "localhost"]}, "it is for other names"),
        ({"days": 900, "renew_days": 826}, "it ends within 826 days"),
    ],
)
def test_another_is_made(run_module: RunModule, path: Path, options: dict[str, Any], why: str) -> None:
    first = run_module(self_signed.main, path=str(path), names=NAMES)
    wanted = {"path": str(path), "names": NAMES, **options}
    before = path.read_bytes()
    foreseen = run_module(self_signed.main, _check=True, **wanted)
    assert (foreseen["changed"], foreseen["why"], foreseen["checksum"]) == (True, why, "")
    assert path.read_bytes() == before
    done = run_module(self_signed.main, **wanted)
    assert (done["changed"], done["why"]) == (True, why)
    assert done["checksum"] != first["checksum"]
    assert run_module(self_signed.main, **wanted)["changed"] is False


def test_a_damaged_one_is_replaced(run_module: RunModule, path: Path) -> None:
    run_module(self_signed.main, path=str(path), names=NAMES)
    whole = path.read_text()
    for text in (whole[whole.index("-----BEGIN CERT") :], whole.replace("CERTIFICATE-----\nM", "CERTIFICATE-----\nA")):
        path.write_text(text)
        assert run_module(self_signed.main, path=str(path), names=NAMES)["changed"] is True
        read(path)


def test_a_mode_that_lets_others_read_is_set_right(run_module: RunModule, path: Path) -> None:
    run_module(self_signed.main, path=str(path), names=NAMES)
    path.chmod(0o644)
    assert run_module(self_signed.main, path=str(path), names=NAMES)["changed"] is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_check_mode_on_a_fresh_host_needs_no_directory(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(self_signed.main, _check=True, path=str(tmp_path / "none/a.pem"), names=NAMES)
    assert (result["changed"], result["checksum"]) == (True, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"names": ["a\nb"]}, "self_signed: names must be host names or addresses, not ['a\\nb']."),
        ({"names": []}, "self_signed: names must be host names or addresses, not []."),
        ({"renew_days": 365}, "self_signed: renew_days must be less than days, or each run would make another."),
        ({"openssl": "/nowhere/openssl", "path": "{path}"}, "self_signed: /nowhere/openssl cannot be run"),
        ({"path": "/nowhere/a.pem"}, "self_signed: /nowhere"),
    ],
)
def test_a_refusal_is_a_sentence(run_module: RunModule, path: Path, options: dict[str, Any], sentence: str) -> None:
    wanted = {"path": str(path), "names": NAMES, **options}
    result = run_module(self_signed.main, **{**wanted, "path": str(wanted["path"]).format(path=path)})
    assert result["failed"] is True
    assert result["msg"].startswith(sentence)


def test_a_long_name_fits(run_module: RunModule, path: Path) -> None:
    name = ".".join(["a" * 60] * 4)
    assert run_module(self_signed.main, path=str(path), names=[name])["changed"] is True
    done = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-checkhost", name], capture_output=True, text=True
    )
    assert "does match" in done.stdout
