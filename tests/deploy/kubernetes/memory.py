"""What the processes of a pod hold in memory, told by the kernel to a program beside them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.deploy.kubernetes.programs import PYTHON
from tests.support.kubectl import Kubectl

MIB = 1024 * 1024
_STATUS = "print(open('/proc/1/status').read())"
_RESET = "open('/proc/1/clear_refs', 'w').write('5')"
"""Makes the peak begin anew (proc(5), since Linux 4.0)."""


@dataclass(frozen=True)
class Memory:
    """Resident memory of a pod's first process, now and at most, in bytes."""

    resident_bytes: int
    peak_bytes: int


def pods_of(kubectl: Kubectl, namespace: str, part: str) -> list[str]:
    """Names of the running pods of one of our services."""
    selector = f"--selector=app.kubernetes.io/name=fairlead-{part}"
    words = ("get", "pods", f"--namespace={namespace}", selector, "--field-selector=status.phase=Running")
    return [name.partition("/")[2] for name in kubectl(*words, "--output=name").split()]


def begin(kubectl: Kubectl, namespace: str, pod: str) -> int:
    """Forget the peak; returns what is resident now, in bytes."""
    _inside(kubectl, namespace, pod, _RESET)
    return measure(kubectl, namespace, pod).resident_bytes


def measure(kubectl: Kubectl, namespace: str, pod: str) -> Memory:
    """Read /proc/1/status (proc(5): VmRSS and VmHWM, in KiB)."""
    lines = _inside(kubectl, namespace, pod, _STATUS).splitlines()
    fields = {name: value for name, _, value in (line.partition(":") for line in lines)}
    kib = {name: int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM")}
    return Memory(kib["VmRSS"] * 1024, kib["VmHWM"] * 1024)


def _inside(kubectl: Kubectl, namespace: str, pod: str, program: str) -> str:
    return kubectl("exec", f"--namespace={namespace}", pod, "--", PYTHON, "-c", program)
