"""The table of subjects and the tokens in them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts import subjects
from fairlead.contracts.subjects import (
    CLEAN_BATCH,
    RAW_BATCH,
    SUBJECTS,
    account_token,
    executor_subject,
    operation_subject,
)

PARTS = {"watcher", "scrubber", "bridge", "executor"}


def rows(pattern: str) -> list[subjects.Subject]:
    """Rows of the table for a subject."""
    return [row for row in SUBJECTS if row.pattern == pattern]


def test_only_the_scrubber_makes_clean_batches() -> None:
    """Nobody but the scrubber reads raw batches or publishes clean ones, and only the bridge reads those."""
    (raw,), (clean,) = rows(RAW_BATCH), rows(CLEAN_BATCH)

    assert raw.consumers == clean.publishers == ("scrubber",)
    assert clean.consumers == ("bridge",)


def test_the_table_is_whole() -> None:
    """Each subject constant has one row, and rows name services of the zone only."""
    constants = {
        value for name, value in vars(subjects).items() if name.isupper() and str(value).startswith("fairlead.")
    }

    assert {row.pattern.removesuffix(".*") for row in SUBJECTS} == constants
    assert len({row.pattern for row in SUBJECTS}) == len(SUBJECTS)
    assert {who for row in SUBJECTS for who in (*row.publishers, *row.consumers)} == PARTS


@given(st.text(max_size=300), st.text(max_size=300))
def test_account_tokens(account: str, other: str) -> None:
    """Any name gives one token without dots, blanks or wildcards; two names never share one."""
    token = account_token(account)

    assert re.fullmatch(r"[\w~-]+", token, flags=re.ASCII)
    assert (token == account_token(other)) == (account == other)


def test_plain_names_stay_readable() -> None:
    """A name that is a plain token is its own."""
    assert operation_subject("prod-1_a") == "fairlead.operation.prod-1_a"
    assert operation_subject("prod.eu").startswith("fairlead.operation.~")
    assert executor_subject("executor-0") == "fairlead.executor.executor-0"
