"""Finds out why no link comes about, by a plain connection of its own: gRPC's messages tell too little."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from fairlead.bridge.core.diagnosis import Symptom
from fairlead.runtime.tls import Doubt, doubt_of

STEP_S = 5.0
LISTEN_S = 1.0
"""How long an alert about our certificate may take; in TLS 1.3 it comes after the handshake."""

_DOUBTS = {Doubt.TIME: Symptom.EXPIRED, Doubt.NAME: Symptom.OTHER_NAME, Doubt.AUTHORITY: Symptom.CERTIFICATE}


@dataclass(frozen=True, slots=True)
class Tls:
    """Files and names of TLS; ``server_name`` is empty when the certificate names the host that is dialled."""

    server_name: str = ""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


async def find_symptom(host: str, port: int, tls: Tls | None) -> tuple[Symptom, str]:
    """Look at an address where no link came about; never fails."""
    try:
        async with asyncio.timeout(STEP_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except socket.gaierror:
        return Symptom.UNRESOLVED, ""
    except TimeoutError:
        return Symptom.SILENT, ""
    except OSError as error:
        return Symptom.CLOSED, error.strerror or ""
    return await (_with_tls(host, port, tls) if tls is not None else _without_tls(host, port))


async def _with_tls(host: str, port: int, tls: Tls) -> tuple[Symptom, str]:
    try:
        context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except (OSError, ssl.SSLError) as error:
        return Symptom.CERTIFICATE, f"our own files cannot be used: {error}"
    context.set_alpn_protocols(["h2"])
    try:
        hung_up = await _handshake(host, port, context, tls.server_name or host)
    except ssl.SSLCertVerificationError as error:
        return _DOUBTS[doubt_of(error)], error.verify_message
    except ssl.SSLError as error:
        reason = error.reason or ""
        if "ALERT" in reason:
            return Symptom.CLIENT_CERTIFICATE, reason.lower()
        return Symptom.PLAINTEXT, reason.lower()
    except (OSError, EOFError):
        return Symptom.PLAINTEXT, ""
    except TimeoutError:
        return Symptom.PLAINTEXT, "no answer to a TLS handshake"
    # A gateway that likes our certificate speaks first, with its HTTP/2 settings.
    return (Symptom.CLIENT_CERTIFICATE if hung_up else Symptom.OTHER), ""


async def _without_tls(host: str, port: int) -> tuple[Symptom, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only whether it speaks TLS is asked; nothing is sent
    try:
        await _handshake(host, port, context, host)
    except ssl.SSLError as error:
        return (Symptom.TLS if "ALERT" in (error.reason or "") else Symptom.OTHER), ""
    except (OSError, EOFError, TimeoutError):
        return Symptom.OTHER, ""
    return Symptom.TLS, ""


async def _handshake(host: str, port: int, context: ssl.SSLContext, server_name: str) -> bool:
    """Shake hands and listen for a moment; returns whether the other side hung up."""
    async with asyncio.timeout(STEP_S):
        reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=server_name)
    try:
        async with asyncio.timeout(LISTEN_S):
            return not await reader.read(1)
    except TimeoutError:
        return False
    finally:
        writer.close()
