"""What a failed dial means."""

from __future__ import annotations

import pytest

from fairlead.bridge.core.diagnosis import Symptom, explain


@pytest.mark.parametrize("symptom", Symptom)
def test_each_symptom_has_advice(symptom: Symptom) -> None:
    """The message names the address, what to look at, and what the library said, bounded."""
    told = explain("gateway:9091", symptom, "x" * 1000)

    assert told.startswith("no link to gateway:9091: ")
    assert len(told) < 500


def test_settings_are_named() -> None:
    """A certificate that is not accepted leads to the settings that decide about it."""
    assert "clouddriver.tls.cacertFile" in explain("g:1", Symptom.CERTIFICATE)
    assert "clouddriver.insecure" in explain("g:1", Symptom.TLS)
