"""The compose stack's observability: what is mounted is there, and jobs are named as the alerts and Kubernetes name them."""

from __future__ import annotations

from typing import Any

import yaml
from tests.support.source_tree import ROOT

COMPOSE = ROOT / "infra/compose"
FOLDER = ROOT / "infra/observability"
SERVICES = {"watcher", "scrubber", "bridge", "executor", "gateway"}


def read(path: str) -> Any:
    """One YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


STACK = read("infra/compose/observability.yaml")["services"]


def test_every_service_sends_its_traces() -> None:
    """Each has the collector's address, and the collector listens there."""
    endpoints = {name: STACK[name]["environment"]["FAIRLEAD__TRACING__ENDPOINT"] for name in SERVICES}

    assert set(endpoints.values()) == {"http://collector:4318/v1/traces"}
    assert read("infra/observability/collector.yaml")["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(
        ":4318"
    )


def test_every_service_is_scraped() -> None:
    """A job for each, on the port that it tells its metrics on."""
    jobs = {each["job_name"]: each for each in read("infra/observability/prometheus.yaml")["scrape_configs"]}

    for service in SERVICES:
        (found,) = (
            each for key in ("static_configs", "dns_sd_configs") for each in jobs[f"fairlead-{service}"].get(key, [])
        )
        assert found.get("targets") == [f"{service}:8008"] or (found["names"], found["port"]) == ([service], 8008)


def test_kubernetes_names_the_jobs_alike() -> None:
    """The pod monitor takes the job from a label of the pods that says the same."""
    monitor = read("infra/kubernetes/components/service-monitors/podmonitor.yaml")["spec"]
    (expression,) = monitor["selector"]["matchExpressions"]

    assert monitor["jobLabel"] == expression["key"] == "app.kubernetes.io/name"
    assert set(expression["values"]) == {f"fairlead-{name}" for name in SERVICES | {"agent"}}


def test_charts_name_the_jobs_alike() -> None:
    """So do the pod monitors of the charts."""
    for chart in ("fairlead-agent", "fairlead-gateway"):
        template = (ROOT / f"infra/helm/{chart}/templates/podmonitor.yaml").read_text(encoding="utf-8")
        assert "\n  jobLabel: app.kubernetes.io/name" in template, chart


def test_what_is_mounted_is_there() -> None:
    """Each file or folder of the repository that a container gets exists and cannot be changed by it."""
    mounts = [
        mount for name in set(STACK) - SERVICES for mount in STACK[name].get("volumes", []) if mount.startswith("..")
    ]

    assert mounts
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (COMPOSE / source).exists(), mount
        assert mode == "ro", mount


def test_containers_are_locked() -> None:
    """Read-only, without capabilities, and health-checked where the image has anything to ask with."""
    for name in set(STACK) - SERVICES:
        assert STACK[name]["read_only"] is True, name
        assert STACK[name]["cap_drop"] == ["ALL"], name
        assert "healthcheck" in STACK[name] or name == "collector", name


def test_versions_and_ports_stand_in_one_file() -> None:
    """Images and ports are variables of `.env`."""
    variables = (COMPOSE / ".env").read_text(encoding="utf-8")

    for name in set(STACK) - SERVICES:
        assert f"\n{STACK[name]['image'].strip('${}')}=" in variables, name
        for port in STACK[name].get("ports", []):
            assert port.startswith("${BIND_ADDRESS}:${"), name
            assert f"\n{port.split('${')[2].split('}')[0]}=" in variables, name


def test_grafana_finds_its_data() -> None:
    """Data sources have the kinds that the dashboards choose from, and exemplars lead from one to the other."""
    sources = {each["type"]: each for each in read("infra/observability/grafana/datasources.yaml")["datasources"]}
    (way,) = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]

    assert set(sources) == {"prometheus", "jaeger"}
    assert way["name"] == "trace_id"
    assert way["datasourceUid"] == sources["jaeger"]["uid"]
    assert any(f":{_provider_path()}:" in mount for mount in STACK["grafana"]["volumes"])


def _provider_path() -> str:
    (provider,) = read("infra/observability/grafana/dashboards.yaml")["providers"]
    return str(provider["options"]["path"])
