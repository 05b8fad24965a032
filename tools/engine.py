"""Find out whether the compose stack can be brought up here; says why not, and then ends with 1.

It can where a container engine answers and has the base image and every image of the stack's neighbours, or can pull them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = "python:3.13-slim"
FILES = ("infra/compose/compose.yaml", "infra/compose/observability.yaml")
ANSWER_S = 10
PULL_S = 600
_TOLD = 200


class Missing(Exception):
    """Why the stack cannot be brought up here."""


def main(arguments: list[str]) -> int:
    """Ask the engine; the argument is the base image. Returns the exit code."""
    try:
        answers()
        for image in [*(arguments or [BASE]), *neighbours()]:
            have(image)
    except Missing as missing:
        print(missing)
        return 1
    return 0


def answers() -> None:
    """Insist on an engine and on compose."""
    for command in (["docker", "version", "--format", "{{.Server.Version}}"], ["docker", "compose", "version"]):
        code, said = run(command, ANSWER_S)
        if code != 0:
            raise Missing(f"no container engine answers: {said}")


def neighbours() -> list[str]:
    """The images of the stack that are not built here."""
    stacked = [word for file in FILES for word in ("--file", file)]
    code, said = run(["docker", "compose", *stacked, "config", "--format", "json"], ANSWER_S)
    if code != 0:
        raise Missing(f"the stack's description is wrong: {said}")
    images = {name: service["image"] for name, service in json.loads(said)["services"].items()}
    prefix, _, tag = images["prepare"].rpartition("fairlead:")
    built = {images["prepare"]} | {f"{prefix}{name}:{tag}" for name in images}
    return sorted(set(images.values()) - built)


def have(image: str) -> None:
    """Insist on an image: on the engine, or pulled now."""
    if run(["docker", "image", "inspect", "--format", "{{.Id}}", image], ANSWER_S)[0] == 0:
        return
    code, said = run(["docker", "pull", "--quiet", image], PULL_S)
    if code != 0:
        raise Missing(f"{image} is not on the engine and cannot be pulled: {said}")


def run(command: list[str], timeout_s: float) -> tuple[int, str]:
    """Run a command; its exit code, and what it printed, or the last it said when it failed."""
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=timeout_s)
    except FileNotFoundError:
        return 127, f"there is no {command[0]} here"
    except subprocess.TimeoutExpired:
        return 124, f"`{' '.join(command[:3])}` took more than {timeout_s:g} s"
    if done.returncode == 0:
        return 0, done.stdout.strip()
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return done.returncode, lines[-1][:_TOLD]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
