"""Entry point of the executor as a program of its own."""

from __future__ import annotations

from fairlead.executor.service import build
from fairlead.executor.settings import Settings
from fairlead.runtime import program


def main() -> None:
    """Run the executor until a signal ends it."""
    program.main("executor", Settings, lambda settings: [build(settings)])


if __name__ == "__main__":
    main()
