"""What the services of a stack are told: one YAML file for all, and a few environment variables for each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AGENT_SERVICES = ("bridge", "executor", "scrubber", "watcher")
"""In the order in which they are started."""
GATEWAY = "gateway"
AGENT = "agent"
BRIDGE = "bridge"
LOOPBACK = "127.0.0.1"

Settings = dict[str, Any]


@dataclass(frozen=True)
class AccountPlan:
    """One account of a stack; ``options`` are further keys of `kubernetes.accounts[]`, under their names in the file."""

    name: str
    kubeconfig: Path
    context: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> Settings:
        """As the configuration file holds it."""
        place = {"name": self.name, "kubeconfigFile": str(self.kubeconfig), "context": self.context}
        return {**place, **self.options}


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a stack listen, on 127.0.0.1."""

    nats_url: str
    database: str
    link_port: int
    api_port: int

    @property
    def link(self) -> str:
        """What the bridge dials."""
        return f"127.0.0.1:{self.link_port}"

    @property
    def api(self) -> str:
        """REST."""
        return f"https://127.0.0.1:{self.api_port}"


@dataclass(frozen=True)
class Files:
    """Where a stack keeps its files."""

    directory: Path

    @property
    def configuration(self) -> Path:
        """The one file that all services read."""
        return self.directory / "fairlead.yaml"

    @property
    def logs(self) -> Path:
        """A log for each process."""
        return self.directory / "logs"

    @property
    def pki(self) -> Path:
        """Authority, certificates and keys."""
        return self.directory / "pki"

    @property
    def secrets(self) -> Path:
        """Passwords, tokens and the gateway's key, for their owner alone."""
        return self.directory / "secrets"

    @property
    def ca(self) -> Path:
        """Authority of the gateway's certificate."""
        return self.pki / "ca.crt"

    @property
    def api_token(self) -> Path:
        """Token of an administrator of the gateway."""
        return self.secrets / "api.token"

    @property
    def facade_token(self) -> Path:
        """Token of the facade: reads and writes every account."""
        return self.secrets / "facade.token"

    @property
    def agent_token(self) -> Path:
        """Token of the agent."""
        return self.secrets / "agent.token"

    @property
    def gateway_key(self) -> Path:
        """Key under which operations are stored."""
        return self.secrets / "gateway.key"

    def facade_kubeconfig(self, account: str) -> Path:
        """Kubeconfig that reaches an account through the gateway."""
        return self.directory / "kubeconfigs" / account

    def password(self, service: str) -> Path:
        """Password of a service's user on the bus."""
        return self.secrets / f"{service}.password"


def document(files: Files, addresses: Addresses, accounts: Sequence[AccountPlan], log_level: str) -> Settings:
    """Make the configuration file; what differs between processes is in their environment."""
    certificate = {"certFile": str(files.pki / "gateway.crt"), "keyFile": str(files.pki / "gateway.key")}
    agent = {"name": "agent", "kind": "agent", "accounts": ["*"], "tokenFile": str(files.agent_token)}
    caller = {"name": "operator", "kind": "api", "accounts": ["*"], "tokenFile": str(files.api_token)}
    kubectl = {"name": "kubectl", "kind": "facade", "accounts": ["*"], "tokenFile": str(files.facade_token)}
    return {
        "kubernetes": {"accounts": [account.settings() for account in accounts]},
        "nats": {"url": addresses.nats_url},
        "logs": {"level": log_level, "format": "json"},
        "clouddriver": {
            "grpc": addresses.link,
            "noProxy": True,
            "tls": {"cacertFile": str(files.ca)},
            "auth": {"tokenFile": str(files.agent_token)},
            "backoff": {"baseDelay": 0.2},  # the gateway is on this machine: there is nobody to spare
        },
        "gateway": {
            "database": {"dsn": addresses.database},
            "link": {"host": LOOPBACK, "port": addresses.link_port, "tls": certificate},
            "https": {"host": LOOPBACK, "port": addresses.api_port, "tls": certificate},
            "credentials": [
                agent,
                {**caller, "verbs": ["read", "write", "admin"]},
                {**kubectl, "verbs": ["read", "write"]},
            ],
            "keyFile": str(files.gateway_key),
            "peers": {"url": addresses.api, "caFile": str(files.ca)},
        },
    }


def variables(instance: str, service: str, files: Files, health_port: int, metrics_port: int) -> dict[str, str]:
    """Environment of one process: the file, its ports, and its users on the bus."""
    own = {
        "FAIRLEAD_CONFIG": str(files.configuration),
        f"FAIRLEAD_{service.upper()}__HEALTH__HOST": LOOPBACK,
        f"FAIRLEAD_{service.upper()}__HEALTH__PORT": str(health_port),
        f"FAIRLEAD_{service.upper()}__HEALTH__METRICS_PORT": str(metrics_port),
    }
    if service in (BRIDGE, AGENT):
        own["FAIRLEAD_BRIDGE__AGENT__ID"] = instance
    users = AGENT_SERVICES if service == AGENT else (service,) if service in AGENT_SERVICES else ()
    for user in users:
        own[f"FAIRLEAD_{user.upper()}__NATS__USER"] = user
        own[f"FAIRLEAD_{user.upper()}__NATS__PASSWORD_FILE"] = str(files.password(user))
    return own


def doors(link_port: int, api_port: int) -> dict[str, str]:
    """Environment of a gateway beside the first one, which has the ports of the file."""
    return {
        "FAIRLEAD_GATEWAY__GATEWAY__LINK__PORT": str(link_port),
        "FAIRLEAD_GATEWAY__GATEWAY__HTTPS__PORT": str(api_port),
        "FAIRLEAD_GATEWAY__GATEWAY__PEERS__URL": f"https://{LOOPBACK}:{api_port}",
    }


def service_of(instance: str) -> str:
    """The service of an instance: ``executor-2`` is an executor."""
    return instance.partition("-")[0]
