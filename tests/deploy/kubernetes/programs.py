"""What the tests deploy: Python programs in an image of Fairlead, which is in the cluster anyhow. They run as "restricted"."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

PYTHON = "/opt/fairlead/bin/python"
WEB = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=8080)"
_RIGHTS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_POD_RIGHTS = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}


def pod_spec(
    image: str, program: str, *, restart: str = "Always", volumes: Sequence[Any] = (), **container: Any
) -> dict[str, Any]:
    """A pod that runs a program; `container` is laid over its container."""
    main = {
        "name": "main",
        "image": image,
        "command": [PYTHON, "-uc", program],
        "securityContext": _RIGHTS,
        **container,
    }
    return {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 1,
        "securityContext": _POD_RIGHTS,
        "automountServiceAccountToken": False,
        "containers": [main],
        "volumes": list(volumes),
    }


def pod(name: str, image: str, program: str, **more: Any) -> str:
    """A pod, as JSON; `more` as `pod_spec` takes it."""
    spec = pod_spec(image, program, **more)
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def job(name: str, image: str, program: str) -> str:
    """A Job that tries once, as JSON."""
    spec = {"backoffLimit": 0, "template": {"spec": pod_spec(image, program, restart="Never")}}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})


def web(name: str, image: str, *, replicas: int = 1) -> str:
    """A Deployment of a web server and its Service, as JSON."""
    labels = {"app": name}
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    spec = pod_spec(image, WEB, workingDir="/run/fairlead", ports=[{"containerPort": 8080}], readinessProbe=probe)
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [deployment, service]})
