"""Composition root of the scrubber."""

from __future__ import annotations

from importlib import resources

from fairlead.contracts.streams import MAX_PAYLOAD_BYTES
from fairlead.runtime.bus import attach
from fairlead.runtime.lifecycle import Scope, Service
from fairlead.scrubber.adapters import bus as adapter
from fairlead.scrubber.core.redaction import Redactor
from fairlead.scrubber.core.rules import Rules, parse
from fairlead.scrubber.flows import Scrubbing
from fairlead.scrubber.settings import Settings


def shipped_rules() -> Rules:
    """The rules that come with this release."""
    return parse(resources.files("fairlead.scrubber").joinpath("rules.yaml").read_text(encoding="utf-8"))


def build(settings: Settings) -> Service:
    """Make the scrubber from its settings."""
    rules = shipped_rules()

    async def start(scope: Scope) -> None:
        bus = await attach(scope, settings.nats)
        scrubbing = Scrubbing(
            adapter.JetStreamCleanLog(bus, timeout_s=settings.scrubbing.publish_timeout_seconds),
            Redactor(rules).redact,
            rules.hash,
            strict=settings.scrubbing.strict,
            limit_bytes=MAX_PAYLOAD_BYTES,
            busy_retry_ms=settings.scrubbing.busy_retry_ms,
        )
        await adapter.serve(bus, scope, scrubbing.handle, scrubbing.rules, slots=settings.scrubbing.batches_under_way)

    return Service("scrubber", start)
