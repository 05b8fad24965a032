"""Failures in the API server's shape."""

from __future__ import annotations

import json

from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.targets import Target, Verb

POD = Target(Verb.GET, "", "v1", "pods", "shop", "web", "log")


def test_a_status_is_what_the_api_server_writes() -> None:
    """Seen on kube-apiserver 1.37.1 for a token that it does not know."""
    assert json.loads(statuses.unauthorized().body()) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_forbidden_speaks_kubernetes() -> None:
    """The wording of k8s.io/apiserver, for one object, a collection, the cluster's scope and a path."""
    why = "no right"
    named = statuses.forbidden("ann", POD, "get", "/x", why)
    assert named.message == (
        'pods "web" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "shop": no right'
    )
    assert json.loads(named.body())["details"] == {"name": "web", "kind": "pods"}
    unnamed = statuses.forbidden("ann", Target(Verb.LIST, "apps", "v1", "deployments"), "list", "/x", why)
    assert unnamed.message == (
        'deployments.apps is forbidden: User "ann" cannot list resource "deployments" in API group "apps"'
        " at the cluster scope: no right"
    )
    assert statuses.forbidden("ann", None, "get", "/apis", why).message == (
        'forbidden: User "ann" cannot get path "/apis": no right'
    )


def test_only_what_was_not_sent_may_be_repeated() -> None:
    """503 and 429 carry Retry-After, which clients obey for writes too; 504 never does. Each has its fixed phrase."""
    for status in (statuses.unavailable("away"), statuses.too_many_requests("shop")):
        assert dict(status.headers())["Retry-After"] == "1"
        assert json.loads(status.body())["details"]["retryAfterSeconds"] == 1
        assert statuses.NOT_SENT in status.message
    lost = statuses.lost("the link broke")
    assert "Retry-After" not in dict(lost.headers())
    assert (lost.code, statuses.OUTCOME_UNKNOWN in lost.message) == (504, True)
    assert "details" not in json.loads(lost.body())


def test_each_failure_has_its_code_and_reason() -> None:
    """The reasons are those of k8s.io/apimachinery for the codes."""
    found = {
        (each.code, each.reason)
        for each in (
            statuses.bad_request("x"), statuses.not_found(), statuses.unknown_account("x"), statuses.method_not_allowed(),
            statuses.not_acceptable("x"), statuses.expired("x"), statuses.too_large(1), statuses.internal(),
            statuses.not_offered("x"), statuses.refused_by_agent("x"),
        )
    }  # fmt: skip

    assert found == {
        (400, "BadRequest"), (404, "NotFound"), (405, "MethodNotAllowed"), (406, "NotAcceptable"), (410, "Expired"),
        (413, "RequestEntityTooLarge"), (500, "InternalError"), (501, "NotImplemented"),
    }  # fmt: skip
    assert str(statuses.Refusal(statuses.too_large(7))) == "Request entity too large: limit is 7"
