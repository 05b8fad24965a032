"""Files that the gateway reads and makes: tokens, its key, its addresses, the certificates of its doors."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.keyring import Keyring, make_key, parse_keys
from fairlead.runtime import logfields
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.logs import get_logger
from fairlead.runtime.tls import find_faults

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What file systems without them answer: link(2), and shares over SMB."""

log = get_logger()


def read_text(path: Path, setting: str) -> str:
    """Read a small file that a setting names.

    Raises:
        ConfigurationError: it cannot be read, or is empty.

    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{setting}: {path} cannot be read ({reason})") from None
    if not text:
        raise ConfigurationError(f"{setting}: {path} is empty")
    return text


def load_keyring(path: Path, setting: str) -> Keyring:
    """Read the key file; make it, for this user alone, when it is not there.

    Of several gateways that find none at the same moment, one makes it and all read the same: the file appears whole, unless
    its file system has no hard links.

    Raises:
        ConfigurationError: it holds no keys, or cannot be made.

    """
    if not path.exists():
        _make_key_file(path, setting)
    try:
        return Keyring(parse_keys(read_text(path, setting)))
    except ValueError as error:
        raise ConfigurationError(f"{setting}: {path}: {error}; each line is the base64 of 32 random bytes") from None


def _make_key_file(path: Path, setting: str) -> None:
    text = f"# Key of the gateway's stored operations. Gateways that share a database share it.\n{make_key()}\n"
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.", encoding="utf-8") as draft:
            draft.write(text)
            draft.flush()
            os.fsync(draft.fileno())
            try:
                os.link(draft.name, path)  # unlike a rename it replaces nobody's
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                path.touch(0o600, exist_ok=False)
                path.write_text(text, encoding="utf-8")
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigurationError(f"{setting}: {path} is not there and cannot be made ({error.strerror})") from None
    log.warning("made a key file; back it up, and give it to every gateway of this database", **{
        logfields.FILE: str(path)})  # fmt: skip


def write_addresses(path: Path, addresses: dict[str, str], setting: str) -> None:
    """Write the listeners' addresses as JSON; the file appears whole.

    Raises:
        ConfigurationError: it cannot be written.

    """
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_text(json.dumps(addresses) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{setting}: {path} cannot be written ({error.strerror})") from None


def find_door_faults(door: Door) -> list[str]:
    """Look at the files of a door's TLS; returns what is wrong with them, each by its setting.

    A certificate that has expired is only told: where it is nobody's, a gateway that does not start helps nobody either.
    """
    if not door.tls:
        return []
    section = f"{door.name}.tls"
    faults = find_faults(
        authority=(f"{section}.clientCaFile", door.client_ca_file),
        certificate=(f"{section}.certFile", door.cert_file),
        key=(f"{section}.keyFile", door.key_file),
    )
    if not faults and door.cert_file is not None:
        _tell_time(door.cert_file, f"{section}.certFile")
    return faults


def _tell_time(path: Path, setting: str) -> None:
    first, *_ = x509.load_pem_x509_certificates(path.read_bytes())
    if first.not_valid_after_utc < datetime.now(UTC):
        log.error("a certificate has expired: whoever checks it will not connect", **{
            logfields.REASON: setting, logfields.FILE: str(path)})  # fmt: skip
