"""What a service's `/metrics` says, in tests."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families


def total(url: str, name: str, **labels: str) -> float:
    """The sum of a metric's series that carry some labels; 0.0 where there is none yet."""
    text = httpx.get(url, trust_env=False).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
