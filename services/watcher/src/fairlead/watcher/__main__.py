"""The watcher as a program of its own."""

from __future__ import annotations

from fairlead.runtime import program
from fairlead.watcher.service import build
from fairlead.watcher.settings import Settings


def main() -> None:
    """Run the watcher."""
    program.main("watcher", Settings, lambda settings: [build(settings)])


if __name__ == "__main__":
    main()
