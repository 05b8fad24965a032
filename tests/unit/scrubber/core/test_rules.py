"""Rules as data."""

from __future__ import annotations

import pytest

from fairlead.scrubber.core.rules import InvalidRules, parse

SECRETS = """
version: 1
kinds:
  - kind: Secret
    everywhere: true
    fields: [data]
"""


def test_parse() -> None:
    """Rules are found by the group and kind under which objects are watched."""
    rules = parse(SECRETS)

    assert rules.for_resource("", "Secret") == rules.kinds[0]
    assert rules.for_resource("example.com", "Secret") is None
    assert rules.for_resource("", "ConfigMap") is None


def test_hash_names_what_the_rules_say() -> None:
    """The spelling of the file does not matter to the hash, what it says does."""
    same = "# a comment\nkinds: [{kind: Secret, everywhere: true, fields: [data]}]\nversion: 1\n"

    assert parse(same).hash == parse(SECRETS).hash
    assert parse(SECRETS.replace("[data]", "[data, stringData]")).hash != parse(SECRETS).hash


@pytest.mark.parametrize(
    "text",
    [
        "version: 2",
        "version: 1\nkinds: [{fields: [data]}]",
        "version: 1\nkinds: [{kind: Secret, feilds: [data]}]",
        "version: 1\nkinds: [{kind: 'Se.*', fields: [data]}]",
        "kinds: [",
        "",
    ],
)
def test_faulty_rules_are_refused(text: str) -> None:
    """A fault in the rules is an error, never a rule that silently does nothing."""
    with pytest.raises(InvalidRules, match="rules cannot be read"):
        parse(text)
