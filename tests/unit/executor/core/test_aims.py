"""What operations are about."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.executor_doubles import manifest, target
from tests.unit.executor.core.test_plan import asked

from fairlead.contracts.operations import InvalidRequest
from fairlead.executor.core.aims import aim, doubtful, is_harmless, is_repeatable, named
from fairlead.executor.core.outcome import Verdict


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a%2fb"])
@pytest.mark.parametrize("field", ["name", "namespace"])
def test_names_that_lead_elsewhere_are_refused(field: str, name: str) -> None:
    """No name of a request can reach another path of the API server."""
    with pytest.raises(InvalidRequest, match=f"`{field}` is no name"):
        aim(asked(kind="get", target={**target(), field: name}))


def test_a_creation_expects_nothing() -> None:
    """A UID or version cannot be expected of what is not there."""
    with pytest.raises(InvalidRequest, match="cannot expect"):
        aim(asked(kind="create", manifest=manifest(), uid="u"))


@pytest.mark.parametrize(
    ("request_", "harmless", "repeatable"),
    [
        ({"kind": "get", "target": target()}, True, True),
        ({"kind": "list", "target": target()}, True, True),
        ({"kind": "create", "manifest": manifest()}, False, False),
        ({"kind": "create", "manifest": manifest(), "dryRun": True}, True, True),
        ({"kind": "apply", "manifest": manifest(), "resourceVersion": "7"}, False, False),
        ({"kind": "replace", "manifest": manifest(), "resourceVersion": "7"}, False, True),
        ({"kind": "replace", "manifest": manifest(), "uid": "u"}, False, False),
        ({"kind": "scale", "target": target(), "replicas": 1, "uid": "u"}, False, False),
        ({"kind": "scale", "target": target(), "replicas": 1, "resourceVersion": "7"}, False, True),
        ({"kind": "delete", "target": target()}, False, False),
        ({"kind": "delete", "target": target(), "uid": "u"}, False, True),
        ({"kind": "delete", "target": target(), "resourceVersion": "7"}, False, True),
    ],
)
def test_what_may_run_twice(request_: dict[str, Any], *, harmless: bool, repeatable: bool) -> None:
    """A UID fences a deletion alone, a version every change of an object that is there."""
    request = asked(**request_)

    assert (is_harmless(request), is_repeatable(request)) == (harmless, repeatable)


def test_doubt_says_where_to_look() -> None:
    """The message names the object and what was expected of it."""
    outcome = doubtful(asked(kind="delete", target=target(), uid="u"), "it died")

    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.message == "it died; check ConfigMap sea/cargo (expected uid u)"
    assert (named(asked(kind="create", manifest=manifest())).name, outcome.namespace) == ("cargo", "sea")
