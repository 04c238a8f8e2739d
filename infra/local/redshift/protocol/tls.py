"""TLS with a generated certificate: a small authority for clients to trust, a server below it.

Clients that verify name `ca.pem`: libpq as `sslrootcert`, Python's ssl (redshift_connector, dbt)
as the environment variable SSL_CERT_FILE.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.config import write_private

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateBuilder

AUTHORITY, CERTIFICATE, KEY = "ca.pem", "server.pem", "server.key"
NAMES, ADDRESSES = ("localhost",), ("127.0.0.1", "::1")
# Days; the files are made anew when less than a tenth is left.
LIFETIME = 825


def server_context(folder: Path) -> ssl.SSLContext:
    """The server's TLS settings; makes the certificate in `folder` when there is none."""
    if not _is_valid(folder):
        _make(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return context


def _is_valid(folder: Path) -> bool:
    """Whether all files are there and the certificate does not end soon."""
    if not all((folder / name).exists() for name in (AUTHORITY, CERTIFICATE, KEY)):
        return False
    from cryptography import x509  # noqa: PLC0415 slow to import

    certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left > datetime.timedelta(days=LIFETIME // 10)


def _make(folder: Path) -> None:
    """Make the authority and the server's certificate; the authority's key is not kept."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: str, key: ec.EllipticCurvePublicKey) -> CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Local Redshift gateway"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=LIFETIME))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
                critical=False,
            )
        )

    def pem(certificate: Certificate) -> str:
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment"),
            *("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
            *("encipher_only", "decipher_only"),
        ),
        False,
    )
    authority = (
        builder("Local Redshift gateway", authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**{**usage, "key_cert_sign": True}), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        builder("localhost", key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{**usage, "digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    *(x509.DNSName(each) for each in NAMES),
                    *(x509.IPAddress(ipaddress.ip_address(each)) for each in ADDRESSES),
                ]
            ),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(folder / KEY, secret.decode())
    write_private(folder / CERTIFICATE, pem(server))
    write_private(folder / AUTHORITY, pem(authority))
    (folder / AUTHORITY).chmod(0o644)
