"""Logs as a kubelet serves them, through the gateway: whole, their end, an earlier life's, as they come, and very large."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.deploy.kubernetes import memory, programs
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.door import Door
from tests.deploy.kubernetes.installation import AGENT, GATEWAY
from tests.support.kubectl import Kubectl
from tests.support.polling import wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

LINES = 40
COUNTING = f"for n in range({LINES}): print('line', n)"
TICK_S, TICKS = 0.5, 12
TICKING = f"""
import time
for n in range({TICKS}):
    print(n, time.time())
    time.sleep({TICK_S})
"""
LATE_S = 2.0
"""A line that is followed comes through this soon; the machine may be busy."""
SECOND_LIFE = """
import os, sys, time
if not os.path.exists("/scratch/lived"):
    open("/scratch/lived", "w").close()
    sys.exit("first life")
print("second life")
time.sleep(3600)
"""
LARGE_BYTES = 200 * 1000 * 1000
FLOOD = f"""
import sys, time
rest = "x" * 988
for n in range({LARGE_BYTES // 1000} + 1):
    sys.stdout.write(f"{{n:010d}} {{rest}}\\n")
sys.stdout.flush()
time.sleep(3600)
"""
GROWTH_BYTES = 64 * memory.MIB
"""What a service may hold more than at rest while large logs pass: windows of some megabytes, and what the allocator keeps."""


def started(
    deployed: Deployed, kubectl: Kubectl, namespace: str, manifest: str, condition: str = "condition=Ready"
) -> None:
    """Apply a pod through the gateway and wait, past it, for a condition."""
    kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=manifest)
    deployed.administrator("wait", "pod", "--all", f"--for={condition}", f"--namespace={namespace}", "--timeout=60s")


def finished(name: str, deployed: Deployed, program: str) -> str:
    """A pod that ends by itself."""
    return programs.pod(name, deployed.image, program, restart="Never")


def test_logs_are_read(deployed: Deployed, kubectl: Kubectl, namespace: str) -> None:
    """All of it, its end, with times, since, and limited: as past the gateway."""
    ended = "jsonpath={.status.phase}=Succeeded"
    started(deployed, kubectl, namespace, finished("count", deployed, COUNTING), ended)
    here = ("logs", "count", f"--namespace={namespace}")

    assert kubectl(*here).splitlines() == [f"line {n}" for n in range(LINES)]
    assert kubectl(*here, "--tail=2").splitlines() == [f"line {LINES - 2}", f"line {LINES - 1}"]
    for options in (("--timestamps",), ("--since=1h",), ("--limit-bytes=17",), ("--container=main", "--tail=1")):
        assert kubectl(*here, *options) == deployed.administrator(*here, *options) != ""


def test_an_earlier_life_is_told(deployed: Deployed, kubectl: Kubectl, namespace: str) -> None:
    """`--previous` is the log before the restart; without an earlier life it is the API server's own error."""
    scratch = {"name": "scratch", "emptyDir": {}}
    manifest = programs.pod(
        "cat",
        deployed.image,
        SECOND_LIFE,
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
        volumes=[scratch],
    )
    started(deployed, kubectl, namespace, manifest)
    here = ("logs", "cat", f"--namespace={namespace}")
    wait_until(lambda: "second" in deployed.administrator.run(*here).out, within_s=60, what="the second life")

    assert kubectl(*here) == "second life\n"
    assert kubectl(*here, "--previous") == "first life\n"


def test_a_log_that_is_not_there_is_told(deployed: Deployed, kubectl: Kubectl, namespace: str) -> None:
    """The kubelet's and the API server's refusals come through as they are."""
    started(deployed, kubectl, namespace, programs.pod("idle", deployed.image, "import time; time.sleep(3600)"))
    here = ("logs", "idle", f"--namespace={namespace}")

    for options in (("--previous",), ("--container=other",)):
        through, past = kubectl.run(*here, *options), deployed.administrator.run(*here, *options)
        assert (through.code, through.err) == (past.code, past.err)
        assert through.code == 1


def test_a_log_is_followed_as_it_comes(deployed: Deployed, kubectl: Kubectl, namespace: str) -> None:
    """Each line comes soon after it was printed, and the command ends with the container."""
    started(deployed, kubectl, namespace, finished("tick", deployed, TICKING), "jsonpath={.status.phase}=Running")
    following = kubectl.start("logs", "--follow", "tick", f"--namespace={namespace}")
    assert following.stdout is not None
    lateness = {}
    for line in following.stdout:
        number, printed = line.split()
        lateness[int(number)] = time.time() - float(printed)
    following.communicate(timeout=30)

    assert following.returncode == 0
    assert list(lateness) == list(range(TICKS))
    assert lateness[TICKS - 1] < LATE_S, lateness
    assert lateness[TICKS - 2] < LATE_S, lateness


@contextmanager
def stalled(kubectl: Kubectl, namespace: str) -> Iterator[subprocess.Popen[str]]:
    """A kubectl that asked for the large log and whose output nobody reads."""
    reader = kubectl.start("logs", "flood", f"--namespace={namespace}")
    assert reader.stdout is not None
    try:
        assert reader.stdout.read(1) == "0", "the first bytes of the log"
        yield reader
    finally:
        reader.kill()
        reader.communicate()


def digest(kubectl: Kubectl, namespace: str) -> tuple[int, str]:
    """Read the large log as a stream; its size in bytes and its hash."""
    size, content = 0, hashlib.sha256()
    command = kubectl.command("logs", "flood", f"--namespace={namespace}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=kubectl.env) as process:
        assert process.stdout is not None
        deadline = threading.Timer(300, process.kill)
        deadline.start()
        while piece := process.stdout.read(1 << 20):
            size += len(piece)
            content.update(piece)
        deadline.cancel()
    return size, content.hexdigest() if process.returncode == 0 else f"exit code {process.returncode}"


def test_a_very_large_log_costs_little_memory(
    deployed: Deployed, kubectl: Kubectl, namespace: str, another_door: Callable[[], Door]
) -> None:
    """200 MB come through whole while another reader of them stalls; no service on the way grows, and nobody else waits."""
    started(deployed, kubectl, namespace, programs.pod("flood", deployed.image, FLOOD))
    past = _complete(deployed, namespace)
    if past[0] < LARGE_BYTES:
        pytest.skip(f"this cluster's kubelets keep {past[0]:,} bytes of a log: raise their containerLogMaxSize")
    on_the_way = [
        (namespace_of, pod)
        for namespace_of, part in ((GATEWAY, "gateway"), (AGENT, "bridge"), (AGENT, "executor"))
        for pod in memory.pods_of(deployed.administrator, namespace_of, part)
    ]
    before = {place: memory.begin(deployed.administrator, *place) for place in on_the_way}

    with stalled(deployed.kubectl(another_door()), namespace):
        reader = deployed.kubectl(another_door())
        began = time.monotonic()
        through = digest(reader, namespace)
        took_s = time.monotonic() - began
        asked = time.monotonic()
        kubectl("get", "pod", "flood", f"--namespace={namespace}", "--output=name")
        answered_s = time.monotonic() - asked

    assert through == past
    grown = {}
    for place in on_the_way:
        peak = memory.measure(deployed.administrator, *place).peak_bytes
        grown[place[1]] = f"{before[place] / memory.MIB:.0f} MiB, at most {peak / memory.MIB:.0f} MiB"
        assert peak - before[place] < GROWTH_BYTES, grown
    print(f"{through[0] / 1e6:.0f} MB in {took_s:.1f} s beside a stalled reader; {grown}")  # noqa: T201 - shown by -s
    assert answered_s < 10, "another caller waited"


def _complete(deployed: Deployed, namespace: str) -> tuple[int, str]:
    """Size and hash of the large log, past the gateway, once it grows no more."""
    seen: list[tuple[int, str]] = []

    def rests() -> bool:
        seen.append(digest(deployed.administrator, namespace))
        return len(seen) > 1 and seen[-1] == seen[-2] and seen[-1][0] > 0

    wait_until(rests, within_s=240, what="a log that grows no more")
    return seen[-1]
