"""The `fairlead` command."""

from __future__ import annotations

from fairlead.cli.app import run


def main() -> None:
    """Run the command line and exit with its code."""
    run()


if __name__ == "__main__":
    main()
