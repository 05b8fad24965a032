"""Certificates of one's own authority: what they are good for, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from fairlead.cli.certificates import Authority, KeyPair, hosts_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def usage_of(pair: KeyPair) -> list[x509.ObjectIdentifier]:
    """What a certificate may be used for."""
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_server_certificate_is_for_its_hosts_alone() -> None:
    """Names and addresses stand in it, it is no client certificate, and the authority signed it."""
    authority = Authority.create("test-ca", NOW)
    pair = authority.issue_server("gateway", ["gateway.example", "127.0.0.1", "::1"], NOW, YEAR)
    certificate = x509.load_pem_x509_certificate(pair.certificate)

    assert hosts_of(certificate) == {"gateway.example", "127.0.0.1", "::1"}
    assert usage_of(pair) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert authority.signed(certificate)
    assert certificate.not_valid_after_utc == NOW + YEAR


def test_a_client_certificate_names_its_holder() -> None:
    """The common name is the holder's, and it is good for no host."""
    pair = Authority.create("test-ca", NOW).issue_client("agent-1", NOW, YEAR)
    certificate = x509.load_pem_x509_certificate(pair.certificate)

    assert certificate.subject.rfc4514_string() == "CN=agent-1"
    assert hosts_of(certificate) == frozenset()
    assert usage_of(pair) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_no_certificate_outlives_its_authority() -> None:
    """A lifetime past the authority's end is cut to it."""
    authority = Authority.create("test-ca", NOW)
    pair = authority.issue_client("agent", NOW, timedelta(days=9999))

    end = x509.load_pem_x509_certificate(pair.certificate).not_valid_after_utc
    assert end == authority.certificate.not_valid_after_utc


def test_an_authority_survives_as_files_and_knows_its_own() -> None:
    """Loaded from PEM it signs as before; another authority's certificate is a stranger."""
    first, second = Authority.create("test-ca", NOW), Authority.create("test-ca", NOW)
    loaded = Authority.load(first.pair)
    theirs = x509.load_pem_x509_certificate(second.issue_client("agent", NOW, YEAR).certificate)

    assert loaded.pair == first.pair
    assert not loaded.signed(theirs)


def test_a_key_of_another_certificate_is_refused() -> None:
    """Certificate and key must belong together."""
    first, second = Authority.create("test-ca", NOW), Authority.create("test-ca", NOW)

    with pytest.raises(ValueError, match="does not belong"):
        Authority.load(KeyPair(first.pair.certificate, second.pair.key))
