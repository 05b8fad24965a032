"""What a reflector counts stands under its account and resource."""

from __future__ import annotations

from prometheus_client import REGISTRY

from fairlead.watcher.flows.figures import Figures

OF = {"account": "figures", "resource": "pods"}


def value(name: str, **labels: str) -> float | None:
    """What a series says."""
    return REGISTRY.get_sample_value(f"fairlead_watcher_{name}", labels)


def test_reflectors_of_several_namespaces_count_together() -> None:
    """Two of one resource share their series."""
    one, other = Figures("figures", "pods"), Figures("figures", "pods")
    one.events.inc(2)
    other.events.inc(3)
    one.session_opens("start")
    other.list_begins("pages")
    other.listed(0.2)
    with one.watches.track_inprogress(), other.watches.track_inprogress(), one.backing_off.track_inprogress():
        assert (value("watches", account="figures"), value("backing_off", account="figures")) == (2, 1)

    assert (value("watches", account="figures"), value("backing_off", account="figures")) == (0, 0)
    assert value("events_total", **OF) == 5
    assert (value("sessions_total", **OF, reason="start"), value("lists_total", **OF, reason="pages")) == (1, 1)
    assert (value("list_seconds_count", resource="pods") or 0) >= 1
