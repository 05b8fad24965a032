"""What a caller may do."""

from __future__ import annotations

import pytest

from fairlead.gateway.core.facade.access import check_access, check_identity
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import target_of
from fairlead.gateway.core.tokens import Grant, Kind, Verb

READER = Grant("reader", Kind.FACADE, ("shop*",), frozenset({Verb.READ}))
WRITER = Grant("writer", Kind.FACADE, ("*",), frozenset({Verb.READ, Verb.WRITE}))
PODS = "/api/v1/namespaces/a/pods"


def refusal(caller: Grant, account: str, method: str, path: str) -> tuple[int, str]:
    """Code and message of the refusal that there must be."""
    with pytest.raises(Refusal) as refused:
        check_access(caller, account, method, path, target_of(method, path, watching=False))
    return refused.value.status.code, refused.value.status.message


@pytest.mark.parametrize(
    ("method", "path"), [("GET", PODS), ("HEAD", f"{PODS}/p"), ("GET", f"{PODS}/p/log"), ("GET", "/apis")]
)
def test_reading(method: str, path: str) -> None:
    """The verb read is enough for what changes nothing."""
    check_access(READER, "shop-1", method, path, target_of(method, path, watching=False))


@pytest.mark.parametrize(("method", "verb"), [("POST", "create"), ("DELETE", "deletecollection")])
def test_writing_takes_the_verb(method: str, verb: str) -> None:
    """A token that may only read is told so as Kubernetes tells it."""
    check_access(WRITER, "shop-1", method, PODS, target_of(method, PODS, watching=False))

    message = f'pods is forbidden: User "reader" cannot {verb} resource "pods" in API group "" in the namespace "a"'
    assert refusal(READER, "shop-1", method, PODS) == (403, f"{message}: the token lacks the verb 'write'")


def test_another_account_is_refused_whether_or_not_it_exists() -> None:
    """Nothing is looked up for who may not see it."""
    code, message = refusal(READER, "other", "GET", "/api")

    assert (code, message) == (
        403,
        'forbidden: User "reader" cannot get path "/api": the token is not granted account "other"',
    )


@pytest.mark.parametrize("account", ["", "a\nb", "x" * 300, ".."])
def test_what_can_be_no_account_is_none(account: str) -> None:
    """Whoever may see every account is told that there is no such one."""
    code, _ = refusal(WRITER, account, "GET", PODS)

    assert code == 404


@pytest.mark.parametrize("name", ["impersonate-user", "impersonate-group", "impersonate-extra-x", "x-remote-user"])
def test_nobody_asks_as_somebody_else(name: str) -> None:
    """The cluster would allow it by the executor's right."""
    with pytest.raises(Refusal) as refused:
        check_identity(WRITER, {"accept": "*/*", name: "root"})
    assert refused.value.status.code == 403
    check_identity(WRITER, {"accept": "*/*"})
