"""The authority and what it issues."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography import x509

from fairlead.simcluster import certificates


def test_server_certificates_name_their_hosts() -> None:
    """Addresses and names, signed by the authority."""
    authority = certificates.Authority()
    pair = authority.server(["127.0.0.1", "localhost"])
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))


def test_client_certificates_carry_user_and_groups() -> None:
    """CN and O, as the API server reads them."""
    pair = certificates.Authority().client("admin", ["system:masters"])
    subject = x509.load_pem_x509_certificate(pair.certificate).subject.rfc4514_string()

    assert subject == "CN=admin,O=system:masters"
    assert pair.key_data
    assert pair.certificate_data


def test_the_server_leaves_no_key_on_disk(tmp_path: Path) -> None:
    """The file goes when the context has read it; client certificates are optional."""
    authority = certificates.Authority()
    context = certificates.server_context(authority, authority.server(["localhost"]), tmp_path)

    assert context.verify_mode == ssl.CERT_OPTIONAL
    assert list(tmp_path.iterdir()) == []
