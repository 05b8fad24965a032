"""The queries that dashboards and alerts are made of.

A process tells only what its services count, so a metric's name alone says whose it is. What every process tells of itself
(`up`, memory, processor) is told apart by the job: ``fairlead-<service>``, and ``fairlead-agent`` for the agent in one process.
"""

from __future__ import annotations

AGENT_SERVICES = ("watcher", "scrubber", "bridge", "executor")
SERVICES = (*AGENT_SERVICES, "gateway")
EVERY_JOB = 'job=~"fairlead-.+"'
WINDOW = "$__rate_interval"
"""Grafana's: long enough for the scrape interval, short enough for the width of the panel."""


def job(service: str) -> str:
    """The matcher of the targets in which a service runs: ``job=~"fairlead-(watcher|agent)"``."""
    return f'job=~"fairlead-({service}|agent)"' if service in AGENT_SERVICES else f'job="fairlead-{service}"'


def select(metric: str, *matchers: str) -> str:
    """A metric with matchers."""
    return f"{metric}{{{', '.join(matchers)}}}" if matchers else metric


def total(selector: str, by: str = "") -> str:
    """Sum of a gauge."""
    return f"sum{_by(by)}({selector})"


def highest(selector: str, by: str = "") -> str:
    """Of what one gateway tells for all: a change of duty shows nothing twice."""
    return f"max{_by(by)}({selector})"


def rate(selector: str, by: str = "", window: str = WINDOW) -> str:
    """How often a second."""
    return f"sum{_by(by)}(rate({selector}[{window}]))"


def increase(selector: str, by: str = "", window: str = WINDOW) -> str:
    """How often within a window."""
    return f"sum{_by(by)}(increase({selector}[{window}]))"


def quantile(q: float, buckets: str, by: str = "", window: str = WINDOW) -> str:
    """A quantile of a histogram, of the selector of its buckets."""
    return f"histogram_quantile({q:g}, {rate(buckets, ', '.join(filter(None, ('le', by))), window)})"


def share(part: str, whole: str) -> str:
    """One rate as a share of another; nothing where there is no traffic."""
    return f"{part} / ({whole} > 0)"


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""
