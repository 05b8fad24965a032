"""What a failed dial means, in words that say what to do."""

from __future__ import annotations

from enum import Enum, auto


class Symptom(Enum):
    """What was found at the gateway's address."""

    UNRESOLVED = auto()
    """The name has no address."""
    CLOSED = auto()
    """Nothing listens there."""
    SILENT = auto()
    """No answer at all."""
    CERTIFICATE = auto()
    """The certificate was not accepted."""
    EXPIRED = auto()
    """The certificate is out of its time."""
    OTHER_NAME = auto()
    """The certificate is another host's."""
    CLIENT_CERTIFICATE = auto()
    """The other side did not accept ours, or wants one."""
    PLAINTEXT = auto()
    """We spoke TLS, the other side did not."""
    TLS = auto()
    """The other side speaks TLS, we did not."""
    OTHER = auto()
    """It answers, and no link comes about."""


_ADVICE = {
    Symptom.UNRESOLVED: "the name cannot be resolved: check clouddriver.grpc and the zone's DNS",
    Symptom.CLOSED: "nothing listens there: check clouddriver.grpc, and that the gateway runs",
    Symptom.SILENT: "no answer: check clouddriver.grpc, network policies and firewalls between agent and gateway",
    Symptom.CERTIFICATE: "its certificate is not accepted: check that clouddriver.tls.cacertFile holds its authority",
    Symptom.EXPIRED: "its certificate is out of its time: renew gateway.link.tls.certFile at the gateway, or set this clock right",
    Symptom.OTHER_NAME: (
        "its certificate is another host's: dial a name that it has (clouddriver.grpc), or say which name to expect"
        " (clouddriver.tls.serverName)"
    ),
    Symptom.CLIENT_CERTIFICATE: (
        "it does not accept our client certificate or wants one: check clouddriver.tls.clientCertFile and clientKeyFile"
    ),
    Symptom.PLAINTEXT: (
        "it does not speak TLS there: give the gateway a certificate, set clouddriver.insecure when plaintext is meant, or"
        " check that a load balancer in between reaches the gateway"
    ),
    Symptom.TLS: "it speaks TLS: remove clouddriver.insecure and set clouddriver.tls",
    Symptom.OTHER: "it answers, but no link comes about: is it a gateway, with HTTP/2 all the way?",
}


def explain(address: str, symptom: Symptom, detail: str = "") -> str:
    """One sentence: where, what, what to do, and what the library said."""
    said = f" ({detail[:200]})" if detail else ""
    return f"no link to {address}: {_ADVICE[symptom]}{said}"
