"""Who we are, what the server runs, which cluster it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.scripted_api import ScriptedApi, failure, reply

from fairlead.kube.errors import ProtocolError, Unauthorized
from fairlead.kube.whoami import ClusterIdentity, User, cluster_identity, server_version, who_am_i

if TYPE_CHECKING:
    from fairlead.kube.session import KubeSession

REVIEWS = "/apis/authentication.k8s.io/{}/selfsubjectreviews"


async def test_the_server_tells_who_we_are(api: ScriptedApi, session: KubeSession) -> None:
    """By SelfSubjectReview v1."""
    user = {"username": "system:serviceaccount:spin:agent", "groups": ["system:authenticated"]}
    api.on(REVIEWS.format("v1"), reply({"status": {"userInfo": user}}, 201))

    assert await who_am_i(session) == User("system:serviceaccount:spin:agent", ("system:authenticated",))
    assert json.loads(api.seen[0].body) == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    }


async def test_an_older_server_is_asked_by_the_beta(api: ScriptedApi, session: KubeSession) -> None:
    """v1beta1 answers the same."""
    api.on(REVIEWS.format("v1beta1"), reply({"status": {"userInfo": {"username": "system:anonymous"}}}, 201))

    assert (await who_am_i(session)).anonymous


async def test_a_server_that_cannot_tell_makes_an_unknown_user(api: ScriptedApi, session: KubeSession) -> None:
    """Neither a missing API nor a forbidden one is an error."""
    assert await who_am_i(session) == User("unknown", known=False)
    api.on(REVIEWS.format("v1"), failure(403, "Forbidden"))
    assert not (await who_am_i(session)).known


async def test_rejected_credentials_are_an_error(api: ScriptedApi, session: KubeSession) -> None:
    """A 401 is not "unknown"."""
    api.on(REVIEWS.format("v1"), failure(401, "Unauthorized"))

    with pytest.raises(Unauthorized):
        await who_am_i(session)


async def test_the_version_is_the_servers_own(api: ScriptedApi, session: KubeSession) -> None:
    """As it writes it; anything else than a version document is refused."""
    api.on("/version", reply({"major": "1", "gitVersion": "v1.37.1"}), reply({"major": "1"}))

    assert await server_version(session) == "v1.37.1"
    with pytest.raises(ProtocolError):
        await server_version(session)


async def test_a_cluster_is_known_by_kube_system_and_by_its_endpoint(api: ScriptedApi, session: KubeSession) -> None:
    """Without the right to read kube-system only by the endpoint."""
    endpoint = api.url.removeprefix("http://")
    api.on("/api/v1/namespaces/kube-system", reply({"metadata": {"uid": "u-1"}}), failure(403, "Forbidden"))

    known, hidden = await cluster_identity(session), await cluster_identity(session)

    assert (known, known.key) == (ClusterIdentity("u-1", endpoint), "u-1")
    assert (hidden, hidden.key) == (ClusterIdentity("", endpoint), endpoint)
