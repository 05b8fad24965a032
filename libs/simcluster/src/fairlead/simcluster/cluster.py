"""One simulated cluster: what tests, the demo and load generators hold in their hands."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from fairlead.simcluster import certificates, discovery, metrics
from fairlead.simcluster.api import deleting, patching, writing
from fairlead.simcluster.api.deleting import DeleteOptions
from fairlead.simcluster.api.routes import User
from fairlead.simcluster.api.writing import Write
from fairlead.simcluster.controllers import pods
from fairlead.simcluster.controllers.manager import ControllerManager
from fairlead.simcluster.errors import not_found
from fairlead.simcluster.faults import Faults
from fairlead.simcluster.identity import Identity
from fairlead.simcluster.requests import RequestLog
from fairlead.simcluster.server import Gate, Server
from fairlead.simcluster.state import State
from fairlead.simcluster.store import Store, object_key

if TYPE_CHECKING:
    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.store import Backup, Entry

ADMIN_GROUPS = ("system:masters",)
NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class SimCluster:
    """An in-memory Kubernetes API server over HTTPS on loopback, with controllers.

    An async context manager; `start` and `stop` may also be called. The Python-side shortcuts (`create`, `apply`, …)
    act at once and pass by the server, its faults and its log.
    """

    def __init__(  # noqa: PLR0913 - the settings of a cluster
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        name: str = "simcluster",
        controllers: bool = True,
        pod_start_s: float = 0.2,
        pod_stop_s: float = 0.2,
        job_run_s: float = 1.0,
        nodes: int = 3,
        history_limit: int = 10_000,
        bookmark_interval_s: float = 60.0,
        usage: bool = True,
        identity: Identity | None = None,
    ) -> None:
        identity = identity or Identity()
        self.name = name
        store = Store(history_limit=history_limit, version=identity.first_version)
        self.state = State(store=store, bookmark_interval_s=bookmark_interval_s)
        self.faults = Faults()
        self.requests = RequestLog()
        self.authority = identity.authority
        self.admin_token = identity.admin_token
        self._host = host
        self._port = port
        self._gate = Gate({self.admin_token: User("admin", (*ADMIN_GROUPS, "system:authenticated"))})
        self._server: Server | None = None
        self._stack = AsyncExitStack()
        self.controllers = ControllerManager(
            self.state, pod_start_s=pod_start_s, pod_stop_s=pod_stop_s, job_run_s=job_run_s
        )
        self._run_controllers = controllers
        self.serve_usage(on=usage)
        self._seed(nodes, identity.uid)

    def _seed(self, nodes: int, uid: str) -> None:
        for namespace in NAMESPACES:
            made = self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            if namespace == "kube-system":
                made["metadata"]["uid"] = uid
                self.state.store.write("namespaces", made)
        for number in range(1, nodes + 1):
            self._seed_node(f"node-{number}")

    def _seed_node(self, name: str) -> None:
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        self.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
        capacity = {"cpu": "4", "memory": "16Gi", "pods": "110"}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastTransitionTime": self.state.timestamp(),
        }
        info = {"kubeletVersion": discovery.SERVER_VERSION["gitVersion"], "operatingSystem": "linux"}
        status = {"capacity": capacity, "allocatable": capacity, "conditions": [ready], "nodeInfo": info}
        self.patch("nodes", name, {"status": status}, subresource="status")

    # ---- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Listen and start the controllers."""
        server = Server(self.state, self._gate, self.faults, self.requests)
        pair = self.authority.server([self._host, "127.0.0.1", "localhost"])
        with tempfile.TemporaryDirectory() as folder:
            context = certificates.server_context(self.authority, pair, Path(folder))
        await server.start(self._host, self._port, context)
        self._port = server.port  # a restart listens on the same port
        self._server = server
        self._stack.push_async_callback(server.stop)
        if self._run_controllers:
            group = await self._stack.enter_async_context(asyncio.TaskGroup())
            task = group.create_task(self.controllers.run(), name="simcluster-controllers")
            self._stack.callback(task.cancel)
        return self

    async def stop(self) -> None:
        """Cut the connections and stop. The objects stay: `start` brings the cluster back on the same port."""
        await self._stack.aclose()
        self._server = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    # ---- access ---------------------------------------------------------------------------------------------------

    @property
    def server(self) -> str:
        """The address, `https://127.0.0.1:<port>`."""
        return f"https://{self._host}:{self._port}"

    @property
    def ca_certificate(self) -> bytes:
        """The authority's certificate, PEM."""
        return self.authority.certificate

    def kubeconfig(self, *, token: str = "", client_certificate: bool = False) -> str:
        """A kubeconfig (JSON, which is YAML) with the admin's token, another token, or a client certificate."""
        user: dict[str, str] = {"token": token or self.admin_token}
        if client_certificate:
            pair = self.authority.client("admin", ADMIN_GROUPS)
            user = {"client-certificate-data": pair.certificate_data, "client-key-data": pair.key_data}
        ca_data = certificates.KeyPair(self.ca_certificate, b"").certificate_data
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.name,
            "clusters": [
                {"name": self.name, "cluster": {"server": self.server, "certificate-authority-data": ca_data}}
            ],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
            "users": [{"name": self.name, "user": user}],
        }
        return msgspec.json.format(msgspec.json.encode(document).decode(), indent=2)

    def add_user(self, name: str, *groups: str) -> str:
        """A further user; its bearer token."""
        token = secrets.token_urlsafe(24)
        self._gate.tokens[token] = User(name, (*groups, "system:authenticated"))
        return token

    def revoke(self, token: str) -> None:
        """Let a token be wrong from now on (401)."""
        self._gate.tokens.pop(token, None)

    # ---- objects --------------------------------------------------------------------------------------------------

    def _resource(self, api_version: str, kind: str) -> Resource:
        resource = self.state.registry.by_kind(api_version, kind)
        if resource is None:
            raise not_found("", kind.lower(), api_version)
        return resource

    def _shown(self, resource: Resource, entry: Entry) -> dict[str, Any]:
        return {"apiVersion": resource.api_version, "kind": resource.kind, **entry.decoded()}

    def create(self, obj: dict[str, Any], *, manager: str = "simcluster") -> dict[str, Any]:
        """Create a manifest; StatusError as the server would answer."""
        resource = self._resource(obj["apiVersion"], obj["kind"])
        namespace = (obj["metadata"].get("namespace") or "default") if resource.namespaced else ""
        return self._shown(resource, writing.create(self.state, resource, namespace, obj, Write(manager)))

    def apply(self, obj: dict[str, Any], *, manager: str = "simcluster", force: bool = True) -> dict[str, Any]:
        """Server-side apply of a manifest."""
        resource = self._resource(obj["apiVersion"], obj["kind"])
        metadata = obj["metadata"]
        namespace = (metadata.get("namespace") or "default") if resource.namespaced else ""
        body, write = msgspec.json.encode(obj), Write(manager)
        entry, _ = patching.apply_object(self.state, resource, namespace, metadata["name"], body, write, force=force)
        return self._shown(resource, entry)

    def patch(
        self, key: str, name: str, patch: dict[str, Any], *, namespace: str = "default", subresource: str = ""
    ) -> dict[str, Any]:
        """Merge-patch an object of a resource (`deployments.apps`, `pods`)."""
        resource = self._by_key(key)
        change = patching.patched(resource, patching.MERGE_PATCH, msgspec.json.encode(patch))
        where = namespace if resource.namespaced else ""
        write = Write("simcluster", subresource=subresource)
        return self._shown(resource, writing.modify(self.state, resource, where, name, change, write))

    def _by_key(self, key: str) -> Resource:
        resource = self.state.registry.by_key(key)
        if resource is None:
            raise not_found("", key, "")
        return resource

    def get(self, key: str, name: str, namespace: str = "default") -> dict[str, Any] | None:
        """An object of a resource, or None."""
        resource = self._by_key(key)
        entry = self.state.store.get(resource.storage, object_key(namespace if resource.namespaced else "", name))
        return self._shown(resource, entry) if entry else None

    def list(self, key: str, namespace: str = "") -> list[dict[str, Any]]:
        """The objects of a resource in key order."""
        resource = self._by_key(key)
        entries = self.state.store.table(resource.storage).sorted_entries()
        return [self._shown(resource, each) for each in entries if namespace in ("", each.namespace)]

    def delete(self, key: str, name: str, namespace: str = "default", *, propagation: str = "Background") -> None:
        """Delete an object; StatusError 404 when there is none."""
        resource = self._by_key(key)
        entry = self.state.store.get(resource.storage, object_key(namespace if resource.namespaced else "", name))
        if entry is None:
            raise not_found(resource.group, resource.plural, name)
        deleting.delete_entry(self.state, resource, entry, DeleteOptions(propagation))

    # ---- logs and usage -------------------------------------------------------------------------------------------

    def log(self, name: str, text: str, *, namespace: str = "default", container: str = "") -> None:
        """Let a container of a pod (the first one by default) print a line; StatusError 404 when there is no such pod."""
        entry = self._pod(name, namespace)
        container = container or entry.decoded()["spec"]["containers"][0]["name"]
        self.state.logs.write(entry.uid, container, (self.state.now(), text))

    def restart(self, name: str, *, namespace: str = "default", container: str = "", exit_code: int = 1) -> None:
        """Let a container of a pod end and start again, so that it has a previous log."""
        pods.restart(self.state, self._pod(name, namespace), container, exit_code)

    def _pod(self, name: str, namespace: str) -> Entry:
        entry = self.state.store.get("pods", object_key(namespace, name))
        if entry is None:
            raise not_found("", "pods", name)
        return entry

    def serve_usage(self, *, on: bool) -> None:
        """Have a metrics server (`metrics.k8s.io`) or none."""
        metrics.serve(self.state.registry, on=on)

    # ---- history --------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """The cluster's present resourceVersion."""
        return self.state.store.version

    def compact(self, version: int | None = None) -> int:
        """Forget the history up to a version (default: all), so that older watches and pages get 410."""
        return self.state.store.compact(version)

    def backup(self) -> Backup:
        """The objects as an etcd snapshot would hold them."""
        return self.state.store.backup()

    def restore(self, backup: Backup, *, bump: int = 0) -> None:
        """Restore a backup: versions run backwards (unless bumped) and every watch ends."""
        self.state.store.restore(backup, bump=bump)
        self.controllers.resync()

    def settle(self) -> None:
        """Run the controllers until nothing is due now (their delays still count)."""
        self.controllers.work()
