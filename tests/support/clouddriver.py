"""A simulator of Clouddriver's kubectl: the processes it starts, in its words, and how it reads what they print.

Facts: Clouddriver's ``KubectlJobExecutor``, and recordings of a real one (`tests/fixtures/clouddriver`).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.kubectl import Kubectl, Ran

Manifest = dict[str, Any]

CACHED_KINDS = (
    "deployment", "cronJob", "daemonSet", "job", "replicaSet", "statefulSet", "pod", "ingress", "service", "networkPolicy",
)  # fmt: skip
"""What a caching cycle asks for, in Clouddriver's order."""
_QUOTED = re.compile(r'"([^"]*)"')


class KubectlFailed(Exception):
    """A command failed, and Clouddriver makes an error of it; the text is kubectl's complaint."""


@dataclass(frozen=True)
class Command:
    """A process that was started: what the recordings tell of one."""

    argv: tuple[str, ...]
    """Without the kubeconfig, which comes first."""
    code: int
    complaint: str
    fed: bool
    """Whether a manifest came on standard input."""


@dataclass
class Clouddriver:
    """One account of a Clouddriver; usable from several threads."""

    kubectl: Kubectl
    commands: list[Command] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # ---- reads

    def list_kinds(self, kinds: Sequence[str], namespace: str = "", selector: str = "") -> list[Manifest]:
        """List kinds; a refusal of one is taken for a partial success, as Clouddriver does."""
        more = [f"-l={selector}"] if selector else []
        ran = self._run(*_in(namespace), "-o", "json", "get", ",".join(kinds), *more)
        if ran.code != 0 and "forbidden" not in ran.err.lower():
            raise KubectlFailed(ran.err)
        if not ran.out.strip():
            return []
        items: list[Manifest] = json.loads(ran.out)["items"]
        return items

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Read an object."""
        ran = self._run(*_in(namespace), "-o", "json", "get", kind, name)
        if ran.code != 0:
            if "(NotFound)" in ran.err:
                return None
            raise KubectlFailed(ran.err)
        found: Manifest = json.loads(ran.out)
        return found

    def events_for(self, kind: str, name: str, namespace: str) -> list[Manifest]:
        """Events about an object."""
        about = f"involvedObject.name={name},involvedObject.kind={kind[:1].upper()}{kind[1:]}"
        ran = self._done(*_in(namespace), "-o", "json", "get", "event", "--field-selector", about)
        items: list[Manifest] = json.loads(ran.out)["items"]
        return items

    def logs(self, pod: str, container: str, namespace: str) -> str:
        """The log of a container."""
        return self._done(*_in(namespace), "logs", pod, f"-c={container}").out

    def job_logs(self, job: str, container: str, namespace: str) -> str:
        """The log of a Job's container."""
        return self._done(*_in(namespace), "logs", f"job/{job}", f"-c={container}").out

    def top_pods(self, namespace: str, pod: str = "") -> dict[tuple[str, str], tuple[str, str]]:
        """CPU and memory by pod and container; nothing when there are no metrics."""
        ran = self._run(*_in(namespace), "top", "po", *([pod] if pod else []), "--containers")
        if ran.code != 0:
            if any(text in ran.err.lower() for text in ("not available", "not found")):
                return {}
            raise KubectlFailed(ran.err)
        rows = [line.split() for line in ran.out.splitlines()[1:]]
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    # ---- writes

    def apply(self, manifest: Manifest, *flags: str, selector: str = "") -> Manifest | None:
        """Deploy; None when a selector leaves the manifest out."""
        more = [f"-l={selector}"] if selector else []
        ran = self._run("apply", *flags, "-o", "json", "-f", "-", *more, manifest=manifest)
        if ran.code != 0:
            if selector and "error: no objects passed to apply" in ran.err:
                return None
            raise KubectlFailed(ran.err)
        return _printed(ran)

    def replace_or_create(self, manifest: Manifest) -> Manifest:
        """Replace an object, and create it when there is none."""
        ran = self._run("replace", "-o", "json", "-f", "-", manifest=manifest)
        if ran.code != 0:
            if "(NotFound)" not in ran.err:
                raise KubectlFailed(ran.err)
            return self.create(manifest)
        return _printed(ran)

    def create(self, manifest: Manifest) -> Manifest:
        """Create an object."""
        return _printed(self._done("create", "-o", "json", "-f", "-", manifest=manifest))

    def delete(
        self,
        kind: str,
        namespace: str,
        *,
        name: str = "",
        selector: str = "",
        cascade: str = "",
        grace_s: int | None = None,
    ) -> list[str]:
        """Delete one object or those that a selector takes; their names."""
        which = [f"{kind}/{name}"] if name else [kind, f"-l={selector}"]
        flags = ["--ignore-not-found=true"]
        flags += [f"--cascade={cascade}"] if cascade else []
        flags += [f"--grace-period={grace_s}"] if grace_s is not None else []
        return _QUOTED.findall(self._done(*_in(namespace), "delete", *which, *flags).out)

    def scale(self, kind: str, name: str, namespace: str, replicas: int) -> None:
        """Scale."""
        self._done(*_in(namespace), "scale", f"{kind}/{name}", f"--replicas={replicas}")

    def patch(self, kind: str, name: str, namespace: str, body: Any, *, strategy: str, record: bool = False) -> None:
        """Patch an object; to change nothing is no error."""
        flags = [
            *(["--record"] if record else []),
            "--type",
            strategy,
            "--patch",
            json.dumps(body, separators=(",", ":")),
        ]
        ran = self._run(*_in(namespace), "patch", kind, name, *flags)
        if ran.code != 0 and "not patched" not in ran.err + ran.out:
            raise KubectlFailed(ran.err)

    def history(self, kind: str, name: str, namespace: str) -> list[int]:
        """Revisions, as the first column of the printed table tells them."""
        ran = self._done(*_in(namespace), "rollout", "history", f"{kind}/{name}")
        firsts = (line.split()[0] for line in ran.out.splitlines() if line.strip())
        return [int(first) for first in firsts if first.isdigit()]

    def rollout(self, verb: str, kind: str, name: str, namespace: str, *flags: str) -> None:
        """Pause, resume, restart or undo."""
        self._done(*_in(namespace), "rollout", verb, f"{kind}/{name}", *flags)

    # ---- processes

    def taken(self) -> Sequence[Command]:
        """The commands since the last call."""
        with self._lock:
            taken = tuple(self.commands)
            self.commands.clear()
        return taken

    def _done(self, *args: str, manifest: Manifest | None = None) -> Ran:
        ran = self._run(*args, manifest=manifest)
        if ran.code != 0:
            raise KubectlFailed(ran.err)
        return ran

    def _run(self, *args: str, manifest: Manifest | None = None) -> Ran:
        ran = self.kubectl.run(*args, stdin=None if manifest is None else json.dumps(manifest))
        with self._lock:
            self.commands.append(Command(args, ran.code, ran.err, manifest is not None))
        return ran


def caching_cycle(clouddriver: Clouddriver, among: Sequence[str] = ()) -> dict[str, list[Manifest]]:
    """What each caching agent does every 30 s: objects by namespace, of all or only of some that exist."""
    namespaces = sorted(each["metadata"]["name"] for each in clouddriver.list_kinds(["namespace"]))
    clouddriver.list_kinds(["customResourceDefinition"])
    return {each: clouddriver.list_kinds(CACHED_KINDS, each) for each in namespaces if not among or each in among}


def _in(namespace: str) -> list[str]:
    return [f"--namespace={namespace}"] if namespace else []


def _printed(ran: Ran) -> Manifest:
    manifest: Manifest = json.loads(ran.out)
    return manifest
