"""The executor put together, without a cluster."""

from __future__ import annotations

from tests.support.executor_zone import ACCOUNT, Zone
from tests.support.scripted_api import ScriptedApi, kubeconfig_of, reply
from tests.support.services import eventually, ready, running
from tests.unit.executor.adapters.test_kubernetes import discovery

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.executor.service import build
from fairlead.executor.settings import Settings
from fairlead.runtime.bus import connect
from fairlead.runtime.sections import NatsSettings

TARGET = {"kind": "ConfigMap", "namespace": "sea", "name": "cargo"}


async def test_broken_accounts_disturb_nobody(nats_server: NatsServer) -> None:
    """An account with bad credentials and one that does not answer leave a third one, and readiness, alone."""
    async with ScriptedApi() as api, connect(NatsSettings(url=nats_server.url), "test") as bus:
        api.on("/api", discovery("ConfigMap"))
        api.on("/apis", reply({"kind": "APIGroupDiscoveryList", "items": []}))
        api.on("/api/v1/namespaces/sea/configmaps/cargo", reply({"metadata": {"name": "cargo"}}))
        settings = Settings.model_validate(
            {
                "nats": {"url": nats_server.url},
                "executor": {"concurrency": 1},
                "kubernetes": {
                    "retries": {"backOffMs": 10},
                    "accounts": [
                        {"name": "broken", "kubeconfigFile": "/nonexistent"},
                        {"name": "away", "kubeconfigContents": kubeconfig_of("http://127.0.0.1:9"), "noProxy": True},
                        {"name": ACCOUNT, "kubeconfigContents": kubeconfig_of(api.url), "noProxy": True},
                    ],
                },
            }
        )
        async with running(build(settings)) as scopes:
            zone, broken, away = Zone(bus), Zone(bus, account="broken"), Zone(bus, account="away")
            await zone.open()
            await eventually(lambda: ready(scopes))
            for number in range(4):
                assert await broken.send(number, {"kind": "get", "target": TARGET})
                assert await away.send(number, {"kind": "get", "target": TARGET})
            result = await zone.run(9, kind="get", target=TARGET)

            assert result.told == ("SUCCEEDED", 200, "")
            await eventually(lambda: len(zone.reports) == 9)
            told = {report.reason for each in zone.reports.values() for report in each}
            assert told == {"", "Unreachable"}
