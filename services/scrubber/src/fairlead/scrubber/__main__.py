"""Entry point of the scrubber."""

from __future__ import annotations

from fairlead.runtime import program
from fairlead.scrubber.service import build
from fairlead.scrubber.settings import Settings


def main() -> None:
    """Run the scrubber until it is told to stop."""
    program.main("scrubber", Settings, lambda settings: [build(settings)])


if __name__ == "__main__":
    main()
