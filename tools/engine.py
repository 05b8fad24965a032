"""Find out whether the compose stack can be brought up here; says why not, and then ends with 1.

It can where a container engine answers and has the base image and every image of the stack's neighbours, or can pull them.
With ``--run COMMAND…`` an engine that is installed and not running is started, for this command alone; where there can be none,
the command is left out, which is said and no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = "python:3.13-slim"
FILES = ("infra/compose/compose.yaml", "infra/compose/observability.yaml")
ANSWER_S = 10
PULL_S = 600
START_S = 60
STOP_S = 60
LOG = ROOT / ".local" / "dockerd.log"
SOCKET = "unix:///var/run/docker.sock"
"""Where an engine listens that is started without words."""
_ENDPOINT = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
_ASKED = ["docker", "version", "--format", "{{.Server.Version}}"]
_POLL_S = 0.2
_TOLD = 200


class Missing(Exception):
    """Why the stack cannot be brought up here."""


def main(arguments: list[str]) -> int:
    """Ask the engine, and run a command where there is one. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Find out whether the compose stack can be brought up here.")
    parser.add_argument("base", nargs="?", default=BASE, help="the images' base")
    parser.add_argument("--run", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run, or to leave out")
    asked = parser.parse_args(arguments)
    try:
        if not asked.run:
            insist(asked.base)
            return 0
        with started():
            insist(asked.base)
            return subprocess.run(asked.run, cwd=ROOT, check=False).returncode
    except Missing as missing:
        print(f"\n── {' '.join(asked.run)} is left out: {missing}" if asked.run else missing)
        return 0 if asked.run else 1


def insist(base: str) -> None:
    """Insist on an engine and on every image."""
    answers()
    for image in [base, *neighbours()]:
        have(image)


@contextmanager
def started() -> Iterator[None]:
    """Start the engine of this machine, if it does not answer and is ours to start; it ends with the context.

    Raises:
        Missing: it does not start.

    """
    daemon, (_, asked) = shutil.which("dockerd"), run(_ENDPOINT, ANSWER_S)
    if daemon is None or asked != SOCKET or os.geteuid() != 0 or run(_ASKED, ANSWER_S)[0] == 0:
        yield
        return
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        process = subprocess.Popen([daemon], stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + START_S
        while run(_ASKED, ANSWER_S)[0] != 0:
            if process.poll() is not None or time.monotonic() > until:
                raise Missing(f"dockerd does not start: {last_line(LOG.read_text(encoding='utf-8'))}")
            time.sleep(_POLL_S)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers() -> None:
    """Insist on an engine and on compose."""
    for command in (_ASKED, ["docker", "compose", "version"]):
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
    return done.returncode, last_line(done.stderr) or f"exit code {done.returncode}"


def last_line(text: str) -> str:
    """What a text ends with, shortened."""
    return text.strip().rpartition("\n")[2][:_TOLD]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
