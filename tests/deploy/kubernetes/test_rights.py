"""The account has the rights that its overlay grants, and what goes beyond them ends in the API server's own words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.deploy.kubernetes import programs
from tests.deploy.kubernetes.conftest import Deployed
from tests.deploy.kubernetes.installation import ACCOUNT, AGENT
from tests.support.kubectl import Kubectl
from tests.support.mirror_checker import MirrorChecker

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600)]

SERVICE_ACCOUNTS = ("watcher", "scrubber", "bridge", "executor")


@pytest.fixture
def read_only(deployed: Deployed) -> Iterator[None]:
    """The component that takes the executor's writing rights."""
    deployed.installation.apply_agent("rbac-read-only")
    yield
    deployed.installation.apply_agent()


@pytest.mark.usefixtures("read_only")
def test_a_read_only_account_sees_and_does_not_write(
    deployed: Deployed, kubectl: Kubectl, namespace: str, checker: MirrorChecker
) -> None:
    """Reading works; a write through kubectl or as an operation is refused, with what is missing, and changes nothing."""
    here = f"--namespace={namespace}"
    manifest = deployed.directory / f"{namespace}.json"
    manifest.write_text(programs.web("shop", deployed.image), encoding="utf-8")

    ran = kubectl.run("apply", here, f"--filename={manifest}")
    assert ran.code == 1
    who = f'User "system:serviceaccount:{AGENT}:fairlead-executor" cannot create resource "deployments" in API group "apps"'
    assert "Error from server (Forbidden)" in ran.err
    assert who in ran.err

    words = ("ops", "apply", "--filename", str(manifest), "--account", ACCOUNT, "--namespace", namespace)
    operation = deployed.installation.try_fairlead(*words, *deployed.options())
    assert operation.code == 1
    assert "is forbidden" in operation.out + operation.err
    assert kubectl("get", "deployments,services", here, "--output=name") == ""
    checker.assert_equal()


@pytest.mark.parametrize("part", SERVICE_ACCOUNTS)
def test_only_the_executor_may_write(part: str, deployed: Deployed) -> None:
    """The API server's own opinion about the service accounts, and no token in pods that need none."""
    asks = ("auth", "can-i", f"--as=system:serviceaccount:{AGENT}:fairlead-{part}", "--all-namespaces")
    may = {
        verb: deployed.administrator.run(*asks, verb, "deployments.apps").out.strip()
        for verb in ("list", "create", "delete")
    }
    reads, writes = part in ("watcher", "executor"), part == "executor"

    assert may == {"list": _answer(reads), "create": _answer(writes), "delete": _answer(writes)}
    token = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
    where = (f"--namespace={AGENT}", f"deployment/fairlead-{part}", "--", programs.PYTHON, "-c", token)
    assert deployed.administrator("exec", *where).strip() == str(reads)


def _answer(may: bool) -> str:
    return "yes" if may else "no"
