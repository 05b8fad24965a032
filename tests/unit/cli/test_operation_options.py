"""Options of operations, as they are understood."""

from __future__ import annotations

import pytest

from fairlead.cli.errors import MisuseError
from fairlead.cli.operation_options import Acting, Looking, Running


def test_durations_are_seconds() -> None:
    """Those that were said, and the defaults."""
    assert (Looking().wait_s, Running().wait_s) == (30.0, 300.0)
    assert (Acting(wait="0", timeout="2m").wait_s, Acting(timeout="2m").timeout_s) == (0.0, 120.0)


@pytest.mark.parametrize(("how", "option"), [(Acting(wait="soon"), "--wait"), (Acting(timeout="soon"), "--timeout")])
def test_what_is_no_duration_names_its_option(how: Acting, option: str) -> None:
    """So that the message says what to change."""
    with pytest.raises(MisuseError, match=option):
        _ = (how.wait_s, how.timeout_s)
