"""TLS files, each with the setting that names it, and what it means when the other side's certificate is not accepted."""

from __future__ import annotations

import ssl
from enum import Enum, auto
from pathlib import Path

Named = tuple[str, Path | None]
"""A setting, and the file that it names, if any."""

# Results of verification, as OpenSSL numbers them (include/openssl/x509_vfy.h).
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64


class Doubt(Enum):
    """Why a certificate is not accepted."""

    TIME = auto()
    """It has expired, or is not valid yet."""
    NAME = auto()
    """It is another host's."""
    AUTHORITY = auto()
    """Nobody whom we trust has signed it."""


def doubt_of(error: ssl.SSLCertVerificationError) -> Doubt:
    """Tell why a certificate is not accepted."""
    if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
        return Doubt.TIME
    return Doubt.NAME if error.verify_code in (_OTHER_HOST, _OTHER_ADDRESS) else Doubt.AUTHORITY


def find_faults(*, authority: Named, certificate: Named, key: Named) -> list[str]:
    """Look at files before they are needed; returns what is wrong with them, each by its setting."""
    faults = [fault for named in (authority, certificate, key) if (fault := _unreadable(*named))]
    if faults:
        return faults
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return [*_no_authority(context, *authority), *_no_identity(context, certificate, key)]


def _unreadable(setting: str, path: Path | None) -> str:
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return f"{setting}: {path} cannot be read ({error.strerror})"
    return ""


def _no_authority(context: ssl.SSLContext, setting: str, path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        return [f"{setting}: {path} holds no certificates in PEM ({error.reason or 'none at all'})"]
    return []


def _no_identity(context: ssl.SSLContext, certificate: Named, key: Named) -> list[str]:
    (certificate_setting, chain), (key_setting, private) = certificate, key
    if chain is None:
        return []
    try:
        context.load_cert_chain(chain, private, password="")  # without one, OpenSSL would ask for it on the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return [f"{key_setting}: {private} is not the key of the certificate in {chain}"]
        files = f"{chain} and {private} are" if private is not None else f"{chain} is"
        told = f"{files} no certificate and key in PEM, without a password"
        return [f"{certificate_setting}, {key_setting}: {told} ({error.reason or 'unknown form'})"]
    return []
