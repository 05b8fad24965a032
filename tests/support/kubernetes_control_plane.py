"""A real Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.kubernetes_certificates import Authority
from tests.support.polling import wait_until

from fairlead.cli.parts.errors import PartFailedError
from fairlead.cli.parts.ports import free_ports
from fairlead.cli.parts.processes import Process

PLAIN_USER = "plain-user"
"""Authenticated by its token and without any right of its own: RBAC refuses what a test does not bind."""

_REQUEST_TIMEOUT_S = 10.0
_KUBECTL_TIMEOUT_S = 60.0

_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


class ControlPlane:
    """etcd, API server and controller manager over one folder; ports and data survive stops and starts.

    ``kubeconfig`` has the contexts ``admin`` (current; a client certificate of system:masters), ``admin-token`` and
    ``plain-user``. ``audit_log`` holds one JSON event a line, at level Metadata, written before the answer is sent.
    """

    def __init__(self, directory: Path, binaries: Path) -> None:
        self.directory = directory
        self.binaries = binaries
        self.pki = directory / "pki"
        self.kubeconfig = directory / "kubeconfig"
        self.ca_file = self.pki / "ca.crt"
        self.audit_log = directory / "audit.log"
        self.admin_token = secrets.token_hex(16)
        self.user_token = secrets.token_hex(16)
        api_port, self._etcd_port, self._peer_port, self._manager_port = free_ports(4)
        self.server = f"https://127.0.0.1:{api_port}"
        self._etcd_url = f"http://127.0.0.1:{self._etcd_port}"
        self._tls: ssl.SSLContext | None = None
        self.etcd = self._process("etcd", self._etcd_flags())
        self.api_server = self._process("kube-apiserver", self._api_server_flags(api_port))
        self.controller_manager = self._process("kube-controller-manager", self._controller_manager_flags())

    @property
    def processes(self) -> list[Process]:
        """All three, in the order of their start."""
        return [self.etcd, self.api_server, self.controller_manager]

    def start(self) -> None:
        """Issue certificates and start everything; back when the default service account exists (about 6 s)."""
        self._issue()
        self.etcd.start(self._etcd_is_ready, timeout_s=60)
        self.start_api()
        self.controller_manager.start(partial(self._has_service_account, "default"), timeout_s=60)

    def stop(self) -> None:
        """Stop everything, the last first."""
        for process in reversed(self.processes):
            process.kill()

    def stop_api(self) -> None:
        """End the API server at once; the cluster's data stay in etcd."""
        self.api_server.kill()

    def start_api(self) -> None:
        """Start the API server again on its port; back when it is ready, and its controllers work again if they run."""
        self.api_server.start(self._api_is_ready, timeout_s=120)
        if self.controller_manager.running:
            self._restart_controllers()

    def compact(self) -> None:
        """Make every version that was seen so far too old: watches from it get 410, and so do continue tokens.

        etcd forgets the versions, and the API server is restarted because its watch cache would still serve those it
        holds in memory. Connections break; about 4 s.
        """
        self._etcd("/v3/kv/put", {"key": _base64("fairlead-test"), "value": _base64(secrets.token_hex(4))})
        revision = self._etcd("/v3/kv/range", {"key": _base64("fairlead-test")})["header"]["revision"]
        self.stop_api()
        self._etcd("/v3/kv/compaction", {"revision": revision, "physical": True})
        self.start_api()

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl as admin and return what it prints; PartFailedError with its message when it fails."""
        command: list[str | Path] = [self.binaries / "kubectl", "--kubeconfig", self.kubeconfig]
        done = subprocess.run(
            [*command, "--cache-dir", self.directory / "kubectl-cache", *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_KUBECTL_TIMEOUT_S,
            env={"HOME": str(self.directory)},
        )
        if done.returncode != 0:
            raise PartFailedError(f"kubectl {' '.join(args[:3])} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request as admin and return the JSON answer; urllib's HTTPError for an error status."""
        request = urllib.request.Request(f"{self.server}{path}", method=method)  # noqa: S310 - https on loopback
        request.add_header("Authorization", f"Bearer {self.admin_token}")
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        return json.loads(self._open(request, data))

    def make_namespace(self, name: str) -> None:
        """Make a namespace; back when its service account is there, without which no pod is taken."""
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        wait_until(partial(self._has_service_account, name), within_s=60, what=f"the service account of {name}")

    def audit_events(self, about: str = "") -> list[dict[str, Any]]:
        """All events of the audit log so far whose text holds ``about``; a line under way is left out."""
        lines = self.audit_log.read_bytes().split(b"\n")[:-1] if self.audit_log.exists() else []
        return [json.loads(line) for line in lines if about.encode() in line]

    def _issue(self) -> None:
        authority = Authority(self.pki)
        authority.issue_server("apiserver")
        authority.issue_client("admin", user="admin", group="system:masters")
        authority.issue_client("controller-manager", user="system:kube-controller-manager")
        authority.issue_client("front-proxy", user="front-proxy-client")
        authority.write_key_pair("service-accounts")
        tokens = f'{self.admin_token},token-admin,token-admin,"system:masters"\n{self.user_token},{PLAIN_USER},{PLAIN_USER}\n'
        (self.pki / "tokens.csv").write_text(tokens, encoding="utf-8")
        (self.directory / "audit-policy.yaml").write_text(_AUDIT_POLICY, encoding="utf-8")
        self._write_kubeconfig(
            self.kubeconfig,
            {
                "admin": self._certificate_login("admin"),
                "admin-token": {"token": self.admin_token},
                PLAIN_USER: {"token": self.user_token},
            },
        )
        manager = {"controller-manager": self._certificate_login("controller-manager")}
        self._write_kubeconfig(self.pki / "controller-manager.kubeconfig", manager)
        self._tls = ssl.create_default_context(cafile=str(self.ca_file))

    def _certificate_login(self, name: str) -> dict[str, str]:
        cert, key = (base64.b64encode((self.pki / f"{name}.{end}").read_bytes()).decode() for end in ("crt", "key"))
        return {"client-certificate-data": cert, "client-key-data": key}

    def _write_kubeconfig(self, path: Path, users: dict[str, dict[str, str]]) -> None:
        """Write a kubeconfig with one context per user, the first being current (JSON is YAML)."""
        authority = base64.b64encode(self.ca_file.read_bytes()).decode()
        cluster = {"server": self.server, "certificate-authority-data": authority}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": next(iter(users)),
            "clusters": [{"name": "local", "cluster": cluster}],
            "contexts": [{"name": user, "context": {"cluster": "local", "user": user}} for user in users],
            "users": [{"name": user, "user": login} for user, login in users.items()],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")

    def _process(self, name: str, flags: dict[str, object]) -> Process:
        words = [f"--{flag}={value}" for flag, value in flags.items()]
        return Process(name, [self.binaries / name, *words], log=self.directory / f"{name}.log", cwd=Path("/"))

    def _etcd_flags(self) -> dict[str, object]:
        peer_url = f"http://127.0.0.1:{self._peer_port}"
        return {
            "name": "default",
            "data-dir": self.directory / "etcd",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
            "listen-client-urls": self._etcd_url,
            "advertise-client-urls": self._etcd_url,
            "listen-peer-urls": peer_url,
            "initial-advertise-peer-urls": peer_url,
            "initial-cluster": f"default={peer_url}",
        }

    def _api_server_flags(self, port: int) -> dict[str, object]:
        pki = self.pki
        return {
            "etcd-servers": self._etcd_url,
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": port,
            "endpoint-reconciler-type": "none",
            "tls-cert-file": pki / "apiserver.crt",
            "tls-private-key-file": pki / "apiserver.key",
            "client-ca-file": pki / "ca.crt",
            "token-auth-file": pki / "tokens.csv",
            "authorization-mode": "Node,RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": pki / "service-accounts.pub",
            "service-account-signing-key-file": pki / "service-accounts.key",
            "service-cluster-ip-range": "10.96.0.0/16",
            "allow-privileged": "true",
            "requestheader-client-ca-file": pki / "ca.crt",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "proxy-client-cert-file": pki / "front-proxy.crt",
            "proxy-client-key-file": pki / "front-proxy.key",
            "cert-dir": self.directory / "serving",
            "audit-log-path": self.audit_log,
            "audit-policy-file": self.directory / "audit-policy.yaml",
            "audit-log-maxsize": 10240,  # MiB: never rotated, tests read it from the beginning
            "profiling": "false",
        }

    def _controller_manager_flags(self) -> dict[str, object]:
        kubeconfig = self.pki / "controller-manager.kubeconfig"
        return {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": "127.0.0.1",
            "secure-port": self._manager_port,
            "cert-dir": self.directory / "serving",
            "leader-elect": "false",
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self.pki / "service-accounts.key",
            "root-ca-file": self.ca_file,
            "cluster-signing-cert-file": self.ca_file,
            "cluster-signing-key-file": self.pki / "ca.key",
            "kube-api-qps": 300,  # the default of 20 makes the first service account wait six seconds
            "kube-api-burst": 600,
            "profiling": "false",
        }

    def _etcd_is_ready(self) -> bool:
        return self._answers(urllib.request.Request(f"{self._etcd_url}/readyz"))  # noqa: S310 - http on loopback

    def _api_is_ready(self) -> bool:
        request = urllib.request.Request(f"{self.server}/readyz")  # noqa: S310 - https on loopback
        request.add_header("Authorization", f"Bearer {self.admin_token}")
        return self._answers(request)

    def _has_service_account(self, namespace: str) -> bool:
        try:
            self.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
        except urllib.error.HTTPError:
            return False
        return True

    def _restart_controllers(self) -> None:
        """Begin anew: controllers whose API server went away look for it again one by one, the last after a minute."""
        self.controller_manager.kill()
        self.controller_manager.start()
        name = f"probe-{secrets.token_hex(4)}"
        self.make_namespace(name)
        self.request("DELETE", f"/api/v1/namespaces/{name}")

    def _answers(self, request: urllib.request.Request) -> bool:
        try:
            self._open(request)
        except (OSError, urllib.error.HTTPError):
            return False
        return True

    def _etcd(self, path: str, body: dict[str, Any]) -> Any:
        """Call etcd through its JSON gateway (etcd.io/docs, "gRPC gateway")."""
        request = urllib.request.Request(f"{self._etcd_url}{path}", method="POST")  # noqa: S310 - http on loopback
        return json.loads(self._open(request, json.dumps(body).encode()))

    def _open(self, request: urllib.request.Request, data: bytes | None = None) -> bytes:
        """Send a request past any proxy that the environment names."""
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._tls is not None:
            handlers.append(urllib.request.HTTPSHandler(context=self._tls))
        with urllib.request.build_opener(*handlers).open(request, data, timeout=_REQUEST_TIMEOUT_S) as answer:
            return bytes(answer.read())


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
