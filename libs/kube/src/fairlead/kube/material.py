"""What a connection needs: where to, whom to trust, as whom, through what."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubernetes.client.rest import should_bypass_proxies

from fairlead.kube.errors import CredentialsError

if TYPE_CHECKING:
    from kubernetes.client import Configuration


@dataclass(frozen=True, slots=True)
class Material:
    """What a kubeconfig context or a service account says at one moment.

    ``tls`` is None for a plain http server. ``tls_digest`` is equal for equal certificates, keys and CAs.
    ``authorization`` is the header's value, None where a client certificate (or nobody) speaks. ``expires`` is when
    an exec plug-in's answer runs out (Unix time); ``rotates`` says that a file behind ``authorization`` may change.
    """

    server: str
    tls: ssl.SSLContext | None
    tls_digest: str
    tls_server_name: str | None
    ca_fingerprint: str
    authorization: str | None
    proxy: str | None
    expires: float | None = None
    rotates: bool = False


def material_of(configuration: Configuration, place: str, *, insecure: bool, no_proxy: bool) -> Material:
    """Take what the official loader found, while its temporary files still exist; ``place`` is for messages.

    Raises:
        CredentialsError: certificates or keys cannot be used, or the URL of server or proxy cannot.

    """
    server = configuration.host.rstrip("/")
    tls, digest, fingerprint = None, "", ""
    if server.startswith("https://"):
        tls, digest, fingerprint = _tls(configuration, place, insecure=insecure)
    elif not server.startswith("http://"):
        raise CredentialsError(f"{place}: its server {server!r} is no http(s) URL")
    token = configuration.api_key.get("BearerToken")
    proxy = None if no_proxy else _proxy(configuration, place)
    return Material(
        server=server,
        tls=tls,
        tls_digest=digest,
        tls_server_name=configuration.tls_server_name,
        ca_fingerprint=fingerprint,
        authorization=" ".join(token.split()) if token else None,
        proxy=proxy,
    )


def _proxy(configuration: Configuration, place: str) -> str | None:
    """Take the kubeconfig's proxy or the environment's, unless NO_PROXY names the server's host."""
    proxy: str | None = configuration.proxy
    if not proxy or should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        return None
    if not proxy.startswith(("http://", "https://")):
        scheme = proxy.partition(":")[0]
        raise CredentialsError(f"{place}: a {scheme!r} proxy is not supported; use an http(s) one or set noProxy")
    return proxy


def _tls(configuration: Configuration, place: str, *, insecure: bool) -> tuple[ssl.SSLContext, str, str]:
    """Build the context while the loader's temporary files exist; returns it, its digest and the CA's fingerprint."""
    verify = configuration.verify_ssl and not insecure
    digest, fingerprint = hashlib.sha256(b"verify" if verify else b"insecure"), ""
    try:
        if configuration.ssl_ca_cert and verify:
            context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
            authorities = sorted(context.get_ca_certs(binary_form=True))
            fingerprint = "sha256:" + hashlib.sha256(b"".join(authorities)).hexdigest()
            digest.update(fingerprint.encode())
        else:
            context = ssl.create_default_context()
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
            for file in (configuration.cert_file, configuration.key_file or configuration.cert_file):
                digest.update(Path(file).read_bytes())
    except (OSError, ssl.SSLError) as error:  # OpenSSL's texts name the fault, never the key
        raise CredentialsError(
            f"{place}: certificate authority, client certificate or key cannot be used: {error}"
        ) from error
    return context, digest.hexdigest(), fingerprint
