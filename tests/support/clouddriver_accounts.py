"""A fake of Clouddriver's account API with its loader, as read in its sources and seen of a running one.

What is posted lies in the store (its table `accounts`); the loader compares the store with what it has loaded and loads again
what is not equal, which ends the account's caching agents. Accounts of configuration files are loaded and not in the store.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from fairlead.cli.parts.ports import free_port
from fairlead.simcluster.listening import ListeningSite

DEFAULTS: dict[str, Any] = {
    "accountType": None, "cacheAllApplicationRelationships": False, "cacheIntervalSeconds": None, "cacheThreads": 1,
    "cachingPolicies": [], "checkPermissionsOnStartup": True, "context": None, "customResources": [], "debug": False,
    "environment": None, "kinds": [], "kubeconfigContents": None, "kubeconfigFile": None, "kubectlExecutable": None,
    "kubectlRequestTimeoutSeconds": None, "metrics": True, "name": None, "namespaces": [],
    "namingStrategy": "kubernetesAnnotations", "oAuthScopes": None, "oAuthServiceAccount": None, "omitKinds": [],
    "omitNamespaces": [], "onlySpinnakerManaged": False, "permissions": {}, "rawResourcesEndpointConfig": {},
    "requiredGroupMembership": [], "serviceAccount": False,
}  # fmt: skip
"""Fields of KubernetesAccountProperties.ManagedAccount; others are dropped."""
AUTHORIZATIONS = frozenset({"READ", "WRITE", "EXECUTE", "CREATE"})
STORAGE_OFF = "Cannot use AccountDefinitionService endpoints without enabling AccountDefinitionService bean"

Definition = dict[str, Any]


class _Answer(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class ClouddriverAccounts:
    """The state of the fake; tests look at it and change it."""

    url: str = ""
    store: dict[str, Definition] = field(default_factory=dict)
    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    """Every body that was put, by account."""
    configured: dict[str, Definition] = field(default_factory=dict)
    """Accounts of configuration files, of any provider."""
    loaded: dict[str, Definition] = field(default_factory=dict)
    loads: Counter[str] = field(default_factory=Counter)
    """How often an account was loaded (again)."""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path with query, and user, of every request."""
    poller: bool = True
    """Whether the loader looks at the store after each change."""
    storage: bool = True
    manager: str = ""
    """With Fiat: the only user who may do anything here."""
    hidden: frozenset[str] = frozenset()
    """With Fiat: accounts that the user may not use, and does not see in lists of definitions."""
    failing: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and message by which changes of an account fail."""
    synced: list[list[str]] = field(default_factory=list)
    """Roles that Fiat was asked to sync."""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, at the same address again after a stop."""
        if not self.url:
            self.url = f"http://127.0.0.1:{free_port()}"
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await ListeningSite(self._runner, "127.0.0.1", int(self.url.rpartition(":")[2])).start()

    async def stop(self) -> None:
        """Be away: connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def poll(self) -> None:
        """What the loader does: load what is new or not equal, drop what is gone; the store wins over files."""
        wanted = {**self.configured, **self.store}
        for name, definition in wanted.items():
            if _comparable(self.loaded.get(name)) != _comparable(definition):
                self.loaded[name] = copy.deepcopy(definition)
                self.loads[name] += 1
        for name in set(self.loaded) - set(wanted):
            del self.loaded[name]

    def writes(self) -> list[tuple[str, str]]:
        """Method and path of every request that was to change something."""
        return [(method, path) for method, path, _ in self.requests if method in ("PUT", "POST", "DELETE")]

    # ---- requests

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._answered])
        application.add_routes([
            web.get("/credentials", self._list),
            web.get("/credentials/type/{type}", self._definitions),
            web.get("/credentials/{name}", self._read),
            web.post("/credentials", self._create),
            web.put("/credentials", self._save),
            web.delete("/credentials/{name}", self._delete),
            web.post("/roles/sync", self._sync),
        ])  # fmt: skip
        return application

    @web.middleware
    async def _answered(self, request: web.Request, handler: Any) -> web.StreamResponse:
        user = request.headers.get("X-SPINNAKER-USER", "")
        self.requests.append((request.method, request.path_qs, user))
        try:
            if self.manager and user != self.manager and not request.path.startswith("/roles"):
                raise _Answer(403, "Access is denied")
            return web.json_response(await handler(request))
        except _Answer as answer:
            return web.json_response({"status": answer.status, "message": str(answer)}, status=answer.status)

    async def _list(self, request: web.Request) -> Any:
        expand = request.query.get("expand") == "true"
        return [_rendered(each, expand=expand) for each in self.loaded.values()]

    async def _read(self, request: web.Request) -> Any:
        name = request.match_info["name"]
        if name not in self.loaded:
            raise _Answer(404, f"Account does not exist (name: {name})")
        return _rendered(self.loaded[name], expand=True)

    async def _definitions(self, request: web.Request) -> Any:
        """The filter comes behind the limit, and the first account of a page is the one that was named."""
        self._need_storage()
        start, limit = request.query.get("startingAccountName", ""), int(request.query.get("limit", "100"))
        names = [
            name
            for name in sorted(self.store)
            if name >= start and self.store[name]["type"] == request.match_info["type"]
        ]
        return [self.store[name] for name in names[:limit] if name not in self.hidden]

    async def _create(self, request: web.Request) -> Any:
        definition = await self._body(request)
        if definition["name"] in self.loaded:
            raise _Answer(400, f"Cannot create an account which already exists (name: {definition['name']})")
        if definition["name"] in self.store:
            raise _Answer(500, f"Cannot create account with definition {definition}")
        return self._keep(definition)

    async def _save(self, request: web.Request) -> Any:
        definition = await self._body(request)
        self.bodies.setdefault(definition["name"], []).append(await request.read())
        return self._keep(definition)

    async def _delete(self, request: web.Request) -> Any:
        self._need_storage()
        name = request.match_info["name"]
        self._fail(name)
        if name not in self.store:
            raise _Answer(404, f"No account found with name {name}")
        del self.store[name]
        self._changed()

    async def _sync(self, request: web.Request) -> Any:
        self.synced.append(await request.json())
        return 1

    async def _body(self, request: web.Request) -> Definition:
        self._need_storage()
        given = await request.json()
        if given.get("type") != "kubernetes":
            raise _Answer(400, "missing type id property 'type'")
        if not set(given.get("permissions", {})) <= AUTHORIZATIONS:
            raise _Answer(400, "No enum constant com.netflix.spinnaker.fiat.model.Authorization")
        self._fail(given["name"])
        known = {name: value for name, value in given.items() if name in DEFAULTS}
        return {"type": "kubernetes"} | copy.deepcopy(DEFAULTS) | known

    def _keep(self, definition: Definition) -> Definition:
        roles = definition["permissions"]
        # Roles are Java's HashSets: their order is not the one in which they came.
        definition["permissions"] = {name: sorted(given, key=hash) for name, given in roles.items()}
        self.store[definition["name"]] = definition
        self._changed()
        return definition

    def _changed(self) -> None:
        if self.poller:
            self.poll()

    def _fail(self, name: str) -> None:
        if name in self.failing:
            raise _Answer(*self.failing[name])

    def _need_storage(self) -> None:
        if not self.storage:
            raise _Answer(500, STORAGE_OFF)


@asynccontextmanager
async def clouddriver_accounts() -> AsyncIterator[ClouddriverAccounts]:
    """A fake that listens."""
    fake = ClouddriverAccounts()
    await fake.start()
    try:
        yield fake
    finally:
        await fake.stop()


def foreign(name: str) -> Definition:
    """A definition that somebody else made: it points at the cluster itself."""
    contents = "clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443'}}]"
    return {"type": "kubernetes"} | copy.deepcopy(DEFAULTS) | {"name": name, "kubeconfigContents": contents}


def _comparable(definition: Definition | None) -> Definition | None:
    if definition is None:
        return None
    roles = {name: set(given) for name, given in definition.get("permissions", {}).items()}
    return definition | {"permissions": roles}


def _rendered(definition: Definition, *, expand: bool) -> Definition:
    """A loaded account: never its definition. Expanded it tells namespaces and kinds too."""
    short = {name: definition.get(name) for name in ("name", "environment", "accountType", "permissions")}
    rendered = short | {"type": definition["type"], "cloudProvider": definition["type"], "primaryAccount": False}
    return rendered | ({"namespaces": [], "spinnakerKindMap": {}} if expand else {})


@contextmanager
def clouddriver_thread() -> Iterator[ClouddriverAccounts]:
    """A fake that listens in a thread of its own, for tests that are not asynchronous; they may read its state."""
    fake = ClouddriverAccounts()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="clouddriver", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(fake.start(), loop).result(10)
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
