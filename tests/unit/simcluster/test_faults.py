"""Which requests meet which faults."""

from __future__ import annotations

from fairlead.simcluster.api.routes import Target, User
from fairlead.simcluster.faults import Faults, OpenWatch, refusal

PODS = Target("", "v1", "pods", "default")
USER = User("watcher")


def test_a_fault_meets_its_resource_and_verb() -> None:
    """And nothing else."""
    faults = Faults()
    rule = faults.fail(500, resource="pods", verbs=["list"])

    assert faults.meet(PODS, "list", USER) == [rule]
    assert faults.meet(PODS, "watch", USER) == []
    assert faults.meet(Target("", "v1", "secrets"), "list", USER) == []
    assert rule.met == 1


def test_a_fault_lasts_as_often_as_asked() -> None:
    """Then it is over; one without a count lasts until it is withdrawn."""
    faults = Faults()
    faults.throttle(2, times=2)
    lasting = faults.refuse("pods")

    assert [len(faults.meet(PODS, "get", USER)) for _ in range(3)] == [2, 2, 1]
    faults.withdraw(lasting)
    assert faults.meet(PODS, "get", USER) == []


def test_refusals_may_be_for_one_namespace_and_user() -> None:
    """As RBAC would have it."""
    faults = Faults()
    faults.refuse("pods", namespace="default", user="watcher")

    assert faults.meet(PODS, "list", USER)
    assert not faults.meet(PODS, "list", User("other"))
    assert not faults.meet(Target("", "v1", "pods", "elsewhere"), "list", USER)


def test_the_refusal_is_worded_as_the_server_words_it() -> None:
    """Resource, subresource, group and namespace."""
    error = refusal(Target("apps", "v1", "deployments", "x", "y", "status"), "get", USER)

    assert error.message == (
        'deployments.apps "y" is forbidden: User "watcher" cannot get resource "deployments/status" in API group "apps" '
        'in the namespace "x"'
    )


def test_open_watches_are_ended_by_kind() -> None:
    """Cut, cut in mid-line, told 410; the others go on."""
    woken: list[str] = []
    faults = Faults()
    pods, secrets = OpenWatch("pods", lambda: woken.append("pods")), OpenWatch("secrets", lambda: woken.append("s"))
    faults.watches += [pods, secrets]

    assert faults.cut_watches(resource="pods", mid_line=True) == 1
    assert (pods.cut, secrets.cut) == ("mid-line", "")
    assert faults.expire_watches(resource="secrets") == 1
    assert secrets.error is not None
    assert secrets.error.code == 410
    assert woken == ["pods", "s"]


def test_watches_are_held_and_released() -> None:
    """All or one resource; `clear` releases too."""
    faults = Faults()
    faults.hold_watches("pods")
    assert (faults.holds("pods"), faults.holds("secrets")) == (True, False)
    faults.hold_watches()
    assert faults.holds("secrets")
    faults.clear()
    assert not faults.holds("pods")


def test_scripted_effects() -> None:
    """What each helper sets."""
    faults = Faults()

    assert faults.slow(0.5).delay_s == 0.5
    assert faults.cut_after(10).verbs == {"watch"}
    assert faults.hang_up(after_handling=True).after_handling
    error = faults.throttle(3).error
    assert error is not None
    assert (error.code, error.retry_after_s) == (429, 3)
