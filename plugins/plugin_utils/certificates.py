"""The files that the words of TLS name, and the words of TLS that must fit together. No Ansible in here.

Every error is one sentence that names the file, what is wrong with it, and what to do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from ansible_collections.asgiway.django.plugins.plugin_utils.local_path import absolute
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

FILES = ("tls_certificate", "tls_key")
ACME = ("acme_email", "acme_ca")
PUBLIC = ".letsencrypt.org/"
# Mozilla's intermediate profile, and what OpenSSL takes at Debian's security level 2
RSA_BITS, EC_BITS = 2048, 256
BROKEN_HASHES = ("md5", "sha1")
SOON_DAYS = 14

# path -> text of the file, a vault opened; raises OSError or ValueError, whose text holds nothing of the file
Read = Callable[[str], str]


class CertificateError(ValueError):
    """A sentence for the user."""


def check(
    words: Mapping[str, Any], read: Read, start: str, now: datetime | None = None
) -> tuple[dict[str, str], list[str], list[str]]:
    """Check the words of TLS against each other, and the files of `tls=files` and `tls=acme`.

    Args:
        words: the checked words.
        read: returns the text of a file on this machine.
        start: the directory that relative paths begin at.
        now: the time to judge by; the present when it is not given.

    Returns:
        The files' absolute paths by word, errors and warnings.
    """
    errors = _pairs(words)
    if words["tls"] == "acme":
        return _acme(words, read, start, errors)
    if words["tls"] != "files":
        return {}, errors, []
    paths = {name: str(absolute(words[name], start)) for name in FILES if words[name]}
    errors += [
        f"tls=files needs {name}, a PEM file on this machine. Try: -e tls=files -e {name}=shop.pem"
        for name in FILES
        if name not in paths
    ]
    if errors:
        return paths, errors, []
    texts = {}
    for name, path in paths.items():
        try:
            texts[name] = _text(name, path, read)
        except CertificateError as error:
            errors.append(str(error))
    if errors:
        return paths, errors, []
    try:
        chain = certificates(texts["tls_certificate"], paths["tls_certificate"])
        key = private_key(texts["tls_key"], paths["tls_key"])
    except CertificateError as error:
        return paths, [str(error)], []
    names = [words["app_domain"], *words["app_domain_aliases"]]
    wrong, warnings = judge(chain, key, names, (paths[FILES[0]], paths[FILES[1]]), now or datetime.now(UTC))
    return paths, wrong, warnings


def _text(name: str, path: str, read: Read) -> str:
    """Return the text of a word's file; raises CertificateError when it cannot be read."""
    try:
        return read(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text, or a vault that cannot be opened"
        raise CertificateError(f"{name} {path} cannot be read: {why}") from error


def _acme(
    words: Mapping[str, Any], read: Read, start: str, errors: list[str]
) -> tuple[dict[str, str], list[str], list[str]]:
    """Return path, errors and warnings of `tls=acme`; the challenge is http-01 (RFC 8555, 8.3), which asks port 80."""
    for name in [words["app_domain"], *words["app_domain_aliases"]]:
        if _is_address(name):
            errors.append(f"tls=acme is for host names, and {name} is an address. Leave it out, or: -e tls=selfsigned")
        elif PUBLIC in words["acme_directory"] and "." not in name.strip("."):
            errors.append(
                f"{name} is no name of the public internet, so Let's Encrypt gives no certificate for it."
                " Try: -e app_domain=shop.example.com, or -e tls=selfsigned"
            )
    paths = {}
    if words["acme_ca"]:
        paths["acme_ca"] = path = str(absolute(words["acme_ca"], start))
        try:
            certificates(_text("acme_ca", path, read), path, "acme_ca")
        except CertificateError as error:
            errors.append(str(error))
    warnings = []
    if words["http_port"] != 80:
        warnings.append(
            f"http_port is {words['http_port']}, and an ACME server asks port 80: something must forward that to it"
        )
    return paths, errors, warnings


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _pairs(words: Mapping[str, Any]) -> list[str]:
    """Return what does not fit together: a word that would be without effect is a mistake."""
    errors = []
    if words["tls"] != "files":
        errors += [
            f"{name} is only for tls=files, and tls is {words['tls']}. Say tls=files, too, or leave {name} out"
            for name in FILES
            if words[name]
        ]
    if words["tls"] != "acme":
        errors += [
            f"{name} is only for tls=acme, and tls is {words['tls']}. Say tls=acme, too, or leave {name} out"
            for name in ACME
            if words[name]
        ]
    if words["tls"] == "none" and words["hsts_seconds"]:
        errors.append("hsts_seconds is only for a site with TLS, and tls is none. Try: -e hsts_seconds=0")
    if words["tls"] == "none" and words["http3"]:
        errors.append("http3 is only for a site with TLS, and tls is none. Try: -e http3=false")
    if words["tls"] != "none" and words["https_port"] == words["http_port"]:
        port = words["http_port"]
        errors.append(f"http_port and https_port are both {port}; a port speaks one of them. Try: -e https_port=443")
    return errors


def certificates(text: str, path: str, word: str = "tls_certificate") -> list[x509.Certificate]:
    """Return the certificates of a PEM text; the word that names its file is for the messages.

    Raises:
        CertificateError: when there is none, or one that cannot be read.
    """
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise CertificateError(
            f"{word} {path} holds no PEM certificate (-----BEGIN CERTIFICATE-----). One in DER is converted"
            f" with: openssl x509 -inform der -in {path} -out site.pem"
        )
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise CertificateError(f"{word} {path} is damaged: a certificate in it cannot be read") from error


def private_key(text: str, path: str) -> PrivateKeyTypes:
    """Return the key of a PEM text; nothing of it is ever in a message.

    Raises:
        CertificateError: when there is none, or it needs a passphrase.
    """
    if "PRIVATE KEY-----" not in text:
        raise CertificateError(f"tls_key {path} holds no PEM key (-----BEGIN PRIVATE KEY-----)")
    try:
        return serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError as error:
        raise CertificateError(
            f"tls_key {path} has a passphrase, and nobody is there to type it when nginx starts. Take it off with:"
            f" openssl pkey -in {path} -out site.key, and keep the file with: ansible-vault encrypt site.key"
        ) from error
    except Exception as error:  # cryptography has many; their texts could quote the file
        raise CertificateError(f"tls_key {path} is damaged: the key in it cannot be read") from error


def judge(
    chain: list[x509.Certificate],
    key: PrivateKeyTypes,
    names: Collection[str],
    paths: tuple[str, str],
    now: datetime,
) -> tuple[list[str], list[str]]:
    """Return errors and warnings of a chain and its key for these host names and addresses.

    Args:
        paths: of the two files, the certificate's first; for the messages.
    """
    certificate_path, key_path = paths
    site, subject = chain[0], f"tls_certificate {certificate_path}"
    public = key.public_key()
    if not _same(site.public_key(), public):
        place = next((number for number, one in enumerate(chain, 1) if _same(one.public_key(), public)), 0)
        if place:
            return [f"{subject} begins with another certificate; the site's own is number {place} and comes first"], []
        return [f"tls_key {key_path} does not belong to the certificate in {certificate_path}"], []
    errors = [*_dates(site, subject, now), *_names(site, names, subject), *_strength(site, public, subject)]
    warnings = []
    for number, (one, issuer) in enumerate(pairwise(chain), 1):
        if _hash(one) in BROKEN_HASHES:  # nobody verifies these any more
            continue
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            errors.append(
                f"{subject} is out of order: certificate number {number + 1} ({_called(issuer)}) has not issued number"
                f" {number} ({_called(one)}); each is followed by its issuer"
            )
            break
        errors += _dates(issuer, f"{subject}, certificate number {number + 1} ({_called(issuer)}),", now)
    if len(chain) == 1 and site.issuer != site.subject:
        warnings.append(
            f"{subject} holds one certificate only; visitors who do not know its issuer ({_name(site.issuer)}) need the"
            " intermediate certificate behind it in the same file"
        )
    left = (site.not_valid_after_utc - now).days
    if 0 <= left < SOON_DAYS:
        warnings.append(f"{subject} ends in {left} days, on {site.not_valid_after_utc:%Y-%m-%d}")
    return errors, warnings


def _dates(one: x509.Certificate, subject: str, now: datetime) -> list[str]:
    if now > one.not_valid_after_utc:
        return [f"{subject} expired on {one.not_valid_after_utc:%Y-%m-%d}; renew it"]
    if now < one.not_valid_before_utc:
        return [f"{subject} is valid from {one.not_valid_before_utc:%Y-%m-%d} only; it is {now:%Y-%m-%d} here"]
    return []


def _names(site: x509.Certificate, names: Collection[str], subject: str) -> list[str]:
    try:
        found = site.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = found.get_values_for_type(x509.DNSName)
        addresses = {str(address) for address in found.get_values_for_type(x509.IPAddress)}
    except x509.ExtensionNotFound:
        # a name in the subject alone counts for no browser any more
        hosts, addresses = [], set()
    missing = [name for name in names if not covers(hosts, addresses, name)]
    if not missing:
        return []
    known = ", ".join([*hosts, *sorted(addresses)]) or "no name at all (subjectAltName is empty)"
    return [f"{subject} is not for {', '.join(missing)}; it is for {known}. It must have app_domain and every alias"]


def covers(hosts: Collection[str], addresses: Collection[str], name: str) -> bool:
    """Tell whether a certificate's names hold this one. A * stands for one label, the first (RFC 6125, 6.4.3)."""
    try:
        return str(ipaddress.ip_address(name)) in addresses
    except ValueError:
        pass
    wanted = name.lower().rstrip(".")
    _, _, parent = wanted.partition(".")
    known = {host.lower().rstrip(".") for host in hosts}
    return wanted in known or ("." in parent and f"*.{parent}" in known)


def _strength(site: x509.Certificate, public: PublicKeyTypes, subject: str) -> list[str]:
    errors = []
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < RSA_BITS:
            errors.append(f"{subject} has an RSA key of {public.key_size} bits; {RSA_BITS} is the least")
    elif isinstance(public, ec.EllipticCurvePublicKey):
        if public.curve.key_size < EC_BITS:
            errors.append(f"{subject} has a key on the curve {public.curve.name}; P-256 is the least")
    else:
        errors.append(f"{subject} has a key that no browser takes; make one of RSA or on the curve P-256")
    if _hash(site) in BROKEN_HASHES and site.issuer != site.subject:
        errors.append(f"{subject} is signed with {_hash(site).upper()}, which browsers refuse; have it issued anew")
    try:
        usage = site.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return errors
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        errors.append(f"{subject} is not for servers (extendedKeyUsage lacks serverAuth)")
    return errors


def _hash(one: x509.Certificate) -> str:
    """Return the name of the hash that a certificate is signed with; Ed25519 has none to name."""
    try:
        used = one.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return used.name if used else ""


def _same(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return one.public_bytes(*form) == other.public_bytes(*form)


def _called(one: x509.Certificate) -> str:
    return _name(one.subject)


def _name(name: x509.Name) -> str:
    """Return a name in one printable line."""
    text = name.rfc4514_string() or "without a name"
    return "".join(char if char.isprintable() else "?" for char in text)[:80]
