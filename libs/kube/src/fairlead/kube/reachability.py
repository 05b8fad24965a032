"""From aiohttp's errors to ``Unreachable``: what happened, whether the request may have left, what to look at."""

from __future__ import annotations

import aiohttp

from fairlead.kube.errors import Unreachable

# What a request or the reading of its answer may raise when the network or the peer fails.
TRANSPORT_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)


def unreachable(host: str, error: Exception) -> Unreachable:
    """Say in one sentence why no answer came; the library's own error stays with the caller as the cause."""
    reason, maybe_sent = _reason(error)
    return Unreachable(host, reason, maybe_sent=maybe_sent)


def _reason(error: Exception) -> tuple[str, bool]:
    """Order matters: aiohttp's errors inherit from one another."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            fault = getattr(error.certificate_error, "verify_message", "") or "not for this name"
            advice = "check certificate-authority and tls-server-name in the kubeconfig, or who answers at this address"
            return f"its certificate is not trusted ({fault}); {advice}", False
        case aiohttp.ClientConnectorSSLError():
            return "the TLS handshake failed; check that the port speaks https and takes this client certificate", False
        case aiohttp.ClientConnectorDNSError():
            return "its name does not resolve; check the server in the kubeconfig, and DNS", False
        case aiohttp.ClientProxyConnectionError():
            return "the proxy cannot be reached; check proxy-url, HTTPS_PROXY and NO_PROXY, or set noProxy", False
        case aiohttp.ClientHttpProxyError():
            return f"the proxy refused the connection with code {error.status}; check proxy-url, or set noProxy", False
        case aiohttp.ClientConnectorError():
            return f"cannot connect ({error.os_error.strerror or 'refused'}); check address, port and firewall", False
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time; check address and firewall, or the limit of connections", False
        case aiohttp.SocketTimeoutError():
            return "the connection stayed silent for too long", True
        case TimeoutError():
            return "no whole answer in time", True
        case _:
            return "the connection broke before the whole answer was there", True
