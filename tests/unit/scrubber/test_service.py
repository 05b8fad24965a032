"""What the scrubber is composed of."""

from __future__ import annotations

from fairlead.scrubber.service import build, shipped_rules
from fairlead.scrubber.settings import Settings


def test_shipped_rules() -> None:
    """The rules that are shipped can be read and are about Secrets."""
    rule = shipped_rules().for_resource("", "Secret")

    assert rule is not None
    assert {"data", "stringData"} <= set(rule.fields)
    assert rule.everywhere


def test_build_starts_nothing() -> None:
    """A service is a value until it is started."""
    assert build(Settings()).name == "scrubber"
