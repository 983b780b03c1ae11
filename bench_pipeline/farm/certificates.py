"""A farm's own authority, and the certificate with which Redis and Postgres show who they are."""

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

YEARS = 10
_A_DAY = timedelta(days=1)
"""Before now: a rig's clock may be slow, and is not to be locked out for it."""


class Certificates(NamedTuple):
    """PEM. The authority's own key is thrown away once it has signed: nobody can make another."""

    authority: str
    certificate: str
    key: str


def make_certificates(names: list[str]) -> Certificates:
    """For a server that is reached under these names or addresses."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _named("bench_pipeline farm")
    # Python 3.13 asks for both identifiers
    subject_key = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    authority = (
        _begun(root, root, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(subject_key, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    certificate = (
        _begun(_named("control plane"), root, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), False
        )
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificates(
        authority.public_bytes(pem).decode(),
        certificate.public_bytes(pem).decode(),
        private.decode(),
    )


def names_in(certificate: str) -> set[str]:
    """For which it was made."""
    extension = x509.load_pem_x509_certificate(certificate.encode()).extensions
    found = extension.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _A_DAY)
        .not_valid_after(now + YEARS * 365 * _A_DAY)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
