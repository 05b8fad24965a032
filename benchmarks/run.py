"""Measure the figures and print them beside their targets.

make bench                          everything (several minutes)
.venv/bin/python -m benchmarks.run --only sustained
.venv/bin/python -m benchmarks.run --pods 2000 --config-maps 3000 --dry    a rehearsal that writes no result
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import exchanges, observation, reading, sustained
from benchmarks.figures import RESULTS, Figure, environment, last_values, show, write

CHAPTERS = ("observation", "sustained", "exchanges", "reading")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Measure Fairlead's figures on this machine.")
    parser.add_argument("--only", choices=CHAPTERS, help="measure only these")
    parser.add_argument("--pods", type=int, default=20_000)
    parser.add_argument("--config-maps", type=int, default=30_000)
    parser.add_argument("--dry", action="store_true", help="write no result")
    parser.add_argument("--profile", action="store_true", help="sample the services too, into results/profiles.md")
    options = parser.parse_args()
    conditions = environment()
    before = last_values()
    directory = Path(tempfile.mkdtemp(prefix="fairlead-bench-"))
    directory.chmod(0o755)  # PostgreSQL's own user has to reach its folder below
    figures: list[Figure] = []
    profiles = RESULTS / "profiles.md" if options.profile else None
    try:
        if options.only in (None, "observation"):
            figures += observation.measure(
                directory, pods=options.pods, config_maps=options.config_maps, profiles=profiles
            )
        if options.only in (None, "sustained"):
            figures += sustained.measure(directory / "sustained")
        if options.only in (None, "exchanges"):
            figures += exchanges.measure(directory / "exchanges")
        if options.only in (None, "reading"):
            figures += reading.measure(directory / "reading")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    show(figures, before)
    if not options.dry:
        print(f"written to {write(figures, conditions)}")


if __name__ == "__main__":
    main()
