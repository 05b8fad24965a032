"""OpenAPI documents of a scripted API server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.patch_schemas import BOAT, document
from tests.support.scripted_api import Reply, ScriptedApi, failure, kubeconfig_of, reply

from fairlead.contracts.identity import Resource
from fairlead.executor.adapters import schemas
from fairlead.executor.adapters.schemas import PatchSchemas, SharedDocuments
from fairlead.executor.errors import NoSchema
from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.errors import ApiError, ProtocolError
from fairlead.kube.session import KubeSession

RESOURCE = Resource(BOAT.group, BOAT.version, "boats", BOAT.kind, namespaced=True)
BUILT_IN = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
KEY = f"apis/{BOAT.group}/{BOAT.version}"
PATH = f"/openapi/v3/{KEY}"


def index(mark: str = "A", key: str = KEY) -> Reply:
    """The index of documents."""
    return reply({"paths": {key: {"serverRelativeURL": f"/openapi/v3/{key}?hash={mark}"}}})


def raw(body: bytes) -> Reply:
    """A document."""
    return Reply(200, {"Content-Type": "application/json"}, (body,))


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    """An API server without documents yet."""
    async with ScriptedApi() as server:
        yield server


@pytest.fixture
async def of(api: ScriptedApi) -> AsyncIterator[PatchSchemas]:
    """Its schemas."""
    async with KubeSession(await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)) as session:

        async def opened() -> KubeSession:
            return session

        yield PatchSchemas(opened, SharedDocuments(limit=1))


async def test_a_document_is_read_once_while_its_hash_stays(
    api: ScriptedApi, of: PatchSchemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time the index is asked, and the document only when its hash is another."""
    api.on("/openapi/v3", index("A"), index("A"), index("B"))
    api.on(PATH, raw(document()))
    for _ in range(2):
        node = await of.node(RESOURCE)
    assert node is not None
    assert node.field("spec").node.elements("crew").merge_key == "name"
    assert [(seen.path.partition("?")[0], seen.query) for seen in api.seen] == [
        ("/openapi/v3", {}),
        (PATH, {"hash": "A"}),
    ]

    monkeypatch.setattr(schemas, "CURRENT_S", 0.0)
    await of.node(RESOURCE)
    assert len(api.seen) == 3
    await of.node(RESOURCE)
    assert api.seen[-1].query == {"hash": "B"}


async def test_older_servers_have_version_2(api: ScriptedApi, of: PatchSchemas) -> None:
    """One document of all kinds."""
    api.on("/openapi/v3", failure(404, "NotFound"))
    api.on("/openapi/v2", raw(document(of_v2=True)))

    assert await of.node(RESOURCE) is not None
    assert await of.node(BUILT_IN) is None


async def test_a_group_without_a_document_merges_as_json(api: ScriptedApi, of: PatchSchemas) -> None:
    """Aggregated groups need not publish any."""
    api.on("/openapi/v3", index(key="apis/other.test/v1"))

    assert await of.node(RESOURCE) is None


async def test_a_built_in_group_that_is_missing_for_now(api: ScriptedApi, of: PatchSchemas) -> None:
    """It must not be guessed: merged as JSON, a workload would lose what others wrote into its lists."""
    api.on("/openapi/v3", index())

    with pytest.raises(NoSchema, match="apply it server-side"):
        await of.node(BUILT_IN)


@pytest.mark.parametrize("code", [403, 404])
async def test_without_documents_only_custom_kinds_are_known(api: ScriptedApi, of: PatchSchemas, code: int) -> None:
    """They all merge as JSON; of a built-in kind it must not be guessed, and failures are not remembered."""
    api.on("/openapi/v3", failure(code, "Nothing"))
    api.on("/openapi/v2", failure(code, "Nothing"))

    assert await of.node(RESOURCE) is None
    for _ in range(2):
        with pytest.raises(NoSchema, match="apply it server-side"):
            await of.node(BUILT_IN)


async def test_faults_are_told(api: ScriptedApi, of: PatchSchemas) -> None:
    """A server that fails, an index and a document that are none; the next call asks again."""
    api.on("/openapi/v3", failure(500, "InternalError"), reply([]), index())
    api.on(PATH, raw(b"{"), raw(document()))
    for error in (ApiError, ProtocolError, ProtocolError):
        with pytest.raises(error):
            await of.node(RESOURCE)
    assert await of.node(RESOURCE) is not None


def test_equal_documents_are_one() -> None:
    """Clusters of one release share them; the least used goes."""
    shared = SharedDocuments(limit=1)
    first = shared.parsed(document())

    assert shared.parsed(document()) is first
    shared.parsed(document(accepts="x"))
    assert shared.parsed(document()) is not first
