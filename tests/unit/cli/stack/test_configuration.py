"""What the services of a stack are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.bridge.settings import Settings as BridgeSettings
from fairlead.cli.stack.configuration import AccountPlan, Addresses, Files, document, service_of, variables
from fairlead.executor.settings import Settings as ExecutorSettings
from fairlead.gateway.settings import Settings as GatewaySettings
from fairlead.runtime.sections import ServiceSettings
from fairlead.scrubber.settings import Settings as ScrubberSettings
from fairlead.watcher.settings import Settings as WatcherSettings

FILES = Files(Path("/stack"))
ADDRESSES = Addresses("nats://127.0.0.1:1", "postgresql://127.0.0.1:2/fairlead", 3, 4)
ACCOUNT = AccountPlan("shop", Path("/kubeconfig"), "kind", {"kinds": ["Pod"]})
DOCUMENT = document(FILES, ADDRESSES, [ACCOUNT], "debug")


@pytest.mark.parametrize(
    "model", [BridgeSettings, ExecutorSettings, GatewaySettings, ScrubberSettings, WatcherSettings]
)
def test_every_service_accepts_the_file(model: type[ServiceSettings]) -> None:
    """One file serves all."""
    assert model.model_validate(DOCUMENT).logs.level == "debug"


def test_accounts_carry_their_options() -> None:
    """Under the names of the configuration file."""
    [account] = WatcherSettings.model_validate(DOCUMENT).kubernetes.accounts

    assert (account.name, account.context, account.kinds) == ("shop", "kind", ("Pod",))


def test_every_door_is_closed_to_strangers() -> None:
    """TLS and a token each on link, REST and facade, from loopback."""
    gateway = GatewaySettings.model_validate(DOCUMENT).gateway

    assert gateway.link.tls.cert_file
    assert gateway.https.tls.key_file
    assert {credential.kind for credential in gateway.credentials} == {"agent", "api", "facade"}
    assert {gateway.link.host, gateway.https.host} == {"127.0.0.1"}
    assert BridgeSettings.model_validate(DOCUMENT).clouddriver.port == 3


def test_each_process_has_its_own_user_on_the_bus() -> None:
    """One service its own, the one-process agent all four, the gateway none."""

    def users(service: str) -> set[str]:
        own = variables(service, service, FILES, 1, 2)
        return {text for name, text in own.items() if name.endswith("__NATS__USER")}

    assert users("watcher") == {"watcher"}
    assert users("agent") == {"bridge", "executor", "scrubber", "watcher"}
    assert users("gateway") == set()


def test_replicas_are_instances_of_their_service() -> None:
    """A second one has a number."""
    assert service_of("executor-2") == "executor"
    assert variables("bridge-2", "bridge", FILES, 1, 2)["FAIRLEAD_BRIDGE__AGENT__ID"] == "bridge-2"
