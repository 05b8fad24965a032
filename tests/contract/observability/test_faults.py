"""Parts of a real stack are taken away, and Prometheus begins to wait for the alerts that tell so."""

from __future__ import annotations

import pytest
from tests.support.observed_stack import Observed
from tests.support.polling import wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

FAULTS = {
    "gateway": {"FairleadGatewayAbsent", "FairleadTargetDown", "FairleadLinkDown"},
    "postgres": {"FairleadDatabaseDown"},
    "nats": {"FairleadBusLost"},
    "scrubber": {"FairleadNoScrubber", "FairleadTargetDown"},
}
"""What tells that a part is away, as soon as that has lasted."""
LINGER = {"FairleadNoScrubber"}
"""Alerts that look back over minutes."""


@pytest.mark.parametrize(("part", "alerts"), FAULTS.items(), ids=FAULTS)
def test_a_part_that_is_away_is_told(observed: Observed, part: str, alerts: set[str]) -> None:
    """The alerts for it wait to fire while it is away, and do not once it is back."""
    observed.stack.kill(part)
    try:

        def seen() -> bool:
            observed.change()  # a watcher misses the scrubber only when it has something for it
            return alerts <= observed.alarms()

        wait_until(seen, within_s=90, what=f"{alerts} without {part}")
    finally:
        observed.stack.start(part)
        observed.adopt()
    wait_until(lambda: not (alerts - LINGER) & observed.alarms(), within_s=90, what=f"peace with {part}")
