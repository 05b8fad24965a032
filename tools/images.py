"""Build the images of all programs from their one recipe, print their sizes, and hold them to their bounds.

``make images`` runs it, with IMAGE_PREFIX, IMAGE_TAG, PYTHON_IMAGE and BUILD_CA as they are set for make.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECIPE = "infra/images/Dockerfile"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Image:
    """One image: a member of the workspace, the program that it starts, and how much it may add to the base image."""

    name: str
    member: str
    program: str
    bound_mib: int


IMAGES = (
    Image("watcher", "fairlead-watcher", "fairlead-watcher", 180),
    Image("scrubber", "fairlead-scrubber", "fairlead-scrubber", 50),
    Image("bridge", "fairlead-bridge", "fairlead-bridge", 70),
    Image("executor", "fairlead-executor", "fairlead-executor", 180),
    Image("gateway", "fairlead-gateway", "fairlead-gateway", 115),
    Image("fairlead", "fairlead-cli", "fairlead", 250),
)


def main(arguments: list[str]) -> int:
    """Build the named images, or all; returns the exit code."""
    known = [image.name for image in IMAGES]
    parser = argparse.ArgumentParser(description="Build Fairlead's images.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; default: all")
    parser.add_argument("--prefix", default="fairlead/", help="before each name (default: %(default)s)")
    parser.add_argument("--tag", default=workspace_version(), help="default: the workspace's version")
    parser.add_argument("--base", default="python:3.13-slim", help="image of Python (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="take nothing from earlier builds")
    parser.add_argument("--ca", default="", help="authority of a proxy that intercepts TLS; it gets into no image")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(known))
    if unknown:
        parser.error(f"no such image: {', '.join(unknown)}; there are {', '.join(known)}")
    images = [image for image in IMAGES if not chosen.names or image.name in chosen.names]
    for image in images:
        build(image, f"{chosen.prefix}{image.name}:{chosen.tag}", chosen.base, chosen.ca, fresh=chosen.fresh)
    base_bytes = size_bytes(chosen.base)
    kept = [report(image, f"{chosen.prefix}{image.name}:{chosen.tag}", base_bytes) for image in images]
    return 0 if all(kept) else 1


def workspace_version() -> str:
    """The version of the workspace."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def build(image: Image, reference: str, base: str, ca: str, *, fresh: bool) -> None:
    """Build one image; raises CalledProcessError."""
    arguments = {
        "PYTHON_IMAGE": base,
        "MEMBER": image.member,
        "PROGRAM": image.program,
        "VERSION": workspace_version(),
        "REVISION": revision(),
    }
    command = ["docker", "build", "--quiet", "--file", RECIPE, "--tag", reference]
    command += [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    command += ["--secret", f"id=ca,src={ca}"] if ca else []
    command += ["--no-cache"] if fresh else []
    run([*command, "."])


def report(image: Image, reference: str, base_bytes: int) -> bool:
    """Print the size of an image; tells whether it keeps to its bound."""
    whole = size_bytes(reference)
    own_mib = (whole - base_bytes) / MIB
    kept = own_mib <= image.bound_mib
    verdict = "" if kept else f"   TOO LARGE: more than {image.bound_mib} MiB"
    sys.stdout.write(f"{reference:36} {whole / MIB:6.0f} MiB, {own_mib:4.0f} of them beyond the base{verdict}\n")
    return kept


def size_bytes(reference: str) -> int:
    """Size of an image that the engine has."""
    return int(run(["docker", "image", "inspect", "--format", "{{.Size}}", reference]))


def revision() -> str:
    """The commit that is built."""
    return run(["git", "rev-parse", "HEAD"])


def run(command: list[str]) -> str:
    """Run a command in the root of the repository and return what it prints; its errors go to the terminal."""
    result = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return result.stdout.strip()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except FileNotFoundError as error:
        sys.exit(f"make images needs {error.filename}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(error.cmd[:2])} failed with {error.returncode}; what it said stands above")
