"""Every file that a service is told to read is there: mounted, and made by `fairlead prepare` and `fairlead kubernetes-secrets`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.contract.manifests.compositions import COMPOSITIONS
from tests.support.manifests import Composition, Kustomize, Manifest, by_name

from fairlead.cli import kubernetes_secrets
from fairlead.cli.prepare import Installation, prepare

pytestmark = pytest.mark.real

BY_THE_USER = {("Secret", "fairlead-kubeconfigs"): {"my-cluster"}}
"""What the head of an overlay asks for beside the two commands."""

READ_ACCOUNTS = {"fairlead-watcher", "fairlead-executor", "fairlead-agent"}

Keys = dict[tuple[str, str], set[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The keys of what the commands make, by kind and name."""
    directory = tmp_path_factory.mktemp("keys")
    prepare(Installation(directory), datetime(2026, 5, 4, tzinfo=UTC))
    manifests = by_name(kubernetes_secrets.manifests(directory))
    return {key: set(each["data"]) for key, each in manifests.items()} | BY_THE_USER


def sources(volume: Manifest, known: Keys) -> Iterator[tuple[str, str]]:
    """Kind and name of each Secret and ConfigMap that stands in a volume, without optional ones that are not there."""
    for each in volume.get("projected", {}).get("sources", [volume]):
        for kind, field in (("Secret", "secret"), ("ConfigMap", "configMap")):
            if source := each.get(field):
                key = (kind, source.get("name") or source["secretName"])
                if key in known or not source.get("optional"):
                    yield key


def files(pod: Manifest, known: Keys) -> set[str]:
    """Paths of all files that are mounted into a pod's container."""
    volumes = {each["name"]: each for each in pod["volumes"]}
    return {
        f"{mount['mountPath']}/{key}"
        for mount in pod["containers"][0]["volumeMounts"]
        if mount["name"] in volumes
        for source in sources(volumes[mount["name"]], known)
        for key in known[source]
    }


def named(pod: Manifest, settings: dict[tuple[str, str], Manifest], known: Keys) -> set[str]:
    """Paths below /run that a pod's arguments, variables and settings name."""
    container = pod["containers"][0]
    texts = [*container.get("args", ()), *(each.get("value", "") for each in container.get("env", ()))]
    for volume in pod["volumes"]:
        found = [settings[key] for key in sources(volume, known) if key in settings]
        texts += [text for each in found for text in each["data"].values()]
    return {path for text in texts for path in re.findall(r"(?<![\w/])/run/[\w./-]+", text)}


def reads(pod: str, path: str) -> bool:
    """Whether a pod reads a file that the settings name, which all services share; accounts are for two of them."""
    return pod in READ_ACCOUNTS or not path.startswith("/run/kubeconfigs/")


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda each: each.name)
def test_every_file_is_there(composition: Composition, kustomize: Kustomize, made: Keys) -> None:
    """No volume waits for a Secret that nobody makes, and no setting names a file that no volume holds."""
    manifests = by_name(kustomize(composition))
    settings = {key: each for key, each in manifests.items() if key[0] == "ConfigMap"}
    keys = made | {key: set(each["data"]) for key, each in settings.items()}
    pods = {
        name: each["spec"]["template"]["spec"]
        for (kind, name), each in manifests.items()
        if kind in ("Deployment", "StatefulSet")
    }
    missing = {
        name: {path for path in named(pod, settings, keys) - files(pod, keys) if reads(name, path)}
        for name, pod in pods.items()
    }
    assert {name: paths for name, paths in missing.items() if paths} == {}
    assert all(named(pod, settings, keys) for pod in pods.values())
