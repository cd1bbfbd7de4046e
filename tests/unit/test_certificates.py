"""The certificate and key of tls=files: each mistake is one sentence, before any host changes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.asgiway.django.plugins.plugin_utils import certificates
from certificates_made import NOW, Made, authority, make
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

WORDS = {
    "tls": "files",
    "tls_certificate": "shop.pem",
    "tls_key": "shop.key",
    "http_port": 80,
    "https_port": 443,
    "hsts_seconds": 0,
    "acme_email": "",
    "acme_directory": "https://acme-v02.api.letsencrypt.org/directory",
    "acme_ca": "",
    "http3": False,
    "app_domain": "shop.example.com",
    "app_domain_aliases": ["www.shop.example.com"],
}
NAMES = ("shop.example.com", "www.shop.example.com")
ROOT = authority("Root")
MIDDLE = authority("Middle", ROOT)
GOOD = make(*NAMES, issuer=MIDDLE)

Judged = tuple[list[str], list[str]]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., Judged]:
    """Return a function: what stands in the two files to errors and warnings, without the directory."""

    def check(certificate: str, key: str, now: Any = NOW, **words: Any) -> Judged:
        (tmp_path / "shop.pem").write_text(certificate)
        (tmp_path / "shop.key").write_text(key)
        found = certificates.check({**WORDS, **words}, lambda path: Path(path).read_text(), str(tmp_path), now)
        errors, warnings = ([text.replace(f"{tmp_path}/", "") for text in texts] for texts in found[1:])
        assert all(text.isprintable() for text in errors + warnings)
        return errors, warnings

    return check


def test_a_good_chain_is_good(judged: Callable[..., Judged]) -> None:
    for issuers in ([MIDDLE], [MIDDLE, ROOT]):
        chain = "".join(one.pem for one in [GOOD, *issuers])
        assert judged(chain, GOOD.key_pem) == ([], [])
    own = make(*NAMES)
    assert judged(own.pem, own.key_pem) == ([], [])
    large = make(*NAMES, key=rsa.generate_private_key(65537, 2048))
    assert judged(large.pem, large.key_pem) == ([], [])


def test_the_paths_come_back_absolute(tmp_path: Path) -> None:
    (tmp_path / "shop.pem").write_text(GOOD.pem + MIDDLE.pem)
    (tmp_path / "shop.key").write_text(GOOD.key_pem)
    paths, errors, _ = certificates.check(WORDS, lambda path: Path(path).read_text(), str(tmp_path))
    assert errors == []
    assert paths == {"tls_certificate": str(tmp_path / "shop.pem"), "tls_key": str(tmp_path / "shop.key")}


def test_one_file_may_hold_both(judged: Callable[..., Judged]) -> None:
    both = GOOD.key_pem + GOOD.pem + MIDDLE.pem
    assert judged(both, both) == ([], [])


WRONG: Mapping[str, tuple[Made, list[Made], str]] = {
    "expired": (
        make(*NAMES, days=(-90, -1)),
        [],
        f"tls_certificate shop.pem expired on {NOW - timedelta(1):%Y-%m-%d}; renew it",
    ),
    "not yet": (
        make(*NAMES, days=(2, 90)),
        [],
        f"tls_certificate shop.pem is valid from {NOW + timedelta(2):%Y-%m-%d} only; it is {NOW:%Y-%m-%d} here",
    ),
    "a name is missing": (
        make("shop.example.com", "10.0.0.1"),
        [],
        "tls_certificate shop.pem is not for www.shop.example.com; it is for shop.example.com, 10.0.0.1. It must have"
        " app_domain and every alias",
    ),
    "only the old way of naming": (
        make(called="shop.example.com"),
        [],
        "tls_certificate shop.pem is not for shop.example.com, www.shop.example.com; it is for no name at all"
        " (subjectAltName is empty). It must have app_domain and every alias",
    ),
    "out of order": (
        GOOD,
        [ROOT, MIDDLE],
        "tls_certificate shop.pem is out of order: certificate number 2 (CN=Root) has not issued number 1"
        " (CN=shop.example.com); each is followed by its issuer",
    ),
    "another chain": (
        GOOD,
        [authority("Middle", ROOT)],
        "tls_certificate shop.pem is out of order: certificate number 2 (CN=Middle) has not issued number 1"
        " (CN=shop.example.com); each is followed by its issuer",
    ),
    "small": (
        make(*NAMES, key=rsa.generate_private_key(65537, 1024)),
        [],
        "tls_certificate shop.pem has an RSA key of 1024 bits; 2048 is the least",
    ),
    "small curve": (
        make(*NAMES, key=ec.generate_private_key(ec.SECP224R1())),
        [],
        "tls_certificate shop.pem has a key on the curve secp224r1; P-256 is the least",
    ),
    "no browser": (
        make(*NAMES, issuer=MIDDLE, key=ed25519.Ed25519PrivateKey.generate()),
        [MIDDLE],
        "tls_certificate shop.pem has a key that no browser takes; make one of RSA or on the curve P-256",
    ),
    "for clients": (
        make(*NAMES, usage=[ExtendedKeyUsageOID.CLIENT_AUTH]),
        [],
        "tls_certificate shop.pem is not for servers (extendedKeyUsage lacks serverAuth)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_is_one_sentence(judged: Callable[..., Judged], case: str) -> None:
    site, issuers, sentence = WRONG[case]
    assert judged("".join(one.pem for one in [site, *issuers]), site.key_pem)[0] == [sentence]


def test_an_expired_issuer_is_named(judged: Callable[..., Judged]) -> None:
    old = authority("Old", ROOT, days=(-90, -1))
    site = make(*NAMES, issuer=old)
    assert judged(site.pem + old.pem, site.key_pem)[0] == [
        f"tls_certificate shop.pem, certificate number 2 (CN=Old), expired on {NOW - timedelta(1):%Y-%m-%d}; renew it"
    ]


def test_a_broken_hash_is_refused(judged: Callable[..., Judged], tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text(ROOT.pem + ROOT.key_pem)
    (tmp_path / "ext").write_text(f"subjectAltName=DNS:{',DNS:'.join(NAMES)}\n")
    (tmp_path / "site.key").write_text(GOOD.key_pem)
    # cryptography itself signs no such thing any more
    openssl = "openssl req -new -key site.key -subj /CN=shop.example.com -out site.csr"
    subprocess.run(openssl.split(), cwd=tmp_path, check=True)
    openssl = "openssl x509 -req -in site.csr -CA root.pem -CAcreateserial -days 9 -sha1 -extfile ext -out site.pem"
    subprocess.run(openssl.split(), cwd=tmp_path, check=True, capture_output=True)
    assert judged((tmp_path / "site.pem").read_text() + ROOT.pem, GOOD.key_pem, datetime.now(UTC))[0] == [
        "tls_certificate shop.pem is signed with SHA1, which browsers refuse; have it issued anew"
    ]


def test_a_key_that_does_not_fit(judged: Callable[..., Judged]) -> None:
    other = make(*NAMES)
    assert judged(GOOD.pem + MIDDLE.pem, other.key_pem)[0] == [
        "tls_key shop.key does not belong to the certificate in shop.pem"
    ]
    assert judged(MIDDLE.pem + GOOD.pem, GOOD.key_pem)[0] == [
        "tls_certificate shop.pem begins with another certificate; the site's own is number 2 and comes first"
    ]


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        ("", GOOD.key_pem, "tls_certificate shop.pem holds no PEM certificate (-----BEGIN CERTIFICATE-----)."),
        (GOOD.key_pem, GOOD.key_pem, "tls_certificate shop.pem holds no PEM certificate"),
        (GOOD.pem.replace("M", "A", 9), GOOD.key_pem, "tls_certificate shop.pem is damaged: a certificate in it"),
        (GOOD.pem[:300], GOOD.key_pem, "tls_certificate shop.pem is damaged: a certificate in it cannot be read"),
        (GOOD.pem, GOOD.pem, "tls_key shop.key holds no PEM key (-----BEGIN PRIVATE KEY-----)"),
        (GOOD.pem, GOOD.key_pem[:100], "tls_key shop.key is damaged: the key in it cannot be read"),
        (GOOD.pem, GOOD.locked(b"hunter2"), "tls_key shop.key has a passphrase, and nobody is there to type it"),
    ],
    ids=["no certificate", "a key", "damaged", "cut off", "no key", "a key cut off", "a passphrase"],
)
def test_what_is_no_pem_is_named(judged: Callable[..., Judged], certificate: str, key: str, sentence: str) -> None:
    errors, _ = judged(certificate, key)
    assert len(errors) == 1
    assert errors[0].startswith(sentence)


def test_nothing_of_a_key_is_in_a_message(judged: Callable[..., Judged]) -> None:
    secret = GOOD.key_pem.splitlines()[1]
    for damaged in (GOOD.key_pem[:-40], GOOD.key_pem.replace("A", "!"), GOOD.key_pem.replace("BEGIN", "BEGIN EC")):
        errors, warnings = judged(GOOD.pem, damaged)
        assert errors
        assert secret[:20] not in str(errors + warnings)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def check(read: Callable[[str], str]) -> list[str]:
        return [text.replace(f"{tmp_path}/", "") for text in certificates.check(WORDS, read, str(tmp_path))[1]]

    (tmp_path / "shop.key").mkdir()
    assert check(lambda path: Path(path).read_text()) == [
        "tls_certificate shop.pem cannot be read: No such file or directory",
        "tls_key shop.key cannot be read: Is a directory",
    ]

    def locked(path: str) -> str:
        raise ValueError

    assert check(locked)[1] == "tls_key shop.key cannot be read: it is no text, or a vault that cannot be opened"


def test_both_files_are_needed() -> None:
    words = {**WORDS, "tls_key": ""}
    assert certificates.check(words, str, "/")[1] == [
        "tls=files needs tls_key, a PEM file on this machine. Try: -e tls=files -e tls_key=shop.pem"
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"tls": "none"}, "tls_certificate is only for tls=files, and tls is none. Say tls=files, too, or leave"),
        ({"tls": "selfsigned"}, "tls_certificate is only for tls=files, and tls is selfsigned. Say tls=files, too"),
        ({"tls": "none", "http3": True}, "http3 is only for a site with TLS, and tls is none. Try: -e http3=false"),
        ({"acme_email": "a@b.c"}, "acme_email is only for tls=acme, and tls is files. Say tls=acme, too, or leave"),
        ({"acme_ca": "root.pem"}, "acme_ca is only for tls=acme, and tls is files. Say tls=acme, too, or leave"),
        ({"tls": "none", "hsts_seconds": 300}, "hsts_seconds is only for a site with TLS, and tls is none."),
        ({"http_port": 443}, "http_port and https_port are both 443; a port speaks one of them. Try: -e"),
    ],
)
def test_words_that_do_not_fit_together(words: dict[str, Any], sentence: str) -> None:
    errors = certificates.check({**WORDS, **words}, str, "/")[1]
    assert [error for error in errors if error.startswith(sentence)] != []


def test_plain_http_asks_for_nothing() -> None:
    plain = {**WORDS, "tls": "none", "tls_certificate": "", "tls_key": "", "http_port": 443}
    assert certificates.check(plain, str, "/") == ({}, [], [])


@pytest.mark.parametrize(
    ("known", "name", "covered"),
    [
        ("shop.example.com", "shop.example.com", True),
        ("Shop.Example.COM", "shop.example.com", True),
        ("shop.example.com", "SHOP.example.com", True),
        ("*.example.com", "shop.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.shop.example.com", False),
        ("*.shop.example.com", "shop.example.com", False),
        ("*.com", "example.com", False),
        ("*", "localhost", False),
        ("example.com", "shop.example.com", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("*.0.0.1", "10.0.0.1", False),
    ],
)
def test_which_names_a_certificate_is_for(known: str, name: str, covered: bool) -> None:
    host = known.startswith("*") or not known[0].isdigit()
    assert certificates.covers([known] if host else [], [] if host else {known}, name) is covered


def test_an_address_in_a_host_name_counts_for_nothing() -> None:
    assert certificates.covers(["10.0.0.1"], set(), "10.0.0.1") is False


def test_what_is_only_doubtful_is_a_warning(judged: Callable[..., Judged]) -> None:
    assert judged(GOOD.pem, GOOD.key_pem) == (
        [],
        [
            "tls_certificate shop.pem holds one certificate only; visitors who do not know its issuer (CN=Middle) need"
            " the intermediate certificate behind it in the same file"
        ],
    )
    ends = make(*NAMES, days=(-80, 5))
    assert judged(ends.pem, ends.key_pem)[1] == [
        f"tls_certificate shop.pem ends in 5 days, on {NOW + timedelta(5):%Y-%m-%d}"
    ]


ACME = {**WORDS, "tls": "acme", "tls_certificate": "", "tls_key": ""}


def test_acme_takes_names_of_the_internet() -> None:
    def check(**words: Any) -> list[str]:
        return certificates.check({**ACME, **words}, lambda path: Path(path).read_text(), "/")[1]

    assert check() == []
    assert check(app_domain_aliases=["203.0.113.7"]) == [
        "tls=acme is for host names, and 203.0.113.7 is an address. Leave it out, or: -e tls=selfsigned"
    ]
    assert check(app_domain="localhost") == [
        "localhost is no name of the public internet, so Let's Encrypt gives no certificate for it."
        " Try: -e app_domain=shop.example.com, or -e tls=selfsigned"
    ]
    assert check(app_domain="shop", acme_directory="https://acme.example.com/directory") == []


def test_acme_is_asked_on_port_80() -> None:
    warnings = [certificates.check({**ACME, "http_port": port}, lambda _: "", "/")[2] for port in (80, 8080)]
    assert warnings == [
        [],
        ["http_port is 8080, and an ACME server asks port 80: something must forward that to it"],
    ]


def test_the_authority_of_an_acme_server_is_read(tmp_path: Path) -> None:
    def check(text: str | None) -> tuple[dict[str, str], list[str], list[str]]:
        if text is not None:
            (tmp_path / "root.pem").write_text(text)
        return certificates.check({**ACME, "acme_ca": "root.pem"}, lambda path: Path(path).read_text(), str(tmp_path))

    path = str(tmp_path / "root.pem")
    assert check(None)[1] == [f"acme_ca {path} cannot be read: No such file or directory"]
    assert check("nothing")[1][0].startswith(f"acme_ca {path} holds no PEM certificate")
    assert check(ROOT.pem) == ({"acme_ca": path}, [], [])
