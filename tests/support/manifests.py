"""What a cluster is given: renderings of the kustomize folders and the Helm charts, and an API server's judgement."""

from __future__ import annotations

import copy
import json
import os.path
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.support.real_parts import require_part
from tools.parts.build import Bundle

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "infra/kubernetes"
CHARTS = ROOT / "infra/helm"
TIMEOUT_S = 100.0

Manifest = dict[str, Any]


def built(bundle: Bundle) -> Path:
    """The folder of a part; a skip, or a failure, where it is not built."""
    if missing := bundle.missing():
        require_part("tools for manifests", f"{', '.join(missing)} not built: run `make parts`")
    return bundle.directory


@dataclass(frozen=True)
class Composition:
    """An overlay with components on top, as a user composes them from a tag."""

    overlay: str
    components: tuple[str, ...] = ()
    settings: str | None = None
    """Text of a fairlead-local.yaml in place of the overlay's."""

    @property
    def name(self) -> str:
        """For the identifiers of tests."""
        return "+".join((self.overlay, *self.components))

    @property
    def namespace(self) -> str:
        """Where the overlay stands."""
        return "spinnaker" if self.overlay in ("gateway", "spinnaker-service") else "fairlead"

    def write(self, directory: Path, source: str | None = None) -> Path:
        """Write a kustomization that names its parts, by default in this checkout; ``source`` holds ``{}`` for the folder."""
        directory.mkdir(parents=True, exist_ok=True)
        at = source or os.path.relpath(KUBERNETES, directory) + "/{}"  # kustomize takes no absolute path
        document: Manifest = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": self.namespace,
            "resources": [at.format(f"overlays/{self.overlay}")],
            "components": [at.format(f"components/{name}") for name in self.components],
        }
        if self.settings is not None:
            (directory / "fairlead-local.yaml").write_text(self.settings, encoding="utf-8")
            generated = {"name": "fairlead-settings", "behavior": "replace", "files": ["fairlead-local.yaml"]}
            document["configMapGenerator"] = [generated]
        (directory / "kustomization.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        return directory


@dataclass
class Kustomize:
    """``kubectl kustomize``; each composition is rendered once."""

    kubectl: Path
    directory: Path
    _rendered: dict[Composition, list[Manifest]] = field(default_factory=dict)

    def __call__(self, *compositions: Composition) -> list[Manifest]:
        """Render compositions, one after the other."""
        for each in compositions:
            if each not in self._rendered:
                self._rendered[each] = self.folder(each.write(self.directory / str(len(self._rendered))))
        return copy.deepcopy([manifest for each in compositions for manifest in self._rendered[each]])

    def folder(self, directory: Path) -> list[Manifest]:
        """Render a folder."""
        return objects(_run([self.kubectl, "kustomize", directory]).stdout)


@dataclass
class Judge:
    """The server-side dry run of an administrator's kubectl, in strict mode; nothing is judged twice."""

    kubectl: list[str | Path]
    namespace: str
    """Where everything is tried; it is there."""
    _passed: set[str] = field(default_factory=set)

    def __call__(self, manifests: Iterable[Manifest]) -> str:
        """Submit manifests; returns errors and warnings."""
        texts = {json.dumps(each): each for each in moved(manifests, self.namespace)}
        new = [each for text, each in texts.items() if text not in self._passed]
        if not new:
            return ""
        words = [*self.kubectl, "apply", "--dry-run=server", "--validate=strict", "-f", "-"]
        done = _run(words, check=False, stdin=yaml.safe_dump_all(new))
        if done.returncode == 0 and not done.stderr:
            assert len(done.stdout.splitlines()) == len(new)
            self._passed.update(texts)
        return done.stderr


@dataclass
class Helm:
    """The command ``helm``, with folders of its own; each rendering is made once."""

    binary: Path
    home: Path
    kubeconfig: Path | None = None
    _rendered: dict[tuple[object, ...], list[Manifest]] = field(default_factory=dict)

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever it is."""
        login: list[str | Path] = ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        return _run([self.binary, *words, *login], check=False, env={"HOME": str(self.home)})

    def template(self, chart: str, values: Mapping[str, Any], namespace: str) -> list[Manifest]:
        """Render a chart with values."""
        key = (chart, json.dumps(values, sort_keys=True), namespace)
        if key not in self._rendered:
            done = self.run(
                "template", chart, CHARTS / chart, "--namespace", namespace, "--values", self.values(values)
            )
            assert done.returncode == 0, done.stderr
            self._rendered[key] = objects(done.stdout)
        return copy.deepcopy(self._rendered[key])

    def values(self, values: Mapping[str, Any]) -> Path:
        """Write a file of values."""
        text = json.dumps(values)
        file = self.home / f"{abs(hash(text))}.json"
        file.write_text(text, encoding="utf-8")
        return file


def objects(text: str) -> list[Manifest]:
    """The objects of a stream of YAML documents, without empty ones."""
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def by_name(manifests: Iterable[Manifest]) -> dict[tuple[str, str], Manifest]:
    """Manifests by kind and name; each may be there once."""
    found: dict[tuple[str, str], Manifest] = {}
    for each in manifests:
        key = (each["kind"], each["metadata"]["name"])
        assert key not in found, f"{key} is there twice"
        found[key] = each
    return found


def pod_specs(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """Pod specs by the name of what makes the pods."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests
        if each["kind"] in ("Deployment", "StatefulSet")
    }


def moved(manifests: Iterable[Manifest], namespace: str) -> list[Manifest]:
    """The same in another namespace, which is there."""
    copies = copy.deepcopy(list(manifests))
    for each in copies:
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = namespace
        for subject in each.get("subjects", ()):
            subject["namespace"] = namespace
    return copies


def _run(
    words: Sequence[str | Path], *, check: bool = True, stdin: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, env=env)
    assert done.returncode == 0 or not check, done.stderr
    return done
