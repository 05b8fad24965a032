"""Whatever pod of Fairlead is killed or replaced, the mirror equals the cluster again, and what stops in order ends in time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deploy.kubernetes import programs
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.installation import AGENT, GATEWAY
from tests.support.kubectl import Kubectl
from tests.support.mirror_checker import MirrorChecker
from tests.support.polling import wait_until

from fairlead.cli.parts.processes import Process

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

PARTS = {"watcher": AGENT, "scrubber": AGENT, "bridge": AGENT, "executor": AGENT, "nats": AGENT, "gateway": GATEWAY}
OURS = [part for part in PARTS if part != "nats"]
EQUAL_WITHIN_S = 120.0
GONE_WITHIN_S = 100
"""Longer than any terminationGracePeriodSeconds; who takes longer than his is killed, and exits with 137."""


def selector(part: str) -> tuple[str, str]:
    """Options that choose the pods of a part."""
    return f"--namespace={PARTS[part]}", f"--selector=app.kubernetes.io/name=fairlead-{part}"


def recovered(deployed: Deployed, checker: MirrorChecker, part: str) -> None:
    """Wait until all is ready again and the mirror equals the cluster."""
    deployed.installation.wait_ready()
    if part == "gateway":
        deployed.door.reopen()
    checker.assert_equal(within_s=EQUAL_WITHIN_S)


@pytest.mark.parametrize("part", PARTS)
def test_the_mirror_heals_after_a_kill(
    part: str, deployed: Deployed, checker: MirrorChecker, kubectl: Kubectl, namespace: str
) -> None:
    """What was changed and deleted while its pods were dead is right in the end, and writing works again."""
    make = ("create", "service", "clusterip", f"--namespace={namespace}", "--tcp=80")
    deployed.administrator(*make, "goes")
    deployed.administrator(*make, "changes")
    checker.assert_equal()

    deployed.administrator("delete", "pods", *selector(part), "--force", "--grace-period=0", "--wait=false")
    deployed.administrator(*make, "comes")
    deployed.administrator("delete", "service", "goes", f"--namespace={namespace}")
    deployed.administrator("label", "service", "changes", f"--namespace={namespace}", f"note={secrets.token_hex(4)}")

    recovered(deployed, checker, part)
    written = ("create", "configmap", "after", f"--namespace={namespace}")
    wait_until(lambda: kubectl.run(*written).code == 0, within_s=60, what="a write through the gateway")


@pytest.fixture
def followed(deployed: Deployed, kubectl: Kubectl, namespace: str) -> Iterator[None]:
    """A log that is followed without end through every part on the way."""
    tick = "import time\nwhile True: print(time.time()); time.sleep(0.2)"
    kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=programs.pod("tick", deployed.image, tick))
    deployed.administrator("wait", "pod", "tick", "--for=condition=Ready", f"--namespace={namespace}", "--timeout=60s")
    reader = kubectl.start("logs", "--follow", "tick", f"--namespace={namespace}")
    assert reader.stdout is not None
    assert reader.stdout.readline()
    yield
    reader.kill()
    reader.communicate()


@pytest.mark.usefixtures("followed")
@pytest.mark.parametrize("part", OURS)
def test_a_pod_stops_in_order(part: str, deployed: Deployed, checker: MirrorChecker, tmp_path: Path) -> None:
    """It ends by itself with exit code 0 within its grace period, although a log is being followed through it."""
    names = _names(deployed, part)
    codes = "jsonpath={.metadata.name} {.status.containerStatuses[*].state.terminated.exitCode}{'\\n'}"
    watch = ("get", "pods", *selector(part), "--watch", f"--output={codes}")
    watching = Process(
        "watch", deployed.administrator.command(*watch), log=tmp_path / "pods", extra_env={"HOME": str(tmp_path)}
    )
    watching.start(lambda: all(name in _log(tmp_path) for name in names))

    ran = deployed.administrator.run(
        "delete", "pods", *selector(part), f"--timeout={GONE_WITHIN_S}s", timeout_s=GONE_WITHIN_S + 30
    )
    ended = dict(line.split() for line in _log(tmp_path).splitlines() if len(line.split()) == 2)
    watching.kill()
    recovered(deployed, checker, part)

    assert ran.code == 0, ran.err
    assert {name: ended.get(name) for name in names} == dict.fromkeys(names, "0")


def _names(deployed: Deployed, part: str) -> list[str]:
    listed = deployed.administrator("get", "pods", *selector(part), "--output=name")
    return [name.partition("/")[2] for name in listed.split()]


def _log(directory: Path) -> str:
    path = directory / "pods"
    return path.read_text(encoding="utf-8") if path.exists() else ""
