"""Settings of the scrubber."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fairlead.runtime.sections import Seconds, ServiceSettings
from fairlead.runtime.settings import Section


class ScrubbingSettings(Section):
    """How batches are scrubbed (`scrubbing`)."""

    strict: bool = False
    """Refuse batches with fields that this release does not know, instead of dropping and counting those."""
    batches_under_way: Annotated[int, Field(ge=1, le=64)] = 4
    """Batches that are worked on at once; each may hold up to 8 MiB, and as much again while it is encoded."""
    publish_timeout_seconds: Seconds = 5.0
    """How long the clean log may take to store a batch."""
    busy_retry_ms: Annotated[int, Field(ge=1)] = 500
    """When the watcher may try again after the clean log took nothing."""


class Settings(ServiceSettings):
    """What the scrubber reads."""

    scrubbing: ScrubbingSettings = ScrubbingSettings()
