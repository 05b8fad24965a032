"""Certificates of a control plane on loopback: one authority, the API server, its clients, the service account key."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

_LIFETIME = dt.timedelta(days=2)
_SERVER_NAMES: list[x509.GeneralName] = [
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("10.96.0.1")),
    *(x509.DNSName(name) for name in ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")),
]


class Authority:
    """A certificate authority that writes what it issues into one folder, as ``<name>.crt`` and ``<name>.key``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._key = self._new_key("ca")
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fairlead-test-ca")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key).add_extension(usage, critical=True)
        self._sign("ca", builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True))

    def issue_server(self, name: str) -> None:
        """Issue a serving certificate for loopback and the API server's service names."""
        builder = self._builder(_subject(name), self._new_key(name))
        builder = builder.add_extension(x509.SubjectAlternativeName(_SERVER_NAMES), critical=False)
        self._sign(name, _for_usage(builder, ExtendedKeyUsageOID.SERVER_AUTH))

    def issue_client(self, name: str, *, user: str, group: str | None = None) -> None:
        """Issue a client certificate; Kubernetes reads the user from CN and the groups from O."""
        builder = self._builder(_subject(user, group), self._new_key(name))
        self._sign(name, _for_usage(builder, ExtendedKeyUsageOID.CLIENT_AUTH))

    def write_key_pair(self, name: str) -> None:
        """Write a bare key pair, as ``<name>.key`` and ``<name>.pub`` (for service account tokens)."""
        public = self._new_key(name).public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (self.directory / f"{name}.pub").write_bytes(pem)

    def _new_key(self, name: str) -> ec.EllipticCurvePrivateKey:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.directory / f"{name}.key"
        path.touch(mode=0o600)
        path.write_bytes(pem)
        return key

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _sign(self, name: str, builder: x509.CertificateBuilder) -> None:
        certificate = builder.sign(self._key, hashes.SHA256())
        (self.directory / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _subject(user: str, group: str | None = None) -> x509.Name:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group is not None:
        names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(names)


def _for_usage(builder: x509.CertificateBuilder, usage: x509.ObjectIdentifier) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
