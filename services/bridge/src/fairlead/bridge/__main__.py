"""Entry point of the bridge."""

from __future__ import annotations

from fairlead.bridge.service import build
from fairlead.bridge.settings import Settings
from fairlead.runtime import program


def main() -> None:
    """Run the bridge until it is told to stop."""
    program.main("bridge", Settings, lambda settings: [build(settings)])


if __name__ == "__main__":
    main()
