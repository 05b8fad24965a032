"""Real neighbours: tests that use one are marked ``real``; one that cannot be had is a loud, counted skip."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.support.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX = "REAL PART MISSING"
_FIXTURES = {"nats_server", "nats_servers", "database", "postgres", "postgres_server", "control_plane", "namespace"}


def require_part(name: str, reason: str) -> NoReturn:
    """Skip the test because a real part cannot be had; fail it when the run demands all of them."""
    message = f"{_PREFIX}: {name}: {reason}"
    if OPTIONS.require_real:
        pytest.fail(f"{message} (FAIRLEAD_REQUIRE_REAL is set)", pytrace=False)
    pytest.skip(message)


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Mark each test that uses a real part, so that ``-m "not real"`` is the quick run."""
    for item in items:
        if _FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end how many tests were skipped for want of a part, and why."""
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and _PREFIX in report.longrepr[2]
    ]
    if reasons:
        terminalreporter.section(f"REAL PARTS MISSING: {len(reasons)} tests skipped", sep="!", red=True, bold=True)
        for reason in sorted(set(reasons)):
            terminalreporter.line(f"{reasons.count(reason)} of them: {reason}")
