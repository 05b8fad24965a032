"""What the images promise: small, complete, alike, without rights and without tools."""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from dataclasses import replace
from typing import Any

import pytest
from tests.support.deployment import IMAGE_TAG, PYTHON, SERVICES, Deployment, docker, run
from tests.support.source_tree import ROOT
from tools import images
from tools.images import IMAGES, MIB, Image, workspace_version

UNPRIVILEGED = "65532:65532"
FOREIGN = {
    "scrubber": {"kubernetes", "aiohttp", "grpcio", "psycopg", "httpx", "cryptography", "fairlead-kube"},
    "gateway": {"kubernetes", "fairlead-kube", "fairlead-simcluster"},
    "bridge": {"kubernetes", "aiohttp", "psycopg", "fairlead-kube"},
    "watcher": {"grpcio", "psycopg"},
    "executor": {"grpcio", "psycopg"},
}
"""Distributions that a service has no business with."""
_LIST = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions(path=[__import__('sysconfig').get_path('purelib')])}))"
)
_HASHES = (
    "import hashlib, json, pathlib; root = pathlib.Path('/opt/fairlead');"
    "print(json.dumps({str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob('*') if p.is_file() and not p.is_symlink()}))"
)
_SHELL = "import shutil, subprocess\nfor s in ('sh', 'bash', 'dash'):\n try: print(s, subprocess.run([s, '-c', 'true']).returncode)\n except OSError as e: print(s, e.strerror)"


def reference(image: Image, tag: str = IMAGE_TAG) -> str:
    """The name under which `make images` leaves it."""
    return f"fairlead/{image.name}:{tag}"


def configuration(image: Image) -> dict[str, Any]:
    """What the engine tells of it."""
    return dict(json.loads(docker("image", "inspect", reference(image)))[0]["Config"])


def asked(name: str, program: str) -> Any:
    """What a Python program prints inside an image, as JSON."""
    return json.loads(docker("run", "--rm", "--network", "none", "--entrypoint", PYTHON, name, "-c", program))


every = pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)


@pytest.fixture(scope="module", autouse=True)
def _built(deployment: Deployment) -> None:
    """`make up` has built them."""


def test_sizes_are_told_and_held(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """`make images` prints each size; one above its bound is named, and fails it."""
    said = deployment.make("images")
    assert said.code == 0
    told = {name: float(mib) for name, mib in re.findall(r"fairlead/(\w+):\S+ +(\d+) MiB, +\d+ of them", said.out)}
    assert told.keys() == {image.name for image in IMAGES}

    assert not images.report(replace(IMAGES[0], bound_mib=1), reference(IMAGES[0]), 0)
    assert "TOO LARGE: more than 1 MiB" in capsys.readouterr().out
    assert told[IMAGES[0].name] == pytest.approx(images.size_bytes(reference(IMAGES[0])) / MIB, abs=1)


@every
def test_it_says_what_it_is(image: Image) -> None:
    """Labels of the Open Container Initiative, a user without rights, and a health check that needs no shell."""
    told = configuration(image)
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in told["Labels"].items()}

    assert labels["title"] == image.member
    assert labels["version"] == workspace_version()
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch("[0-9a-f]{40}", labels["revision"])
    assert labels["description"].startswith("Fairlead")
    assert told["User"] == UNPRIVILEGED
    assert told["Healthcheck"]["Test"][0] == "CMD"
    assert told["Entrypoint"] == ["/opt/fairlead/bin/run"]


@every
def test_it_holds_what_the_lock_says(image: Image) -> None:
    """Each distribution in it has the version of uv.lock, and none is there that its member does not need."""
    exported = run(
        str(ROOT / ".local/uv/bin/uv"), "export", "--quiet", "--frozen", "--no-dev", "--no-hashes", "--no-emit-workspace",
        "--package", image.member,
    )  # fmt: skip
    assert exported.code == 0, exported.err
    locked = {
        match["name"]: match["version"]
        for match in re.finditer(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)", exported.out, re.MULTILINE)
    }
    held = {
        name: version for name, version in asked(reference(image), _LIST).items() if not name.startswith("fairlead")
    }

    assert held
    assert held.items() <= locked.items()


@pytest.mark.parametrize("service", SERVICES)
def test_it_holds_nothing_foreign(service: str) -> None:
    """Only what the service needs: the scrubber has nothing that talks but NATS and telemetry, the gateway no cluster."""
    image = next(each for each in IMAGES if each.name == service)

    assert not FOREIGN[service] & set(asked(reference(image), _LIST))


def test_two_builds_are_alike(deployment: Deployment) -> None:
    """Built anew without any cache, every file of the program is the same, byte for byte."""
    image = next(each for each in IMAGES if each.name == "scrubber")
    again = f"again-{secrets.token_hex(3)}"
    before = asked(reference(image), _HASHES)
    try:
        built = deployment.make("images", f"IMAGES={image.name}", f"IMAGE_TAG={again}", "FRESH=1")
        assert built.code == 0, built.everything
        after = asked(reference(image, again), _HASHES)
    finally:
        run("docker", "image", "rm", reference(image, again))

    assert sorted(before.keys() ^ after.keys()) == []
    assert [path for path in before if before[path] != after[path]] == []


@pytest.mark.parametrize("service", SERVICES)
def test_it_runs_without_rights_and_without_a_shell(service: str, deployment: Deployment) -> None:
    """In the stack: an unprivileged user, no capability, a root file system that nobody writes to, no shell, healthy."""
    container = deployment.container(service)
    state = deployment.state(container)
    host = state["HostConfig"]
    status = docker("exec", container, PYTHON, "-c", "print(open('/proc/1/status').read())")

    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["Privileged"]
    assert re.search(r"^Uid:\s+65532\s", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert run("docker", "exec", container, PYTHON, "-c", "open('/opt/fairlead/x', 'w')").code != 0
    assert docker("exec", container, PYTHON, "-c", _SHELL).splitlines() == [
        "sh Permission denied", "bash Permission denied", "dash Permission denied"
    ]  # fmt: skip
    assert state["State"]["Health"]["Status"] == "healthy"


def test_the_lock_is_the_one_of_the_workspace() -> None:
    """Nothing is installed that uv.lock does not name: the recipe takes it as it is."""
    recipe = (ROOT / images.RECIPE).read_text(encoding="utf-8")
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))

    assert "--frozen" in recipe
    assert {image.member for image in IMAGES} <= {package["name"] for package in lock["package"]}
