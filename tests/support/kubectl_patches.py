"""What the real kubectl sends for ``apply``, read from its own log."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any, NamedTuple

from tests.support.kubernetes_control_plane import ControlPlane

_BODY = re.compile(r'"Request Body" body=("(?:[^"\\]|\\.)+")$')
_PATCH = re.compile(r'curl -v -XPATCH .*-H "Content-Type: ([^"]+)".* \'[^\']*/([^/\'?]+)\?')


class SentPatch(NamedTuple):
    """One PATCH request."""

    content_type: str
    body: Any


def patches_of_apply(control_plane: ControlPlane, manifests: list[Any]) -> dict[str, SentPatch]:
    """Have kubectl apply manifests to what is live, server-side dry run; the patches by the name of their object.

    An object that is as it shall be already has none. What the server makes of a patch does not matter.
    """
    done = subprocess.run(
        [
            control_plane.binaries / "kubectl", "--kubeconfig", control_plane.kubeconfig,
            "--cache-dir", control_plane.directory / "kubectl-cache", "apply", "--dry-run=server", "--validate=false", "-v=9", "-f", "-",
        ],
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}),
        capture_output=True, text=True, check=False, timeout=120, env={"HOME": str(control_plane.directory)},
    )  # fmt: skip
    sent: dict[str, SentPatch] = {}
    body = None
    for line in done.stderr.splitlines():
        if match := _BODY.search(line):
            body = json.loads(json.loads(match[1]))
        elif match := _PATCH.search(line):
            sent[match[2]] = SentPatch(match[1], body)
    return sent
