"""The mirror as the tour reads it."""

from __future__ import annotations

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.demo.mirror import Mirror
from fairlead.cli.gateway import Gateway, GatewayRefusal


@pytest.fixture
def mirror(rest: RestDouble) -> Mirror:
    """The mirror of a gateway's double."""
    return Mirror(Gateway(rest.url, trust_env=False), "shop")


def test_an_account_that_is_not_there_yet_has_nothing(mirror: Mirror, rest: RestDouble) -> None:
    """The tour waits; any other refusal is a failure."""
    rest.answer("GET", "/v1/accounts/shop/resources", {"detail": "no such account"}, 404)
    assert mirror.watched() == []

    rest.answer("GET", "/v1/accounts/shop/resources", {"detail": "no"}, 403)
    mirror.watched()
    with pytest.raises(GatewayRefusal):
        mirror.watched()


def test_kinds_are_told_as_resources(mirror: Mirror, rest: RestDouble) -> None:
    """So that the cluster can be asked about the same."""
    deployments = {"resource": "deployments.apps", "apiVersion": "apps/v1", "kind": "Deployment", "namespaced": True}
    pods = {"resource": "pods", "apiVersion": "v1", "kind": "Pod", "namespaced": True}
    items = [{**each, "state": "live", "rows": 2} for each in (deployments, pods)]
    rest.answer("GET", "/v1/accounts/shop/resources", {"items": items})

    assert [each.resource.path() for each in mirror.watched()] == ["/apis/apps/v1/deployments", "/api/v1/pods"]


def test_rows_have_times_and_versions(mirror: Mirror, rest: RestDouble) -> None:
    """A withheld object has none."""
    row = {"name": "web", "resourceVersion": "42", "updatedAt": "2026-05-04T12:00:00.5Z", "object": None}
    rest.answer("GET", "/v1/accounts/shop/objects", {"items": [row]})
    [found] = mirror.rows("Pod", "storefront", labels="a=b")

    assert (found.version, found.updated.microsecond, found.document) == (42, 500000, {})
    assert rest.requests[0].query == {"kind": "Pod", "namespace": "storefront", "labelSelector": "a=b", "limit": "500"}
